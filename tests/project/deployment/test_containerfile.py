"""The container file builds the product: its steps are carried out in a clean root, and what it starts answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePath

import psutil
import pytest

from app.config import PROJECT_ROOT
from tests.processes import Program, free_port, wait_for
from tests.project.deployment.clean_root import SUITE, Build, Stage, copied, instructions, missing

CONTAINERFILE = PROJECT_ROOT / "docs" / "deployment" / "Containerfile"
CACHE = PROJECT_ROOT / "build" / "clean-root"
"""Where the next try finds what this one has downloaded."""

IGNORING = (CONTAINERFILE.parent / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
STEPS = list(instructions(CONTAINERFILE))
USER = 10001


def sources() -> list[str]:
    """What is copied out of the project."""
    copies = [one.rest.split()[:-1] for one in STEPS if one.word == "COPY"]
    return [source for words in copies for source in words if not words[0].startswith("--from=")]


def is_let_through(name: str) -> bool:
    """Whether a file of the project reaches the image: the last line that names it, or a folder of it, decides."""
    path, there = PurePath(name), True
    for line in IGNORING:
        pattern = line.removeprefix("!").removeprefix("**/")
        if not line.startswith("#") and any(place.match(pattern) for place in (path, *path.parents)):
            there = line.startswith("!")
    return there


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The image, as far as a folder can be one; torch comes from where this machine has it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return Build(tmp_path_factory.mktemp("image"), CACHE, {"TORCH_INDEX": ""}).run(CONTAINERFILE)


def test_everything_that_is_copied_is_there_and_let_through() -> None:
    assert [source for source in sources() if not copied(source)] == []
    assert IGNORING[1] == "*"
    assert sorted(line.removeprefix("!") for line in IGNORING if line.startswith("!")) == sorted(
        source.rstrip("/") for source in sources()
    )


def test_no_secret_reaches_the_image() -> None:
    assert is_let_through("docs/deployment/compose.env.example")
    secret = ["docs/deployment/.env", "docs/deployment/.env.old", "docs/.env", ".env"]
    assert [name for name in secret if is_let_through(name)] == []


def test_the_image_is_of_two_stages_and_ends_as_a_user_without_rights() -> None:
    stages = [one.rest for one in STEPS if one.word == "FROM"]
    assert [bool(SUITE.fullmatch(stage.partition(" AS ")[0])) for stage in stages] == [True, True]
    after = [one.word for one in STEPS][-len(STEPS) :]
    assert after.index("USER") > max(place for place, word in enumerate(after) if word == "RUN")
    assert [one.rest for one in STEPS if one.word == "USER"] == [str(USER)]


@pytest.fixture
def started(built: Stage) -> Iterator[tuple[Program, int]]:
    """What the image starts, and the port at which it is to answer."""
    port = free_port()
    command = built.started(built.command, {"HOST": "127.0.0.1", "PORT": str(port)})
    with Program(command, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, Path("/")) as program:
        yield program, port


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_the_steps_build_a_product_that_answers_and_stops(started: tuple[Program, int]) -> None:
    program, port = started
    program.wait_for_line("Mellow is ready: ")
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        code, body = ask(port, path)
        assert (code, json.loads(body)["status"]) == (200, status)
    code, page = ask(port, "/sign-in")
    assert code in (200, 302), page
    launcher = next(one for one in program.find("app.launch.launcher") if one.cmdline()[0] == "python")
    assert {process.uids().real for process in [launcher, *launcher.children(recursive=True)]} == {USER}
    launcher.terminate()
    wait_for(lambda: program.line("Mellow has stopped."), what="the end")
    wait_for(lambda: not psutil.pid_exists(launcher.pid), what="the end of the launcher")


def ask(port: int, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
