"""Versions of a chat model are made again from their record, and without what a person said."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from app.db import ForgettingKind, write_transaction
from app.services.training.rebuilds import forgetting_runs
from app.services.versions import versions
from app.services.versions.forgetting import Forgotten
from models.chat.versions import CHAT_BASE
from models.store.learned_from import LearnedFrom
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, make_person, parts
from tests.worker.conftest import RecordingProgress
from tests.worker.job.chat.conftest import ASKED, ask, run_of, screen
from worker.commands.rebuild import report
from worker.job import jobs
from worker.job.rebuilds import rebuilding
from worker.studio.studio import Studio


def test_a_version_is_made_again_bit_by_bit(
    clicks: None, app: Flask, session: Session, store: CheckpointStore, tmp_path: Path, annotator: Person
) -> None:
    jobs.train(ask(session, "dpo"))
    factories.judgment(session, screen(session, annotator, ASKED[0], ["later", "never"]))
    studio = Studio.of(parts(app).settings)
    again = rebuilding.prepare(studio, 2)
    assert again.missing == ()
    with store.stage() as staged:
        facts, comparison = rebuilding.rebuild(studio, again, tmp_path / "run", staged, RecordingProgress())
    assert report(again, comparison) == "The weights are those of version 2 bit by bit."
    assert facts.config == store.manifest(2).config


def test_a_person_is_forgotten(
    clicks: None, app: Flask, session: Session, store: CheckpointStore, admin: Person
) -> None:
    leaver = make_person(app, session)
    gone = factories.judgment(session, screen(session, leaver, ASKED[0], ["this", "that"])).id
    for number in (2, 3):
        jobs.train(ask(session, "kto", seed=number))
        with write_transaction(session):
            versions.point_serving_at(session, number, None)
    meant = Forgotten(ForgettingKind.PERSON, leaver.id)
    row, _ = forgetting_runs.request(session, admin.id, meant, 3, serve=True)
    waiting = [run.id for run in forgetting_runs.state(session, row).runs]
    for run_id in waiting:
        jobs.train(run_id)
    assert [(run_of(session, one).status, run_of(session, one).error) for one in waiting] == [("succeeded", None)] * 2
    manifests = [store.verify(number) for number in (4, 5)]
    assert [(one.parent, one.config[CHAT_BASE]) for one in manifests] == [(1, 1), (4, 1)]
    for number in (4, 5):
        read = LearnedFrom.read(store.folder(number))
        assert read is not None
        assert gone not in read.ids
        assert read.ids == {1, 2, 3, 4}
