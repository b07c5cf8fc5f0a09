"""The client of docs/examples against a running application and a real worker job, from a text to a new version."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app.config import PROJECT_ROOT
from app.services.versions import versions
from tests.scorer_cache import share_cache
from tests.studio import Person, parts
from worker.job import jobs

QUICK = {"learning_rate": 1e-3, "num_train_epochs": 1, "per_device_train_batch_size": 4}


@pytest.fixture(scope="module")
def client() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("mellow_client", PROJECT_ROOT / "docs/examples/mellow_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the names in annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def url(app: Flask, version_1: int) -> Iterator[str]:
    """Where the application answers, in a thread of this process."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def worker(app: Flask, queue_url: str, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's settings come from its environment; they are the studio's."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_the_whole_loop(client: ModuleType, url: str, worker: None, session: Session, admin: Person) -> None:
    mellow: Any = client.Mellow(url, admin.token)
    screen = mellow.draw("you are stupid")
    assert screen.text == "you are stupid"
    chosen = screen.candidates[0].text
    mellow.choose(screen, 0)

    other = mellow.draw("you are stupid too")
    mellow.undo(mellow.none_is_good(other))
    mellow.edit(other, "I do not agree")
    assert mellow.queue(["one", "two", "one"]) == 2
    queued = mellow.next_from_queue()
    assert queued is not None
    assert queued.text in ("one", "two")

    pairs = list(mellow.preferences())
    expected = len(screen.candidates) - 1 + len(other.candidates)
    assert len(pairs) == expected
    assert {pair["chosen"] for pair in pairs} == {chosen, "I do not agree"}

    run = mellow.retrain("dpo", **QUICK)
    assert (run.status, run.ended) == ("queued", False)
    assert mellow.retrain("dpo", **QUICK).id == run.id, "asking twice is one run"
    with pytest.raises(client.MellowError, match="has not ended within 0 seconds"):
        mellow.wait(run.id, seconds=0, every=0.01)
    training = threading.Thread(target=jobs.train, args=(run.id,))
    training.start()
    try:
        ended = mellow.wait(run.id, seconds=200, every=0.1)
    finally:
        training.join()
    assert (ended.status, ended.version, ended.error) == ("succeeded", 2, None)
    session.rollback()
    assert versions.serving_number(session) == 2, "the gate has no reason to hold it back"

    assert [version.number for version in mellow.versions()] == [2, 1]
    for number in (1, 2):
        mellow.promote(number)
        session.rollback()
        assert versions.serving_number(session) == number
        assert [version.number for version in mellow.versions() if version.serving] == [number]


def test_refusals_are_one_sentence(client: ModuleType, url: str, admin: Person) -> None:
    mellow: Any = client.Mellow(url, admin.token)
    with pytest.raises(client.MellowError, match=r"^There is no version 9\.$") as refusal:
        mellow.promote(9)
    assert refusal.value.status == 404
    with pytest.raises(client.MellowError, match="API token is not known"):
        client.Mellow(url, "nobody").draw("x")
    with pytest.raises(client.MellowError, match="cannot be reached"):
        client.Mellow("http://127.0.0.1:9", admin.token).versions()
    with pytest.raises(client.MellowError, match="must begin with http"):
        client.Mellow("file:///etc", admin.token)
