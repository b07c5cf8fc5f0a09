"""What clicks say becomes a head that the version carries, and pairs of texts that nobody clicked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import RewardHead, TrainingRun, write_transaction
from app.services.training import runs
from models.formats.splitting import held_out_keys, split_key
from models.reward import head
from models.reward.features import SIZE, Array, pack
from models.reward.head import Head
from models.reward.judgments import JudgedScreen
from models.serving.pool import Option
from models.store.store import HEAD_FILE, SERVING_FOLDER
from models.texts.heldout import HELD_OUT_ONE_IN, heldout_pairs
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import Person, parts, rows
from worker.job import head_pairs, jobs
from worker.job.dataset import Split
from worker.job.recorder import RunRecorder
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.clicks.samples import Samples
from worker.training.shared.examples import PreferenceExample

NOTHING_HELD_OUT = Split([], [])
OWN = ("you are a stupid man", "stop it you fool", "what a dumb idea")


def row(value: float) -> Array:
    found = np.zeros(SIZE)
    found[0] = value
    return found


POOL = tuple(
    Option(text, -0.5, 0.9, 0.8, 0.6, 0.5, row(liked))
    for text, liked in (("you are wrong", 2.0), ("stop", 0.0), ("please stop it now", -2.0))
)


@pytest.fixture
def studio(app: Flask, queue_url: str, few_texts: int, version_1: int, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A worker's studio with three texts in its queue, of each of which the same samples are known."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(head_pairs, "TEXTS", 3)
    monkeypatch.setattr(Samples, "draw", lambda *_: None)
    monkeypatch.setattr(Samples, "known", lambda *_: POOL)
    return Studio.of(Settings.from_env())


@pytest.fixture
def clicks(studio: Studio, session: Session, annotator: Person) -> list[int]:
    """Twelve judgments of somebody who likes what has more of the first feature, and three texts in the queue."""
    for text in OWN:
        factories.prompt(session, text, queued=True)
    found = []
    for number in range(12):
        texts = (f"stop {number}", f"stop it {number}", f"you stop {number}")
        screen = factories.generation(session, annotator.id, texts)
        with write_transaction(session):
            for candidate, value in zip(screen.candidates, (1.0, 0.0, -1.0), strict=True):
                candidate.features = pack(row(value))
        found.append(factories.judgment(session, screen).id)
    return found


def ask(session: Session, **config: object) -> TrainingRun:
    run, _ = runs.request(session, None, "dpo", {"num_train_epochs": 1, **config})
    return run


def test_a_run_learns_from_what_the_clicks_say_of_other_texts(
    studio: Studio, clicks: list[int], session: Session
) -> None:
    run = ask(session)
    jobs.train(run.id)
    session.rollback()
    assert (run.status, run.error, run.produced_version) == ("succeeded", None, 2)
    assert "3 pairs of rewrites of 3 texts that nobody clicked were labelled by what the clicks say" in run.log
    manifest = studio.store.verify(2)
    metrics = manifest.metrics
    assert metrics["examples"] == 24 + 3
    assert (metrics["judgments"], metrics["head_pairs"], metrics["head_texts"]) == (12, 3, 3)
    assert len(metrics["judgments_sha256"]) == 64
    assert metrics["preferred"]["clicks"] == 12
    assert manifest.files[HEAD_FILE]
    own = Head.from_bytes((studio.store.folder(2) / HEAD_FILE).read_bytes())
    assert (own.judgments, own.taught) == (12, True)
    [carried] = session.scalars(select(RewardHead).where(RewardHead.version_number == 2))
    assert (carried.carried, carried.judgments, carried.last_judgment_id) == (True, 12, clicks[-1])
    assert carried.data == own.to_bytes()


@pytest.mark.parametrize("method", ["kto", pytest.param("orpo", marks=pytest.mark.slow)])
def test_the_other_methods_get_the_same_pairs(studio: Studio, clicks: list[int], session: Session, method: str) -> None:
    run, _ = runs.request(session, None, method, {"num_train_epochs": 1})
    jobs.train(run.id)
    session.rollback()
    assert (run.status, run.error) == ("succeeded", None)
    texts = 12 * 3 if method == "kto" else 12 * 2
    assert studio.store.manifest(2).metrics["examples"] == texts + (6 if method == "kto" else 3)


def test_without_pairs_of_other_texts_a_version_is_not_taught(
    studio: Studio, clicks: list[int], session: Session
) -> None:
    jobs.train(ask(session, head_pairs=0).id)
    metrics = studio.store.manifest(2).metrics
    assert metrics["examples"] == 24
    assert "head_pairs" not in metrics
    assert not Head.from_bytes((studio.store.folder(2) / HEAD_FILE).read_bytes()).taught


def attempt_of(studio: Studio, run: TrainingRun) -> Attempt:
    found = Attempt.claim(studio.sessions, run.id)
    assert found is not None
    return found


def learned(studio: Studio, attempt: Attempt, folder: Path, clicks: Split = NOTHING_HELD_OUT) -> head_pairs.HeadPairs:
    serving = studio.store.folder(1) / SERVING_FOLDER
    with RunRecorder(studio.sessions, attempt.run_id, attempt.number) as recorder:
        return head_pairs.fit_and_label(studio, attempt, serving, folder, recorder, most=10, clicks=clicks, weights={})


def test_a_second_attempt_learns_from_the_pairs_of_the_first(
    studio: Studio, clicks: list[int], session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = attempt_of(studio, ask(session))
    first = learned(studio, attempt, tmp_path / "run")
    assert first.labelled == tuple(
        PreferenceExample(text, "you are wrong", "please stop it now") for text in head_pairs.other_texts(studio)
    )
    monkeypatch.setattr(Samples, "known", lambda *_: pytest.fail("nothing is to be asked again"))
    again = learned(studio, attempt, tmp_path / "run")
    assert (again.labelled, again.sha256, again.texts) == (first.labelled, first.sha256, first.texts)
    monkeypatch.setattr(Samples, "known", lambda *_: POOL[:1])
    with write_transaction(session):
        session.get_one(TrainingRun, attempt.run_id).last_judgment_id = clicks[-2]
    fewer = Attempt(**{**vars(attempt), "last_judgment_id": clicks[-2]})
    assert learned(studio, fewer, tmp_path / "run").labelled == (), "other clicks, so they are asked anew"


def test_clicks_that_are_held_out_teach_nothing(
    studio: Studio, clicks: list[int], session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def fitted(known: Sequence[JudgedScreen]) -> Head:
        seen.append(len(known))
        return head.fitted(known)

    monkeypatch.setattr(head_pairs, "fitted", fitted)
    attempt = attempt_of(studio, ask(session))
    texts = [one.text for one in head_pairs._screens(studio, attempt, Path("never"))]
    held_out = {split_key(text) for text in texts if text.endswith(("1", "2"))} | {split_key(OWN[0])}
    found = learned(studio, attempt, tmp_path / "run", Split([], [], frozenset(held_out)))
    assert seen == [12, 13 - len(held_out)]
    assert {pair.prompt for pair in found.labelled} == set(OWN[1:])
    assert found.head is not None
    assert found.head.judgments == 12, "the one that the version carries has seen all"


def test_other_texts_are_the_studios_own_first_and_none_is_measured_on(
    studio: Studio, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_pairs, "TEXTS", 500)
    held_out = "you are stupid"
    assert held_out_keys([held_out], HELD_OUT_ONE_IN), "so it is, once it is clicked"
    for text in (*OWN, heldout_pairs()[0][0], held_out):
        factories.prompt(session, text, queued=True)
    texts = head_pairs.other_texts(studio)
    assert set(texts[:3]) == set(OWN)
    assert len(texts) == len(set(texts)) > 400
    assert not {held_out, *(source for source, _ in heldout_pairs())} & set(texts)


def test_where_nothing_says_what_people_like_there_is_no_head(
    studio: Studio, session: Session, annotator: Person, tmp_path: Path
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id, ("stop", "you", "it"), gold=True))
    attempt = attempt_of(studio, ask(session))
    assert learned(studio, attempt, tmp_path / "run") == head_pairs.HeadPairs(None)
    assert rows(session, RewardHead) == []
