"""The loop on an object store: a worker publishes, web processes of other machines fetch, serve, and outlive outages.

Another machine is another cache here; the store is a real server, reached through a proxy where it is to be away.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.db import TrainingRun, Version
from app.services.versions import versions
from models.store.manifest import MANIFEST_NAME
from models.store.store import CheckpointStore
from tests import factories
from tests.objects.proxy import Fault, Proxy
from tests.objects.server import ObjectServer
from tests.processes import free_port
from tests.studio import Person, close, parts, rewriter, rows
from worker.publish import release
from worker.publish.release import Facts
from worker.studio import patience
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio

FACTS = Facts(parent=1, method="dpo", config={}, data_sha256="d" * 64, metrics={"parity": 1e-6})


@pytest.fixture
def settings(settings: Settings, address: str) -> Settings:
    """The settings of a web machine whose versions are in an object store."""
    return dataclasses.replace(settings, store=settings.home / "cache" / "versions", store_address=address)


def worker(settings: Settings, machine: Path) -> Studio:
    """The studio as the worker of another machine has it."""
    return Studio.of(dataclasses.replace(settings, store=machine / "cache" / "versions"))


def release_copy(studio: Studio, published: CheckpointStore, number: int, attempt: Attempt | None = None) -> None:
    """Release a tiny version as a run does."""
    first = dataclasses.replace(FACTS, parent=None, method="base")
    with studio.store.stage() as staged:
        shutil.copytree(published.folder(number), staged, dirs_exist_ok=True)
        (staged / MANIFEST_NAME).unlink()
        release.release(studio, staged, first if number == 1 else FACTS, None, attempt)


@pytest.fixture
def other_machine(settings: Settings) -> Iterator[Flask]:
    """A web process of another machine, which shares the database, the queue and the store."""
    home = settings.home / "elsewhere"
    home.mkdir()
    elsewhere = create_app(dataclasses.replace(settings, home=home, store=home / "cache" / "versions"))
    yield elsewhere
    close(elsewhere)


def test_what_a_worker_publishes_every_web_machine_fetches_and_serves(
    app: Flask, other_machine: Flask, session: Session, settings: Settings, published: CheckpointStore, tmp_path: Path
) -> None:
    machine = worker(settings, tmp_path / "worker")
    release_copy(machine, published, 1)
    for web in (app, other_machine):
        assert len(rewriter(web).generate("you are stupid", parts(web).sampling).candidates) == 3
    release_copy(machine, published, 2)
    for web in (app, other_machine):
        parts(web).serving.refresh()
        assert parts(web).generator().version == 2
        assert parts(web).store.verify(2) == machine.store.manifest(2)
    assert rows(session, Version)[1].location == f"{settings.store_address}/versions/000002.json"
    assert [path.name for path in sorted((settings.home / "elsewhere" / "cache" / "versions").glob("0*"))] == [
        "000001",
        "000002",
    ]


def test_a_deleted_version_is_gone_from_the_store_and_from_this_machine(
    app: Flask,
    session: Session,
    settings: Settings,
    published: CheckpointStore,
    tmp_path: Path,
    object_server: ObjectServer,
    admin: Person,
) -> None:
    machine = worker(settings, tmp_path / "worker")
    release_copy(machine, published, 1)
    release_copy(machine, published, 2)
    parts(app).store.folder(1)
    versions.delete(session, parts(app).store, admin.id, 1, "1")
    assert machine.store.numbers() == [2]
    assert not parts(app).store.place(1).exists()
    bucket = object_server.root / settings.store_address.removeprefix("s3://")
    assert not list((bucket / "files").glob("000001-*/*"))


def test_while_the_store_is_away_what_serves_goes_on_serving(
    app: Flask,
    settings: Settings,
    published: CheckpointStore,
    tmp_path: Path,
    reach: Callable[[int], None],
    admin: Person,
) -> None:
    release_copy(worker(settings, tmp_path / "worker"), published, 1)
    parts(app).generator()
    reach(free_port())
    started_anew = create_app(settings)
    try:
        with pytest.raises(Exception, match="does not answer"):
            parts(started_anew).store.numbers()
        ready = started_anew.test_client().get("/readyz")
        assert (ready.status_code, ready.json and ready.json["version"]) == (200, 1)
        said = "The store of versions does not answer: nothing can be published, and the log says why."
        assert ready.json is not None
        assert ready.json["checks"]["store"] == said
        person = dataclasses.replace(admin, app=started_anew)
        pairs = "".join(f"you are bad {row}\tplease mind {row}\n" for row in range(60))
        refused = person.call(
            "POST", "/datasets", data=f"source\ttarget\n{pairs}", content_type="text/tab-separated-values"
        )
        assert refused.status_code == 503, refused.text
        assert refused.json is not None
        assert refused.json["detail"] == "The store of versions does not answer."
        assert refused.headers["Retry-After"] == "2"
        page = person.browser().get("/admin/system").text
        assert f"The store {settings.store_address} does not answer: " in page
    finally:
        close(started_anew)


def test_a_run_that_ends_while_the_store_is_away_waits_and_publishes_once(
    app: Flask,
    session: Session,
    settings: Settings,
    published: CheckpointStore,
    tmp_path: Path,
    object_server: ObjectServer,
    reach: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release_copy(worker(settings, tmp_path / "worker"), published, 1)
    away = {"versions": True}

    def come_back() -> None:
        away["versions"] = False

    def fault(line: str) -> Fault:
        return Fault.UNANSWERED if away["versions"] and "/versions/000002" in line else Fault.NONE

    with Proxy(object_server.port, fault) as proxy:
        reach(proxy.port)
        machine = worker(settings, tmp_path / "worker")
        attempt = Attempt.claim(machine.sessions, factories.run(session, total_steps=9).id)
        monkeypatch.setattr(patience, "look_again", come_back)
        release_copy(machine, published, 2, attempt)
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    assert (run.status, run.produced_version) == ("succeeded", 2)
    assert machine.store.numbers() == [1, 2]
    assert [version.number for version in rows(session, Version)] == [1, 2]
