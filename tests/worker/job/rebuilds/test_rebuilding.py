"""A version of clicks is made again from its record, to the last bit, or what is missing is said, and how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import LabelledPair, TrainingRun, Version, write_transaction
from app.services.desk import judgments
from app.services.prompts import deletion
from app.services.system import deletions
from app.services.training import runs
from app.services.versions import learned
from models.store.learned_from import LearnedFrom
from models.store.store import MODEL_FOLDER
from tests import factories
from tests.studio import Person
from tests.worker.job.rebuilds.clicked import OWN, POOL, click, studio_of
from worker.cli import main
from worker.job import jobs
from worker.job.rebuilds import provenance, rebuilding
from worker.publish.distance import distance
from worker.studio.studio import Studio
from worker.training.clicks.samples import Samples


@pytest.fixture
def studio(
    app: Flask, queue_url: str, few_texts: int, version_1: int, session: Session, monkeypatch: pytest.MonkeyPatch
) -> Studio:
    studio = studio_of(app, queue_url, monkeypatch)
    for text in OWN:
        factories.prompt(session, text, queued=True)
    return studio


def train(session: Session, method: str = "dpo") -> TrainingRun:
    run, _ = runs.request(session, None, method, {"num_train_epochs": 1})
    jobs.train(run.id)
    session.rollback()
    assert (run.status, run.error) == ("succeeded", None)
    return run


@pytest.mark.parametrize("method", ["dpo", pytest.param("kto", marks=pytest.mark.slow)])
def test_a_version_is_made_again_bit_by_bit_whatever_was_clicked_since(
    studio: Studio,
    session: Session,
    annotator: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    method: str,
) -> None:
    ids = click(session, annotator.id, 12)
    train(session, method)
    # Since then one click was taken back and others came, a text was clicked, and samples would be others.
    judgments.undo(session, annotator.id, ids[0])
    click(session, annotator.id, 3, first=20)
    text = factories.prompt(session, "a new text", queued=True)
    factories.judgment(session, factories.generation(session, annotator.id, prompt=text))
    monkeypatch.setattr(Samples, "known", lambda *_: POOL[:2])

    folder = tmp_path / "again"
    assert main(["rebuild", "2", "--output_dir", str(folder)]) == 0

    said = "The weights are those of version 2 bit by bit, and so is its head."
    assert capsys.readouterr().out.splitlines() == [said, f"It is in {folder}."]
    assert distance(folder / MODEL_FOLDER, studio.store.folder(2) / MODEL_FOLDER).same
    assert not distance(folder / MODEL_FOLDER, studio.store.folder(1) / MODEL_FOLDER).same
    assert studio.store.numbers() == [1, 2], "nothing else was made"


def test_a_version_names_what_it_was_made_of(studio: Studio, session: Session, annotator: Person) -> None:
    ids = click(session, annotator.id, 12)
    run = train(session)
    manifest = studio.store.verify(2)
    made_of = manifest.provenance
    assert made_of is not None
    assert made_of["judgments"]["number"] == 12
    assert made_of["labelled"]["pairs"] == 3
    assert made_of["seed"] == manifest.config["seed"]
    assert made_of["machine"] == provenance.machine()
    assert made_of["code"] == provenance.code()
    assert {"torch", "transformers", "trl"} <= set(made_of["code"])
    read = LearnedFrom.read(studio.store.folder(2))
    assert read is not None
    assert (read.ids, read.head) == (frozenset(ids), tuple(ids))
    assert run.judgments is not None
    assert learned.unpack(run.judgments).tolist() == ids
    kept = session.scalars(select(LabelledPair).order_by(LabelledPair.id)).all()
    assert {(pair.text, pair.chosen) for pair in kept} == {(text, "you are wrong") for text in OWN}
    assert all(pair.run_id == run.id and pair.prompt_id is not None for pair in kept)


def test_what_is_made_again_can_be_published_and_names_the_same(
    studio: Studio, session: Session, annotator: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = click(session, annotator.id, 12)
    old = train(session)
    assert main(["rebuild", "2", "--publish"]) == 0
    assert "It is published as version 3, which does not serve." in capsys.readouterr().out
    assert distance(*(studio.store.folder(number) / MODEL_FOLDER for number in (2, 3))).same
    session.rollback()
    version = session.get_one(Version, 3)
    run = session.get_one(TrainingRun, version.run_id)
    assert (version.parent_number, version.note) == (1, "Version 2, made again from its record.")
    assert (run.status, run.produced_version, run.last_judgment_id) == ("succeeded", 3, old.last_judgment_id)
    assert run.judgments is not None
    assert learned.unpack(run.judgments).tolist() == ids
    assert rebuilding.prepare(studio, 3).missing == ()


def test_where_judgments_and_prompts_were_deleted_it_says_so_and_how_far_apart_the_two_are(
    studio: Studio, session: Session, annotator: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = click(session, annotator.id, 12)
    train(session)
    with write_transaction(session):
        deletions.delete_judgments(session, ids[:2])
    pair = session.scalars(select(LabelledPair)).first()
    assert pair is not None
    assert pair.prompt_id is not None
    deletion.delete_prompt(session, None, pair.prompt_id, pair.prompt_id)
    assert main(["rebuild", "2"]) == 0
    said = capsys.readouterr().out
    assert "2 of its 12 judgments were deleted since." in said
    assert "1 of its 3 pairs of other texts was of prompts that were deleted since." in said
    assert "The weights differ from those of version 2 by " in said
    assert "heldout_quality: " in said


def test_other_code_another_machine_and_versions_that_are_gone_are_named(
    studio: Studio, session: Session, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(session, annotator.id, 12)
    train(session)
    other = provenance.code() | {"torch": "1.0"}
    monkeypatch.setattr(provenance, "code", lambda: other)
    now = provenance.machine() | {"threads": 99, "processor": "abacus"}
    monkeypatch.setattr(provenance, "machine", lambda: now)
    [code, machine] = rebuilding.prepare(studio, 2).missing
    assert code.startswith("The code is another one: torch ")
    assert code.endswith(" then, 1.0 now.")
    assert machine.endswith(" then, abacus now."), "as many threads as then are used"
    assert "threads" not in machine


def test_what_was_not_trained_on_clicks_or_has_lost_its_parent_cannot_be_made_again(
    studio: Studio, session: Session, annotator: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rebuild", "1"]) == 1
    assert "Version 1 was not trained on clicks by a run of this studio" in capsys.readouterr().err
    click(session, annotator.id, 12)
    train(session)
    with write_transaction(session):
        session.get_one(Version, 1).deleted_at = session.get_one(Version, 1).created_at
    assert main(["rebuild", "2"]) == 1
    assert capsys.readouterr().err == "Version 1 was deleted: its files are gone.\n"
    assert main(["rebuild", "7"]) == 1
