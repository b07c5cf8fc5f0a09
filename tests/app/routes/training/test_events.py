"""A training run as server-sent events."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun
from app.routes.training import events
from app.services.training import runs
from tests import factories
from tests.studio import Person, parts


class Event(NamedTuple):
    """One event as a browser reads it."""

    name: str
    data: Any
    id: int | None = None


def parse(text: str) -> list[Event]:
    found = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            number = int(fields["id"]) if "id" in fields else None
            found.append(Event(fields["event"], json.loads(fields["data"]), number))
    return found


def metrics(found: list[Event]) -> list[tuple[int, float]]:
    return [(event.data["step"], event.data["value"]) for event in found if event.name == "metric"]


def finished_run(session: Session) -> tuple[TrainingRun, list[int]]:
    """A run that succeeded, and the ids of its three metrics."""
    run = factories.run(session, RunStatus.SUCCEEDED, log="first line\nsecond line", step=3, total_steps=3)
    ids = [factories.metric(session, run.id, step, value=1 / step).id for step in (1, 2, 3)]
    return run, ids


def test_a_finished_run_is_told_whole_and_the_stream_ends(session: Session, admin: Person) -> None:
    run, ids = finished_run(session)
    factories.metric(session, factories.run(session, RunStatus.FAILED).id)
    answer = admin.call("GET", f"/training-runs/{run.id}/events")
    assert (answer.status_code, answer.content_type) == (200, "text/event-stream")
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    found = parse(answer.text)
    assert [event.name for event in found] == ["run", "log", "metric", "metric", "metric", "end"]
    assert found[0].data == admin.call("GET", f"/training-runs/{run.id}").json
    assert found[1].data == "first line\nsecond line"
    assert found[2] == Event("metric", {"step": 1, "name": "loss", "value": 1.0}, ids[0])
    assert [event.id for event in found] == [None, None, *ids, None]


def test_a_browser_that_comes_back_goes_on_after_the_last_metric_it_saw(session: Session, admin: Person) -> None:
    run, ids = finished_run(session)
    answer = admin.call("GET", f"/training-runs/{run.id}/events", headers={"Last-Event-ID": str(ids[1])})
    assert [event.id for event in parse(answer.text) if event.name == "metric"] == [ids[2]]


def test_a_page_that_has_the_first_values_follows_from_there(session: Session, admin: Person) -> None:
    run, ids = finished_run(session)
    address = f"/training-runs/{run.id}/events?after={ids[0]}"
    assert [event.id for event in parse(admin.call("GET", address).text) if event.name == "metric"] == ids[1:]
    later = parse(admin.call("GET", address, headers={"Last-Event-ID": str(ids[1])}).text)
    assert [event.id for event in later if event.name == "metric"] == [ids[2]]


def test_a_last_event_id_that_is_no_number_begins_anew(session: Session, admin: Person) -> None:
    run, _ = finished_run(session)
    for strange in ("x", "-1", "1.5", "²", "9" * 5000):
        answer = admin.call("GET", f"/training-runs/{run.id}/events", headers={"Last-Event-ID": strange})
        assert len(metrics(parse(answer.text))) == 3, strange


def test_a_run_is_followed_live_while_its_worker_writes(app: Flask, session: Session) -> None:
    run = factories.run(session, RunStatus.RUNNING, stage="training")
    first = factories.metric(session, run.id, 1, value=0.75)
    stream: Iterator[str] = events.follow_run(parts(app).sessions, run.id, 0)
    seen = parse(next(stream))
    assert [event.name for event in seen] == ["run", "log", "metric"]
    assert seen[2].id == first.id

    def work() -> None:
        with parts(app).sessions() as own:
            factories.metric(own, run.id, 2, value=0.5)
            row = own.get_one(TrainingRun, run.id)
            row.step, row.log = 2, "half way"
            own.commit()
            runs.fail(own, run.id, 1, "The disk is full.")

    worker = threading.Thread(target=work)
    worker.start()
    later = [event for chunk in stream for event in parse(chunk)]
    worker.join()
    assert metrics(later) == [(2, 0.5)]
    assert [event.data for event in later if event.name == "log"] == ["half way"]
    last_state = [event.data for event in later if event.name == "run"][-1]
    assert (last_state["status"], last_state["error"]) == ("failed", "The disk is full.")
    assert later[-1].name == "end"


def test_a_new_attempt_is_told_before_its_metrics_and_none_of_them_is_missed(app: Flask, session: Session) -> None:
    run = factories.run(session, RunStatus.RUNNING)
    for step in range(5):
        factories.metric(session, run.id, step)
    stream = events.follow_run(parts(app).sessions, run.id, 0)
    assert len(metrics(parse(next(stream)))) == 5
    run.status, run.heartbeat_at = RunStatus.QUEUED, None
    session.commit()
    assert runs.claim(session, run.id) == 2
    factories.metric(session, run.id, 0, value=0.25)
    again = parse(next(stream))
    assert [event.name for event in again] == ["run", "metric"]
    assert again[0].data["attempts"] == 2
    assert metrics(again) == [(0, 0.25)]
    stream.close()  # type: ignore[attr-defined]  # it is a generator


def test_a_quiet_run_keeps_the_line_alive(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    run = factories.run(session)
    monkeypatch.setattr(events, "_KEEP_ALIVE_SECONDS", 0.0)
    stream = events.follow_run(parts(app).sessions, run.id, 0)
    next(stream)
    assert next(stream) == ": still here\n\n"
    stream.close()  # type: ignore[attr-defined]  # it is a generator


def test_past_a_few_open_charts_the_others_ask_again_instead_of_holding_a_thread(
    app: Flask, session: Session, admin: Person
) -> None:
    run = factories.run(session, RunStatus.RUNNING)
    factories.metric(session, run.id, 1, value=0.75)
    address = f"/api/v1/training-runs/{run.id}/events"
    client = admin.browser()
    held = [client.get(address) for _ in range(events.STREAMS)]
    for stream in held:
        assert b"event: metric" in next(stream.iter_encoded())
    told = client.get(address).text  # ends, though the run goes on
    assert told.startswith(f"retry: {events.AGAIN_MILLISECONDS}\n\n")
    found = parse(told.partition("\n\n")[2])
    assert [event.name for event in found] == ["run", "log", "metric"]
    for stream in held:
        stream.close()
    again = client.get(address)
    assert not next(again.iter_encoded()).startswith(b"retry")
    again.close()
