"""Is the process alive, is it ready, and how is it doing."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from app import create_app
from app.db import RunStatus
from app.runtime.queue import QueueTaken
from app.version import VERSION
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, close, new_settings, parts


@pytest.fixture
def cut_off(app: Flask) -> Iterator[Flask]:
    """The same studio without its queue."""
    cut_off = create_app(dataclasses.replace(parts(app).settings, redis_url="unix:///nowhere/valkey.sock"))
    yield cut_off
    close(cut_off)


def ready(app: Flask) -> tuple[int, object]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.json


def test_a_process_that_answers_is_alive_whatever_else_is_missing(cut_off: Flask) -> None:
    answer = cut_off.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "mellow_version": VERSION})


def test_with_database_queue_and_model_a_process_is_ready(app: Flask, version_1: int) -> None:
    checks = {"database": "ok", "queue": "ok", "model": "ok", "disk": "ok", "store": "ok", "runs": "ok"}
    serving = {"version": 1, "wanted": 1, "projects": ["first"]}
    assert ready(app) == (200, {"status": "ready", "checks": checks, **serving})


def test_without_a_version_it_is_not_ready_and_says_so(app: Flask) -> None:
    checks = {
        "database": "ok",
        "queue": "ok",
        "model": "No version is published yet.",
        "disk": "ok",
        "store": "ok",
        "runs": "ok",
    }
    serving: dict[str, Any] = {"version": None, "wanted": None, "projects": []}
    assert ready(app) == (503, {"status": "not ready", "checks": checks, **serving})


def test_with_a_damaged_version_it_is_not_ready_and_names_no_file(
    app: Flask, session: Session, published: CheckpointStore, admin: Person
) -> None:
    folder = add_version(app, session, published, 1)
    factories.serving(session)
    (folder / "serving" / "model.bin").write_bytes(b"")
    status, body = ready(app)
    assert status == 503
    assert isinstance(body, dict)
    assert body["checks"]["model"] == "Version 1 cannot be loaded: the System page says why."
    page = admin.browser().get("/admin/system").text
    assert "Version 1 is damaged: serving/model.bin differs from its manifest." in page


def test_with_a_version_whose_folder_is_gone_it_names_no_folder(
    app: Flask, session: Session, published: CheckpointStore
) -> None:
    shutil.rmtree(add_version(app, session, published, 1))
    factories.serving(session)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert str(parts(app).settings.home) not in answer.text


def test_while_the_queue_is_away_it_is_not_ready_but_goes_on_serving(
    cut_off: Flask, version_1: int, annotator: Person
) -> None:
    checks = {
        "database": "ok",
        "queue": "The queue does not answer.",
        "model": "ok",
        "disk": "ok",
        "store": "ok",
        "runs": "ok",
    }
    serving = {"version": 1, "wanted": 1, "projects": ["first"]}
    assert ready(cut_off) == (503, {"status": "not ready", "checks": checks, **serving})
    person = Person(cut_off, annotator.id, annotator.email, annotator.token)
    assert person.post("/generations", {"text": "you are stupid"}).status_code == 201


def test_a_run_that_no_worker_takes_is_told_and_makes_nobody_unready(
    app: Flask, version_1: int, session: Session
) -> None:
    run = factories.run(session, method="sft", stage="waiting: no worker takes from gpu")
    status, body = ready(app)
    assert status == 200
    assert isinstance(body, dict)
    assert body["checks"]["runs"] == f"Run {run.id} waits in the queue gpu, from which no worker takes."
    assert figures(app)["mellow_untaken_runs"] == 1


def test_with_the_queue_of_another_studio_that_runs_it_is_not_ready_and_says_so(app: Flask, version_1: int) -> None:
    parts(app).queue.claim("another")
    with pytest.raises(QueueTaken):
        parts(app).queue.claim("this one")
    status, body = ready(app)
    assert status == 503
    assert isinstance(body, dict)
    assert body["checks"]["queue"].startswith(
        "Another studio that runs uses this queue: give each its own QUEUE_PREFIX"
    )


def test_without_tables_it_is_not_ready_and_says_what_to_do(app: Flask) -> None:
    home = parts(app).settings.home
    empty = create_app(new_settings(home, database_url=f"sqlite:///{home / 'empty.db'}"))
    try:
        status, body = ready(empty)
    finally:
        close(empty)
    assert status == 503
    assert isinstance(body, dict)
    assert body["checks"]["database"] == "The database does not answer or has no tables: run the migrations."


def figures(app: Flask) -> dict[str, float]:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return {
        sample.name: sample.value for family in text_string_to_metric_families(answer.text) for sample in family.samples
    }


def test_the_figures_of_an_empty_studio_are_zero(app: Flask) -> None:
    assert figures(app) == {
        "mellow_generations": 0,
        "mellow_judgments": 0,
        "mellow_preferences": 0,
        "mellow_new_judgments": 0,
        "mellow_active_runs": 0,
        "mellow_untaken_runs": 0,
        "mellow_serving_version": 0,
        "mellow_wanted_version": 0,
    }


def test_the_figures_count_what_stands(app: Flask, session: Session, version_1: int, annotator: Person) -> None:
    first = factories.judgment(session, factories.generation(session, annotator.id))
    factories.run(session, RunStatus.SUCCEEDED, last_judgment_id=first.id)
    factories.judgment(session, factories.generation(session, annotator.id))
    factories.judgment(session, factories.generation(session, annotator.id), undone_at=first.created_at)
    factories.run(session)
    parts(app).generator()
    assert figures(app) == {
        "mellow_generations": 3,
        "mellow_judgments": 2,
        "mellow_preferences": 4,
        "mellow_new_judgments": 1,
        "mellow_active_runs": 1,
        "mellow_untaken_runs": 0,
        "mellow_serving_version": 1,
        "mellow_wanted_version": 1,
        "mellow_project_in_memory": 1,
    }


@pytest.fixture
def guarded(app: Flask) -> Iterator[Flask]:
    """The same studio with a METRICS_TOKEN."""
    guarded = create_app(dataclasses.replace(parts(app).settings, metrics_token="a token of sixteen"))
    yield guarded
    close(guarded)


def test_with_a_token_in_the_settings_the_figures_ask_for_it(guarded: Flask, admin: Person) -> None:
    client = guarded.test_client()
    for header in (None, "", "Bearer", "Bearer wrong", f"Bearer {admin.token}", "Basic a token of sixteen", "Bearer é"):
        answer = client.get("/metrics", headers={"Authorization": header} if header is not None else {})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), header
        assert "Send the METRICS_TOKEN of the settings: Authorization: Bearer …" in answer.text
        assert "mellow_judgments" not in answer.text
    answer = client.get("/metrics", headers={"Authorization": "bearer a token of sixteen"})
    assert (answer.status_code, "mellow_judgments" in answer.text) == (200, True)
    assert client.get("/healthz").status_code == 200
