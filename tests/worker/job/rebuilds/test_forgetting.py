"""Without a person: versions are made again in their order, read nothing of theirs, and the old ones can go."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, ForgettingKind, TrainingRun, Version
from app.services.training import runs
from app.services.training.rebuilds import forgetting_runs, labelled_pairs
from app.services.versions import forgetting, learned, versions
from app.services.versions.forgetting import Forgotten
from models.store.learned_from import LearnedFrom
from models.store.store import MODEL_FOLDER
from tests import factories
from tests.studio import Person, make_person, rows
from tests.worker.job.rebuilds.clicked import click, studio_of
from worker.job import jobs
from worker.publish.distance import distance

pytestmark = pytest.mark.long


def test_a_person_is_forgotten(
    app: Flask,
    queue_url: str,
    few_texts: int,
    version_1: int,
    session: Session,
    annotator: Person,
    admin: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = studio_of(app, queue_url, monkeypatch)
    leaver = make_person(app, session)
    theirs = click(session, annotator.id, 8)
    gone = click(session, leaver.id, 4, first=10)
    typed = factories.prompt(session, "you are a typed fool", source="typed")
    factories.generation(session, leaver.id, prompt=typed)
    for _ in range(2):
        run, _ = runs.request(session, None, "dpo", {"num_train_epochs": 1})
        jobs.train(run.id)
        theirs += click(session, annotator.id, 2, first=20 + len(theirs))
    session.rollback()
    assert versions.serving_number(session) == 3

    meant = Forgotten(ForgettingKind.PERSON, leaver.id)
    found = forgetting.learners(session, meant)
    assert [(one.version.number, one.judgments, one.inherited) for one in found] == [(2, 4, False), (3, 4, True)]
    assert all(one.pairs for one in found), "the text that they typed was labelled"

    row, new = forgetting_runs.request(session, admin.id, meant, 3, serve=True)
    assert new
    waiting = [run.id for run in forgetting_runs.state(session, row).runs]
    assert len(waiting) == 2
    for run_id in waiting:
        jobs.train(run_id)
    session.rollback()

    first, last = (session.get_one(TrainingRun, run_id) for run_id in waiting)
    for run in (first, last):
        texts = [text for text, _, _ in labelled_pairs.kept(session, run.id)]
        assert texts
        assert typed.text not in texts
    assert [(run.status, run.error, run.rebuilds) for run in (first, last)] == [
        ("succeeded", None, 2),
        ("succeeded", None, 3),
    ]
    assert [session.get_one(Version, number).parent_number for number in (4, 5)] == [1, 4]
    for number, run in ((4, first), (5, last)):
        read = LearnedFrom.read(studio.store.folder(number))
        assert read is not None
        assert read.ids
        assert not read.ids & set(gone), "nothing of theirs was read"
        assert run.judgments is not None
        assert set(learned.unpack(run.judgments).tolist()) == read.ids
        version = session.get_one(Version, number)
        assert version.note == f"Version {run.rebuilds}, made again without what one person said."
    assert [one.version.number for one in forgetting.learners(session, meant)] == [2, 3]
    assert first.note == forgetting_runs.NOT_LAST
    assert (versions.serving_number(session), last.note) == (5, None), "the last one serves, as was asked"
    assert not distance(studio.store.folder(3) / MODEL_FOLDER, studio.store.folder(5) / MODEL_FOLDER).same

    assert forgetting_runs.delete_old(session, studio.store, admin.id, row.id, "2") == [2, 3]
    assert studio.store.numbers() == [1, 4, 5]
    actions = [(event.action, event.subject) for event in rows(session, AuditEvent)]
    assert ("forgetting.requested", f"forgetting {row.id}") in actions
    assert ("version.deleted", "version 3") in actions
