"""Retraining of a chat model as the queue's job: clicks on answers go in, an adapter that serves comes out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunMetric, write_transaction
from app.services.training import runs
from app.services.versions import versions
from models.chat.source import find_source
from models.chat.versions import CHAT_BASE
from models.settings.chat_clicks import chat_config, chat_options
from models.store.learned_from import LearnedFrom
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, CheckpointStore
from models.store.trained_on import TrainedOn
from tests import factories
from tests.studio import Person, parts, rows
from tests.trouble.silence import hand_out_silent
from tests.worker.job.chat.conftest import ASKED, HELD_OUT, QUICK, ask, run_of, screen
from worker.job import jobs, weighing
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.shared import run_folder


def log_probabilities(store: CheckpointStore, number: int) -> list[float]:
    """What a version gives to a text, as the model that it serves."""
    import torch

    from worker.training.loading.merging import load_merged

    source = find_source(store.folder(number), store.folder(1))
    loaded = load_merged(str(source.base), str(source.adapter or ""))
    with torch.inference_mode():
        logits = loaded.model(torch.arange(10, 40)[None]).logits[0]
    return [float(one) for one in torch.log_softmax(logits, -1).max(-1).values]


SAID = {
    "dpo": "4 pairs; version 1 is the starting point and the reference model.",
    "orpo": "4 pairs; version 1 is the starting point.",
    "kto": "4 good and 4 bad answers; version 1 is the starting point and the reference model.",
}


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_clicks_become_an_adapter_that_serves_and_answers_otherwise(
    clicks: None, session: Session, store: CheckpointStore, annotator: Person, method: str
) -> None:
    factories.judgment(session, screen(session, annotator, HELD_OUT, ["a", "b"]))
    run_id = ask(session, method)
    jobs.train(run_id)

    run = run_of(session, run_id)
    assert (run.status, run.error, run.produced_version) == ("succeeded", None, 2)
    assert SAID[method] in run.log
    manifest = store.verify(2)
    assert (manifest.method, manifest.parent, manifest.run_id) == (method, 1, run_id)
    assert manifest.config == {**chat_config(chat_options(method, QUICK)), CHAT_BASE: 1}
    assert {name.partition("/")[0] for name in manifest.files} == {
        ADAPTER_FOLDER,
        "learned_from.safetensors",
        "trained_on.safetensors",
    }
    assert manifest.data_sha256 == run.data_hash
    assert manifest.metrics["parity"] < 1e-3
    clicks_report = manifest.metrics["evaluation"]["clicks"]
    assert (clicks_report["pairs"], clicks_report["lengths"]["chosen"]) == (1, 2.0)
    assert 0 <= clicks_report["version"]["preference_accuracy"]["value"] <= 1
    assert LearnedFrom.read(store.folder(2)) == LearnedFrom((1, 2, 3, 4), ())
    known = TrainedOn.read(store.folder(2))
    assert known is not None
    assert known.knows([ASKED[0], HELD_OUT]) == [True, False]
    reported = {metric.name for metric in rows(session, RunMetric)}
    assert {"loss", "rewards/margins"} <= reported
    assert log_probabilities(store, 2) != pytest.approx(log_probabilities(store, 1), abs=1e-3)
    assert versions.serving_number(session) == 2 or run.note


def test_the_next_round_goes_on_from_the_adapter_which_is_its_reference_and_is_still_one_of_the_base(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    jobs.train(ask(session, "dpo", lora_r=4, lora_alpha=8))
    with write_transaction(session):
        versions.point_serving_at(session, 2, None)
    second = ask(session, "dpo", learning_rate=1e-3)
    jobs.train(second)

    run = run_of(session, second)
    assert (run.status, run.error, run.produced_version) == ("succeeded", None, 3)
    losses = [metric.value for metric in rows(session, RunMetric) if (metric.run_id, metric.name) == (second, "loss")]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4), "the policy begins as its reference"
    manifests = [store.verify(number) for number in (2, 3)]
    assert [one.config[CHAT_BASE] for one in manifests] == [1, 1]
    assert [(one.config["lora_r"], one.config["lora_alpha"]) for one in manifests] == [(4, 8), (4, 8)]
    assert "so lora_r is 4 and lora_alpha 8, as in it, and not 16 and 32." in run.log
    assert manifests[1].parent == 2
    sizes = [
        (store.folder(one.number) / ADAPTER_FOLDER / "adapter_model.safetensors").stat().st_size for one in manifests
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01), "adapters do not stack up"
    of = [log_probabilities(store, number) for number in (1, 2, 3)]
    assert of[2] != pytest.approx(of[1], abs=1e-4)
    assert of[2] != pytest.approx(of[0], abs=1e-4)


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_run_whose_worker_died_goes_on_from_its_checkpoint(
    clicks: None, session: Session, store: CheckpointStore, rounds: int
) -> None:
    if rounds == 2:
        jobs.train(ask(session, "dpo"))
        with write_transaction(session):
            versions.point_serving_at(session, 2, None)
    made = []
    mark_whole = run_folder.mark_whole

    def die(checkpoint: Path) -> None:
        mark_whole(checkpoint)
        raise SystemExit("killed")

    for killed in (False, True):
        run_id = ask(session, "dpo", num_train_epochs=4)
        if killed:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("worker.training.shared.run_folder.mark_whole", die)
                with pytest.raises(SystemExit):
                    jobs.train(run_id)
            assert hand_out_silent(session) == [run_id]
        jobs.train(run_id)
        run = run_of(session, run_id)
        assert (run.status, run.error) == ("succeeded", None)
        assert ("Training goes on from step " in run.log) is killed
        assert run.produced_version is not None
        made.append(store.manifest(run.produced_version).files[f"{ADAPTER_FOLDER}/adapter_model.safetensors"])
        with write_transaction(session):
            versions.point_serving_at(session, rounds, None)
    assert made[0] == made[1], "the same weights, to the last bit"


def test_a_run_that_is_cancelled_while_it_trains_publishes_nothing(
    clicks: None, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ask(session, "dpo")
    read = weighing.weights_of_run

    def cancel_then(studio: Studio, attempt: Attempt, run_dir: Path) -> dict[int, float]:
        runs.cancel(session, run_id, None)
        return read(studio, attempt, run_dir)

    monkeypatch.setattr(weighing, "weights_of_run", cancel_then)
    jobs.train(run_id)
    assert run_of(session, run_id).status == "cancelled"
    assert store.numbers() == [1]
    assert not (store.root / ".staging").exists() or list((store.root / ".staging").iterdir()) == []


def test_clicks_that_a_chat_model_cannot_learn_are_left_out_and_named(
    clicks: None, session: Session, annotator: Person
) -> None:
    for answers in (["<|user|> hello", "b"], ["same", "same "], ["word " * 200, "b"]):
        factories.judgment(session, screen(session, annotator, ASKED[0], answers))
    run_id = ask(session, "dpo")
    jobs.train(run_id)
    run = run_of(session, run_id)
    assert run.status == "succeeded", run.error
    assert "1 of judgment 5 ('<|user|> hello'), with the model's special token <|user|> in a text." in run.log
    assert "1 of judgment 6 ('same'), with chosen and rejected texts that are the same to the model." in run.log
    assert "of judgment 7" in run.log
    assert "with more than the 512 tokens that the model can read." in run.log
    assert SAID["dpo"] in run.log


def test_a_setting_that_only_a_t5_has_fails_the_run_with_a_sentence(clicks: None, session: Session) -> None:
    run, _ = runs.request(session, None, "dpo", QUICK)
    with write_transaction(session):
        run.config = {"head_pairs": 10}
    jobs.train(run.id)
    assert run_of(session, run.id).error == "head_pairs is not a setting of dpo on answers."


def test_an_adapter_of_a_base_that_is_gone_fails_with_a_sentence(
    clicks: None, session: Session, store: CheckpointStore, app: Flask
) -> None:
    run_id = ask(session, "dpo")
    model = store.folder(1) / MODEL_FOLDER
    model.rename(model.with_name("elsewhere"))
    jobs.train(run_id)
    error = run_of(session, run_id).error
    assert error is not None
    assert "There is no model at" in error
    assert parts(app).settings.home.exists()
