"""Two web machines and three workers on an empty PostgreSQL, started at once: one version 1, and a run done once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from app.runtime.embedded_queue import EmbeddedQueue
from tests.e2e.machines import Client, Common, running
from tests.e2e.test_worker_elsewhere import procfile, readme_command
from tests.processes import ADMIN, ADMIN_TOKEN, Api, Program, wait_for
from tests.scorer_cache import share_cache

WORKERS = ("first", "second", "third")


@pytest.mark.slow
def test_two_web_machines_and_three_workers_share_one_studio(
    tmp_path: Path, postgres_url: str, queue_url: str, queue_server: EmbeddedQueue
) -> None:
    common = Common(postgres_url, queue_url, tmp_path)
    common.settings.update(ADMIN)
    with ExitStack() as stack:
        releases = [
            stack.enter_context(Program(procfile("release"), common.environment(name))) for name in ("one", "another")
        ]
        assert [release.wait() for release in releases] == [0, 0], [release.tail() for release in releases]
    with ExitStack() as stack:
        machines = stack.enter_context(running(common, "one", "another"))
        for name in WORKERS:
            share_cache(tmp_path / name)
            stack.enter_context(Program(readme_command(), common.environment(name)))
        admin = Client([machine.port for machine in machines], ADMIN_TOKEN)
        assert [version["number"] for version in admin.call("GET", "/versions")] == [1]
        for text in ("You are a stupid idiot", "Your idea is garbage"):
            screen = admin.call("POST", "/generations", {"text": text})
            chosen = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][0]["id"]}
            admin.call("POST", "/judgments", chosen)
        asked = {"method": "dpo", "config": {"preset": "seed"}}
        run_id = admin.call("POST", "/training-runs", asked)["id"]
        assert admin.call("POST", "/training-runs", asked)["id"] == run_id

        def ended() -> bool:
            run = admin.call("GET", f"/training-runs/{run_id}")
            assert run["status"] in ("queued", "running", "succeeded"), run
            return bool(run["status"] == "succeeded")

        wait_for(ended, 240, what="the run")
        assert [version["number"] for version in admin.call("GET", "/versions")] == [2, 1]
        assert admin.call("GET", f"/training-runs/{run_id}")["attempts"] == 1
        for machine in machines:
            Api(machine.port).wait_for_version(2)
        assert [sorted(machine.home.rglob("*")) for machine in machines] == [[], []]
    common.sessions.kw["bind"].dispose()
