"""The files for containers say what their published schemas allow, and start what the Procfile starts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from flask import Flask
from sqlalchemy import text

from app.config import PROJECT_ROOT, SETTING_NAMES
from app.db import RunStatus
from app.launch.programs import read_procfile
from tests import factories
from tests.studio import parts

FOLDER = PROJECT_ROOT / "docs" / "deployment"
KUBERNETES = sorted((FOLDER / "kubernetes").glob("*.yaml"))
OLDEST, NEWEST = "1.31", "1.37"
"""The versions of Kubernetes whose schemas the manifests are held to."""

PROCFILE = read_procfile(PROJECT_ROOT / "Procfile")
KEDA = ("ScaledObject", "TriggerAuthentication")
"""The kinds that KEDA adds to those of Kubernetes."""


def manifests(kind: str = "") -> Iterator[dict[str, Any]]:
    """Every object of Kubernetes, or those of a kind."""
    for path in KUBERNETES:
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if kind in ("", found["kind"]):
                yield found


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return read


def containers(kind: str) -> dict[str, dict[str, Any]]:
    """Every container of the deployments by its name."""
    pods = [found["spec"]["template"]["spec"] for found in manifests(kind)]
    return {one["name"]: one for pod in pods for one in [*pod.get("initContainers", ()), *pod["containers"]]}


def shell_line(command: list[str]) -> str:
    """A command as the Procfile would write it."""
    line = command[-1].strip() if command[:2] == ["sh", "-c"] else f'{command[0]} "{command[1]}"'
    return line.removeprefix("exec ").replace("$$", "$")


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field_of_its_manifests(version: str) -> None:
    checked = [
        kubernetes_validate.validate(found, version, strict=True)
        for found in manifests()
        if found["kind"] not in {*KEDA, "Kustomization"}
    ]
    assert len(checked) >= 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**next(manifests("Deployment")), "unknown": 1}, version, strict=True)


@pytest.mark.parametrize("kind", KEDA)
def test_keda_knows_every_field_of_the_autoscaling(kind: str) -> None:
    from cloudcoil.models.keda import v1alpha1  # a second

    [found] = manifests(kind)
    assert getattr(v1alpha1, kind).model_validate(found).model_dump(by_alias=True, exclude_unset=True) == found


def test_the_kustomization_lists_every_manifest() -> None:
    [listed] = manifests("Kustomization")
    assert sorted(listed["resources"]) == [path.name for path in KUBERNETES if path.name != "kustomization.yaml"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_kubectl_builds_what_is_to_be_applied() -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "kubernetes")], capture_output=True, text=True, check=True
    )
    kinds = [found["kind"] for found in yaml.safe_load_all(built.stdout)]
    assert sorted(kinds) == sorted(found["kind"] for found in manifests() if found["kind"] != "Kustomization")
    assert "image: registry.example.org/mellow:release-1-cuda" in built.stdout


def test_the_compose_file_keeps_to_its_specification() -> None:
    schema = resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json")
    validator = jsonschema.validators.validator_for(json.loads(schema.read_text(encoding="utf-8")))
    checking = validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [error.message for error in checking.iter_errors(compose())] == []
    assert not checking.is_valid({**compose(), "service": {}})


def test_what_containers_run_is_what_the_procfile_says() -> None:
    services, deployed = compose()["services"], containers("Deployment")
    for name, line in PROCFILE.items():
        if name == "chat":  # shares a socket with the web, and no container starts it yet: docs/chat.md
            continue
        assert shell_line(services[name]["command"]) == line
        assert shell_line(deployed[name]["command"]) == line


def test_a_studio_is_copied_into_containers_before_anything_fills_its_database() -> None:
    page = (PROJECT_ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    started = re.findall(r"compose\.yaml up -d (.+)$", page, re.MULTILINE)[0].split()
    services = compose()["services"]
    assert [name for name in started if "DATABASE_URL" in services[name]["environment"]] == []
    assert {needed for name in started for needed in services[name].get("depends_on", ())} <= set(started)
    section = page.partition("## Medium in containers")[2].partition("## ")[0]
    given = dict(re.findall(r"\b(MELLOW_STORE|AWS_(?!ENDPOINT)\w+)=(\S+)", section))
    environ = services["web"]["environment"]
    assert given == {name: environ[name] for name in given}
    assert len(given) == 4


def test_every_variable_is_one_that_is_read() -> None:
    [settings] = [found["data"] for found in manifests("ConfigMap")]
    given = set(compose()["services"]["web"]["environment"]) | set(settings)
    assert {name for name in given if not name.startswith("AWS_")} <= set(SETTING_NAMES)
    wanted = set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text(encoding="utf-8")))
    explained = re.findall(r"^(\w+)=", (FOLDER / "compose.env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(explained) == wanted


def test_probes_ask_what_answers(app: Flask) -> None:
    web = containers("Deployment")["web"]
    asked = {web[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {"/readyz", "/healthz"}
    assert {rule.rule for rule in app.url_map.iter_rules()} >= asked


def test_no_container_has_rights_that_it_does_not_need() -> None:
    for one in containers("Deployment").values():
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    users = {found["spec"]["template"]["spec"]["securityContext"]["runAsUser"] for found in manifests("Deployment")}
    assert [f"USER {user}" in (FOLDER / "Containerfile").read_text(encoding="utf-8") for user in users] == [True]


def test_a_worker_that_is_updated_needs_no_second_gpu() -> None:
    [worker] = [found for found in manifests("Deployment") if found["metadata"]["name"] == "mellow-worker"]
    assert worker["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_one_worker_is_there_while_runs_wait_or_work(postgres_app: Flask) -> None:
    [scaled] = manifests("ScaledObject")
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (0, 1)
    [trigger] = scaled["spec"]["triggers"]
    with parts(postgres_app).sessions() as session:
        for status in (RunStatus.QUEUED, RunStatus.SUCCEEDED, RunStatus.FAILED):
            factories.run(session, status)
        assert session.scalar(text(trigger["metadata"]["query"])) == int(trigger["metadata"]["targetQueryValue"])


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not here")
def test_nginx_finds_no_fault_with_the_proxy(tmp_path: Path) -> None:
    there = (FOLDER / "nginx.conf").read_text(encoding="utf-8").replace("server web:8000;", "server 127.0.0.1:8000;")
    (tmp_path / "nginx.conf").write_text(there.replace("/run/nginx.pid", str(tmp_path / "pid")), encoding="utf-8")
    checked = subprocess.run(
        ["nginx", "-t", "-q", "-p", str(tmp_path), "-c", "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
