"""Retraining by ORPO and KTO as the queue's job: clicks go in, a version comes out, and a dead worker loses little."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunMetric, RunStatus, TrainingRun, Verdict, write_transaction
from app.services.desk import judgments
from app.services.training import runs
from app.services.training.course import phases
from app.services.training.course.phases import Phase
from app.services.versions import versions
from models.formats.splitting import split_key
from models.model_errors import StoreAway, StoreError
from models.settings.clicks import click_config, click_options
from models.store.manifest import Manifest
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import Person, parts, rows
from tests.trouble.silence import hand_out_silent
from worker.job import dataset, head_pairs, jobs, retraining
from worker.job.retraining import prepare
from worker.publish import staging
from worker.publish.gate import MAX_HELDOUT_DROP
from worker.training.shared import run_folder
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import SilentProgress

QUICK = {"num_train_epochs": 2, "per_device_train_batch_size": 4}
CHOSEN = [
    ("you are so stupid", ["you are wrong", "you are a moron", "you are dumb"]),
    ("stop", ["please stop it now", "stop stop"]),
]
BAD = ("what a fool", ["fool fool", "a fool", "foolish"])
PAIRS = [
    PreferenceExample("you are so stupid", "you are wrong", "you are a moron"),
    PreferenceExample("you are so stupid", "you are wrong", "you are dumb"),
    PreferenceExample("stop", "please stop it now", "stop stop"),
]
TEXTS = [
    ("you are so stupid", "you are wrong", True),
    ("you are so stupid", "you are a moron", False),
    ("you are so stupid", "you are dumb", False),
    ("stop", "please stop it now", True),
    ("stop", "stop stop", False),
    *(("what a fool", text, False) for text in BAD[1]),
]


@pytest.fixture
def environment(app: Flask, queue_url: str, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's settings come from its environment; they are the studio's."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def judge_none(session: Session, annotator: Person, of: tuple[str, list[str]]) -> int:
    """A screen of which none is good; returns the judgment's id."""
    screen = factories.generation(session, annotator.id, of[1], prompt=factories.prompt(session, of[0]))
    return factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None).id


@pytest.fixture
def clicks(environment: None, session: Session, version_1: int, annotator: Person) -> None:
    """Two screens with a best one, three pairs in all, one of which none is good, and one of each that was undone."""
    for text, candidates in CHOSEN:
        prompt = factories.prompt(session, text)
        factories.judgment(session, factories.generation(session, annotator.id, candidates, prompt=prompt))
    judge_none(session, annotator, BAD)
    undone = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"]))
    judgments.undo(session, annotator.id, undone.id)
    judgments.undo(session, annotator.id, judge_none(session, annotator, ("never", ["c", "d"])))


@pytest.fixture
def store(app: Flask) -> CheckpointStore:
    return parts(app).store


def ask(session: Session, method: str, **config: Any) -> int:
    run, is_new = runs.request(session, None, method, QUICK | config)
    assert is_new
    return run.id


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    return run


def left_in_staging(store: CheckpointStore) -> list[str]:
    staging = store.root / ".staging"
    return [path.name for path in staging.iterdir()] if staging.exists() else []


def unpaired(texts: list[tuple[str, str, bool]]) -> list[dataset.Row]:
    return [{"prompt": prompt, "completion": text, "label": good} for prompt, text, good in texts]


HASHES = {"orpo": dataset.data_sha256(PAIRS), "kto": dataset.unpaired_sha256(unpaired(TEXTS))}
CURVES = {"orpo": "log_odds_chosen", "kto": "rewards/rejected"}
SAID = {
    "orpo": "3 pairs; version 1 is the starting point.",
    "kto": "2 good and 6 bad texts; version 1 is the starting point and the reference model.",
}


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_clicks_become_a_version_that_serves(
    clicks: None, few_texts: int, session: Session, store: CheckpointStore, method: str
) -> None:
    run_id = ask(session, method)
    jobs.train(run_id)

    run = only(session)
    assert (run.status, run.error, run.note, run.produced_version) == ("succeeded", None, None, 2)
    steps = 2 if method == "orpo" else 4
    assert (run.method, run.pairs, run.step, run.total_steps) == (method, 3, steps, steps)
    assert SAID[method] in run.log
    manifest = store.verify(2)
    assert (manifest.method, manifest.parent, manifest.run_id) == (method, 1, run_id)
    assert manifest.config == click_config(click_options(method, QUICK))
    assert manifest.data_sha256 == run.data_hash == HASHES[method]
    metrics = manifest.metrics
    assert metrics["examples"] == (3 if method == "orpo" else 8)
    assert metrics["steps"] == steps
    assert metrics["parity"] < 1e-3
    assert metrics["heldout_relative_change"] > -MAX_HELDOUT_DROP
    assert metrics["preference_accuracy"] >= metrics["parent_preference_accuracy"]
    assert math.isfinite(metrics["reward_margin"])
    assert metrics["evaluation"]["test_set"]["texts"] == few_texts
    for folder in (MODEL_FOLDER, ADAPTER_FOLDER, SERVING_FOLDER):
        assert any(name.startswith(f"{folder}/") for name in manifest.files)
    session.rollback()
    assert versions.serving_number(session) == 2
    assert left_in_staging(store) == []
    reported = rows(session, RunMetric)
    assert {metric.step for metric in reported} == set(range(1, steps + 1))
    assert {"loss", "rewards/margins", "anchor_kl", CURVES[method]} <= {metric.name for metric in reported}


def test_kto_learns_from_clicks_that_yield_no_pair_and_the_next_run_knows_them(clicks: None, session: Session) -> None:
    last_pair = runs.request(session, None, "dpo", {})[0]
    runs.cancel(session, last_pair.id, None)
    assert last_pair.last_judgment_id == 2
    run, _ = runs.request(session, None, "kto", {})
    assert run.last_judgment_id == 3


def test_all_weights_can_be_trained_instead_of_an_adapter(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    jobs.train(ask(session, "kto", use_peft=False, num_train_epochs=1, learning_rate=1e-4))
    assert only(session).status == "succeeded", only(session).error
    manifest = store.verify(2)
    assert not any(name.startswith(f"{ADAPTER_FOLDER}/") for name in manifest.files)


def test_held_out_prompts_are_trained_on_by_no_method(
    clicks: None, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {split_key("stop"), split_key(BAD[0])}
    monkeypatch.setattr(dataset, "held_out_keys", lambda prompts, one_in: keys & set(map(split_key, prompts)))
    split = dataset.split(dataset.preference_examples(session, 3))
    texts = dataset.unpaired_rows(dataset.marked_texts(session, 3, split))
    assert (len(split.train), len(split.held_out)) == (2, 1)
    assert texts == unpaired(TEXTS[:3])


def test_an_edited_text_is_good_and_everything_on_its_screen_is_bad(
    environment: None, session: Session, version_1: int, annotator: Person
) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b"], prompt=factories.prompt(session, "you fool"))
    judgments.judge(
        session,
        annotator.id,
        judgments.JudgmentRequest(screen.id, Verdict.EDITED, edited_text="you friend"),
    )
    split = dataset.split(dataset.preference_examples(session, 1))
    expected = [("you fool", "you friend", True), ("you fool", "a", False), ("you fool", "b", False)]
    assert dataset.unpaired_rows(dataset.marked_texts(session, 1, split)) == unpaired(expected)


def test_the_hash_of_the_texts_tells_any_difference() -> None:
    one = ("p", "t", True)
    others = [[], [one, one], [("p", "t", False)], [("pt", "", True)]]
    assert len({dataset.unpaired_sha256(unpaired(texts)) for texts in [[one], *others]}) == 5


def test_a_run_whose_worker_died_after_training_does_not_train_again(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    run_id = ask(session, "orpo")

    def die(*_: object) -> float:
        raise SystemExit("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "prepare", die)
        with pytest.raises(SystemExit):
            jobs.train(run_id)
    assert left_in_staging(store) == [f"run-{run_id}-{only(session).key}"]
    reported = [(metric.step, metric.name, metric.value) for metric in rows(session, RunMetric)]
    assert hand_out_silent(session) == [1]
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.attempts, run.produced_version) == ("succeeded", 2, 2)
    assert "An earlier attempt had trained the model already." in run.log
    assert [(metric.step, metric.name, metric.value) for metric in rows(session, RunMetric)] == reported
    assert left_in_staging(store) == []


@pytest.mark.parametrize(
    "method", ["dpo", pytest.param("orpo", marks=pytest.mark.slow), pytest.param("kto", marks=pytest.mark.slow)]
)
def test_a_run_whose_worker_died_while_it_trained_ends_as_if_it_had_not(
    clicks: None, session: Session, store: CheckpointStore, method: str
) -> None:
    def charted(run_id: int) -> list[tuple[int, str]]:
        return [(metric.step, metric.name) for metric in rows(session, RunMetric) if metric.run_id == run_id]

    config = QUICK | {"num_train_epochs": 3}
    first = runs.request(session, None, method, config)[0].id
    jobs.train(first)
    with write_transaction(session):
        versions.point_serving_at(session, 1, None)
    second = runs.request(session, None, method, config)[0].id
    mark_whole = run_folder.mark_whole

    def die(checkpoint: Path) -> None:
        mark_whole(checkpoint)
        raise SystemExit("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.training.shared.run_folder.mark_whole", die)
        with pytest.raises(SystemExit):
            jobs.train(second)
    assert left_in_staging(store) == [f"run-{second}-{runs.get(session, second).key}"]
    assert hand_out_silent(session) == [second]
    jobs.train(second)

    session.rollback()
    run = runs.get(session, second)
    assert (run.status, run.attempts, run.produced_version) == ("succeeded", 2, 3)
    assert "Training goes on from step " in run.log
    model = f"{MODEL_FOLDER}/model.safetensors"
    assert store.manifest(3).files[model] == store.manifest(2).files[model], "the same weights, to the last bit"
    assert charted(second) == charted(first), "the chart begins where it began and holds every point once"
    whole = runs.get(session, first)
    assert run.checkpoints == whole.checkpoints != []
    assert list(phases.seconds(whole)) == list(Phase), "each phase has its time"
    assert left_in_staging(store) == []


def test_a_click_that_was_undone_after_the_worker_died_is_not_learned(
    clicks: None, session: Session, store: CheckpointStore, annotator: Person
) -> None:
    run_id = ask(session, "kto")

    def die(*_: object) -> float:
        raise SystemExit("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "prepare", die)
        with pytest.raises(SystemExit):
            jobs.train(run_id)
    judgments.undo(session, annotator.id, 3)
    assert hand_out_silent(session) == [1]
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.data_hash) == ("succeeded", dataset.unpaired_sha256(unpaired(TEXTS[:5])))
    assert "An earlier attempt" not in run.log


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_a_cancelled_run_leaves_nothing(
    clicks: None, session: Session, store: CheckpointStore, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ask(session, method, num_train_epochs=20)
    mark_whole = run_folder.mark_whole

    def meanwhile(checkpoint: Path) -> None:
        mark_whole(checkpoint)
        if only(session).active:
            runs.cancel(session, run_id, None)

    monkeypatch.setattr("worker.training.shared.run_folder.mark_whole", meanwhile)
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.error) == (RunStatus.CANCELLED, None)
    assert run.step < run.total_steps
    assert (left_in_staging(store), store.numbers()) == ([], [1])


def test_clicks_that_are_too_long_for_the_settings_fail_the_run_with_the_reason(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    jobs.train(ask(session, "orpo", max_completion_length=2))
    run = only(session)
    assert run.status == "failed"
    assert run.error == "No pair can be trained on: of 3, 3 have a completion of more than 2 tokens."
    assert (left_in_staging(store), store.numbers()) == ([], [1])


INVISIBLE = ("what a moron", ["you are\N{NO-BREAK SPACE}wrong", "you are wrong"])
"""A card over another that reads the same."""


@pytest.fixture
def invisible(clicks: None, session: Session, annotator: Person) -> int:
    """A judgment whose only pair cannot be trained on; returns its id."""
    screen = factories.generation(session, annotator.id, INVISIBLE[1], prompt=factories.prompt(session, INVISIBLE[0]))
    return factories.judgment(session, screen).id


def test_a_pair_that_cannot_be_trained_on_is_left_out_and_named_and_the_rest_trains(
    invisible: int, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_and_label = head_pairs.fit_and_label
    labelled = (PreferenceExample("no", "please stop", "stop"), PreferenceExample("no", "a\N{NO-BREAK SPACE}b", "a b"))

    def labels(*arguments: Any, **named: Any) -> head_pairs.HeadPairs:
        return replace(fit_and_label(*arguments, **named), labelled=labelled)

    monkeypatch.setattr(head_pairs, "fit_and_label", labels)
    jobs.train(ask(session, "dpo"))
    run = only(session)
    assert (run.status, run.error) == ("succeeded", None)
    assert (
        f"Left out of the training: 1 of judgment {invisible} ('you are\\xa0wrong'), "
        "with chosen and rejected texts that are the same to the model."
    ) in run.log
    assert store.manifest(2).data_sha256 == dataset.data_sha256(PAIRS)
    metrics = store.manifest(2).metrics
    assert (metrics["examples"], metrics["head_pairs"]) == (len(PAIRS) + 1, 1)
    assert "Left out of the pairs labelled by what the clicks say: 1 have chosen and rejected texts" in run.log


@pytest.mark.parametrize(
    ("method", "digest", "left_out"), [("dpo", HASHES["orpo"], 1), ("orpo", HASHES["orpo"], 1), ("kto", None, 2)]
)
def test_every_method_leaves_out_what_it_cannot_train_on(
    invisible: int, session: Session, store: CheckpointStore, method: str, digest: str | None, left_out: int
) -> None:
    last = runs.request(session, None, method, {})[0].last_judgment_id
    found = prepare(session, method, {}, last, store.folder(1) / MODEL_FOLDER)
    assert found.clicks.train == PAIRS
    assert found.data_sha256 == (digest or HASHES[method])
    assert [one.judgment for one in found.sieve.left_out] == [invisible] * left_out


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_a_run_whose_clicks_were_undone_while_it_waited_ends_with_one_sentence_before_it_trains(
    clicks: None, session: Session, store: CheckpointStore, annotator: Person, method: str
) -> None:
    run_id = ask(session, method)
    for judgment in (1, 2):
        judgments.undo(session, annotator.id, judgment)
    jobs.train(run_id)
    run = only(session)
    assert run.error == (
        "There is nothing to train on: no click of this run that still stands prefers one text to another."
    )
    assert (run.total_steps, left_in_staging(store), store.numbers()) == (0, [], [1])


def test_each_click_is_one_list_of_the_listwise_loss(clicks: None, session: Session) -> None:
    """One card over two others and one over a single one: the first loss is the mean of ln 3 and ln 2."""
    examples = dataset.preference_examples(session, 3)
    assert examples == PAIRS
    assert [example.click for example in examples] == [1, 1, 2]

    jobs.train(ask(session, "dpo", loss_type=["listwise"], logging_steps=1))

    assert only(session).status == "succeeded", only(session).error
    losses = [metric.value for metric in rows(session, RunMetric) if metric.name == "loss"]
    assert losses[0] == pytest.approx((math.log(3) + math.log(2)) / 2, abs=1e-4)


def test_a_second_round_goes_part_of_the_way_from_where_clicks_began(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    for number in (2, 3):
        run_id = ask(session, "kto")
        jobs.train(run_id)
        with write_transaction(session):
            versions.point_serving_at(session, number, None)
    first, second = store.manifest(2), store.manifest(3)
    assert "interpolated_towards" not in first.metrics
    assert second.metrics["interpolated_towards"] == 1
    assert any(name.startswith(f"{ADAPTER_FOLDER}/") for name in first.files)
    assert not any(ADAPTER_FOLDER in name for name in second.files), "it would not lead to these weights"
    assert (
        "Clicks have trained since version 1: the new version goes 70% of the way from there"
        in runs.get(session, run_id).log
    )
    store.verify(3)


@pytest.mark.parametrize("error", [StoreAway, StoreError])
def test_a_round_does_not_go_on_without_an_origin_that_only_cannot_be_fetched_now(
    error: type[StoreError], store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_store: CheckpointStore, _number: int) -> Manifest:
        raise error("Not now.")

    monkeypatch.setattr(CheckpointStore, "manifest", away)
    with pytest.raises(error):
        retraining.where_clicks_began(store, 2, SilentProgress())


@pytest.mark.slow
def test_a_version_between_may_be_deleted_and_without_the_origin_a_round_is_as_it_was(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    for number in (2, 3):
        jobs.train(ask(session, "kto"))
        with write_transaction(session):
            versions.point_serving_at(session, number, None)
    store.remove(2)
    jobs.train(ask(session, "kto"))
    assert store.manifest(4).metrics["interpolated_towards"] == 1
    with write_transaction(session):
        versions.point_serving_at(session, 4, None)
    store.remove(1)
    run_id = ask(session, "kto")
    jobs.train(run_id)
    session.rollback()
    run = runs.get(session, run_id)
    assert (run.status, run.produced_version) == ("succeeded", 5)
    assert "Nothing holds the new version to where clicks began: Version 1 is not in the checkpoint store" in run.log
    assert "interpolated_towards" not in store.manifest(5).metrics
