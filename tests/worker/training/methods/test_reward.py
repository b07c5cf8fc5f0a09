"""A reward model learns an easy preference, is saved whole, and rates in use as it did in training."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.formats import rows_sha256
from models.model_errors import RecipeError
from models.settings.command_line import RewardOptions
from tests.tiny.classifiers import build_tiny_encoder
from tests.tiny.decoders import build_tiny_decoder
from tests.worker.conftest import RecordingProgress
from worker.cli import main
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.methods import method_of
from worker.training.methods.reward import PairCollator, encoded_pairs
from worker.training.methods.reward_functions import RewardModel
from worker.training.run.data import TrainingData
from worker.training.run.runner import Result, train
from worker.training.shared.training_errors import Cancelled, CheckpointError

KIND = ["good", "great", "please", "thank", "silly"][:4]
RUDE = ["stupid", "idiot", "dumb", "trash"]
OTHERS = ["you", "are", "a", "the", "movie", "plan", "comment", "person", "people", "job", "question", "answer"]


def preferences(count: int, seed: int) -> list[dict[str, Any]]:
    """Pairs that differ in a kind word against a rude one, among other words."""
    noise = random.Random(seed)
    rows = []
    for _ in range(count):
        words = noise.choices(OTHERS, k=noise.randint(2, 5))
        rows.append(
            {
                "prompt": " ".join(noise.choices(OTHERS, k=3)),
                "chosen": " ".join([*words, noise.choice(KIND)]),
                "rejected": " ".join([*words, noise.choice(RUDE)]),
            }
        )
    return rows


def run(model: Path, output: Path, progress: RecordingProgress | None = None, **settings: Any) -> Result:
    """A whole training on 96 pairs, scored on 40 others."""
    rows, held_out = preferences(96, 1), preferences(40, 2)
    options = RewardOptions(**{"learning_rate": 3e-3, "num_train_epochs": 4, "use_cpu": True, **settings})
    data = TrainingData(rows, held_out, held_out, rows_sha256(rows, held_out), {})
    return train(method_of("reward"), str(model), data, options, output, progress or RecordingProgress())


@pytest.fixture(params=["bert", "distilbert", "roberta", "llama", "chat"])
def each_model(request: pytest.FixtureRequest, tmp_path: Path, tiny_llama: Path, tiny_chat: Path) -> Path:
    """Three encoders and two decoder-only models."""
    decoders = {"llama": tiny_llama, "chat": tiny_chat}
    return decoders.get(request.param) or build_tiny_encoder(tmp_path / "encoder", request.param)


@pytest.mark.parametrize(
    ("each_model", "use_peft"),
    [
        ("bert", False),
        ("bert", True),
        ("llama", False),
        ("chat", True),
        ("distilbert", True),
        ("roberta", True),
        *(pytest.param(kind, False, marks=pytest.mark.slow) for kind in ("distilbert", "roberta", "chat")),
        pytest.param("llama", True, marks=pytest.mark.slow),
    ],
    indirect=["each_model"],
)
def test_an_easy_preference_is_learned(each_model: Path, use_peft: bool, tmp_path: Path) -> None:
    """Above 0.9 of the held-out pairs; and the saved model says what was measured."""
    result = run(each_model, tmp_path / "out", use_peft=use_peft, learning_rate=1e-2 if use_peft else 3e-3)
    assert result.before["accuracy"]["value"] < 0.9
    assert result.after["accuracy"]["value"] > 0.9
    assert result.after["margin"]["low"] > 0.5
    assert (tmp_path / "out/adapter").is_dir() == use_peft

    rows = preferences(40, 2)
    served = RewardModel(tmp_path / "out", device="cpu")
    chosen = served([row["prompt"] for row in rows], [row["chosen"] for row in rows])
    rejected = served([row["prompt"] for row in rows], [row["rejected"] for row in rows])
    margin = sum(chosen) / 40 - sum(rejected) / 40
    assert margin == pytest.approx(result.after["margin"]["value"], abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_an_adapter_alone_rates_as_the_whole_model(kind: str, tmp_path: Path) -> None:
    """The adapter brings every layer that is new, so that no random one is left."""
    run(build_tiny_encoder(tmp_path / "encoder", kind), tmp_path / "out", use_peft=True, max_steps=3, seed=3)
    texts = (["you are a person"] * 2, ["thank you", "you idiot"])
    whole = RewardModel(tmp_path / "out/model", device="cpu")(*texts)
    assert RewardModel(tmp_path / "out/adapter", device="cpu")(*texts) == pytest.approx(whole, abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "chat"])
def test_a_merged_reward_model_rates_as_base_and_adapter(kind: str, tiny_chat: Path, tmp_path: Path) -> None:
    base = tiny_chat if kind == "chat" else build_tiny_encoder(tmp_path / "encoder", kind)
    run(base, tmp_path / "out", use_peft=True, max_steps=3, learning_rate=1e-2, seed=3)
    adapter = str(tmp_path / "out/adapter")
    texts = (["you are a person"] * 2, ["thank you", "you idiot"])
    rewards = RewardModel(adapter, device="cpu")(*texts)
    assert abs(rewards[0] - rewards[1]) > 1e-2

    assert main(["merge", "--adapter", adapter, "--output_dir", str(tmp_path / "merged")]) == 0
    assert RewardModel(tmp_path / "merged", device="cpu")(*texts) == pytest.approx(rewards, abs=1e-5)
    assert (
        main(["merge", "--model_name_or_path", str(tmp_path / "merged"), "--output_dir", str(tmp_path / "copy")]) == 0
    )
    assert RewardModel(tmp_path / "copy", device="cpu")(*texts) == pytest.approx(rewards, abs=1e-5)


def test_a_reward_model_is_not_taken_for_one_that_writes(
    tiny_chat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tiny_chat, tmp_path / "out", use_peft=True, max_steps=2)
    for name in ("model", "adapter"):
        with pytest.raises(CheckpointError, match="rates texts and writes none"):
            load_model_and_tokenizer(tmp_path / "out" / name)
    flags = ["--model_name_or_path", str(tiny_chat), "--adapter", str(tmp_path / "out/adapter"), "--question", "no"]
    assert main(["test", *flags]) == 1
    assert capsys.readouterr().err.endswith("is the adapter of a reward model: it rates texts and writes none.\n")


def test_the_loss_is_bradley_terry_on_what_is_rated_in_use(tmp_path: Path) -> None:
    """TRL's loss of a batch is -log sigmoid of the differences of our rewards; its collator sees nothing else."""
    folder = build_tiny_encoder(tmp_path, "bert")
    loaded = load_model_and_tokenizer(folder, classifier=True)
    rows = preferences(5, 3)
    batch = PairCollator(0)(list(encoded_pairs(loaded, rows)))
    assert batch["input_ids"].shape == batch["token_type_ids"].shape == batch["attention_mask"].shape
    logits = loaded.model(**batch).logits[:, 0]
    loaded.model.save_pretrained(tmp_path / "rater")
    loaded.tokenizer.save_pretrained(tmp_path / "rater")
    served = RewardModel(tmp_path / "rater", device="cpu")
    prompts = [row["prompt"] for row in rows]
    assert logits[:5].tolist() == pytest.approx(served(prompts, [row["chosen"] for row in rows]), abs=1e-5)
    assert logits[5:].tolist() == pytest.approx(served(prompts, [row["rejected"] for row in rows]), abs=1e-5)


def test_the_bias_of_the_head_stays_where_only_differences_count(tmp_path: Path) -> None:
    """It cancels out of the loss; a pull of the rewards to zero gives it something to learn."""
    encoder = build_tiny_encoder(tmp_path / "encoder")
    run(encoder, tmp_path / "free", max_steps=2)
    run(encoder, tmp_path / "centred", max_steps=2, center_rewards_coefficient=0.1)
    free, centred = (load_file(tmp_path / name / "model/model.safetensors") for name in ("free", "centred"))
    assert free["classifier.bias"].item() == 0
    assert centred["classifier.bias"].item() != 0


def test_a_run_that_was_broken_off_ends_with_the_same_weights(tmp_path: Path) -> None:
    """It goes on from its checkpoint, in the order of the data and with the optimizer it had."""
    encoder = build_tiny_encoder(tmp_path / "encoder")
    settings: dict[str, Any] = {"max_steps": 12, "save_steps": 5}
    run(encoder, tmp_path / "whole", **settings)
    with pytest.raises(Cancelled):
        run(encoder, tmp_path / "halves", RecordingProgress(cancel_after=7), **settings)
    progress = RecordingProgress()
    run(encoder, tmp_path / "halves", progress, **settings)
    assert progress.steps[0] == (6, 12)
    whole, halves = (load_file(tmp_path / name / "model/model.safetensors") for name in ("whole", "halves"))
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_the_training_loss_of_a_resumed_run_is_that_of_all_its_steps(tmp_path: Path) -> None:
    encoder = build_tiny_encoder(tmp_path / "encoder")
    settings: dict[str, Any] = {"max_steps": 12, "save_steps": 5, "logging_steps": 4}
    whole = run(encoder, tmp_path / "whole", **settings)
    for steps in (7, 6):  # broken off after steps 7 and 11, whose checkpoints stand between two logs
        with pytest.raises(Cancelled):
            run(encoder, tmp_path / "parts", RecordingProgress(cancel_after=steps), **settings)
    parts = run(encoder, tmp_path / "parts", **settings)

    assert parts.train_loss == pytest.approx(whole.train_loss, abs=1e-6)
    told = json.loads((tmp_path / "parts/result.json").read_text())
    assert told["train_loss"] == parts.train_loss


def test_a_checkpoint_of_an_older_release_gives_the_loss_of_the_steps_after_it(tmp_path: Path) -> None:
    encoder = build_tiny_encoder(tmp_path / "encoder")
    settings: dict[str, Any] = {"max_steps": 6, "save_steps": 4, "logging_steps": 1}
    with pytest.raises(Cancelled):
        run(encoder, tmp_path / "out", RecordingProgress(cancel_after=5), **settings)
    (tmp_path / "out/checkpoint-4/training_loss.json").unlink()
    progress = RecordingProgress()
    result = run(encoder, tmp_path / "out", progress, **settings)

    losses = [values["loss"] for _, values in progress.reports if "loss" in values]
    assert len(losses) == 2
    assert result.train_loss == pytest.approx(sum(losses) / 2, abs=1e-6)
    assert any("mean training loss will be of the steps after 4" in line for line in progress.lines)


def test_held_out_accuracy_and_margin_count_every_pair_once_whatever_the_batches(tmp_path: Path) -> None:
    """Forty pairs in batches of 16, 16 and 8: what early stopping watches is what is scored at the end."""
    progress = RecordingProgress()
    settings: dict[str, Any] = {"max_steps": 3, "eval_steps": 3, "per_device_eval_batch_size": 16}
    result = run(build_tiny_encoder(tmp_path / "encoder"), tmp_path / "out", progress, **settings)

    watched = next(values for _, values in progress.reports if "eval_accuracy" in values)
    assert 0 < result.after["accuracy"]["value"] < 1
    assert watched["eval_accuracy"] == pytest.approx(result.after["accuracy"]["value"], abs=1e-6)
    assert watched["eval_margin"] == pytest.approx(result.after["margin"]["value"], abs=1e-5)


def test_the_best_of_several_scores_is_kept(tmp_path: Path) -> None:
    """Early stopping waits for the held-out accuracy, which TRL gives that name."""
    progress = RecordingProgress()
    settings: dict[str, Any] = {"save_steps": 4, "early_stopping_patience": 1, "num_train_epochs": 20}
    result = run(build_tiny_encoder(tmp_path / "encoder"), tmp_path / "out", progress, **settings)
    scores = [values["eval_accuracy"] for _, values in progress.reports if "eval_accuracy" in values]
    assert result.steps < 20 * 12
    assert result.after["accuracy"]["value"] == pytest.approx(max(scores), abs=1e-6)


def test_an_encoder_decoder_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    """In one sentence."""
    with pytest.raises(
        RecipeError, match=r"^A reward model is made from an encoder or a decoder-only model, not from both in one\.$"
    ):
        run(tiny_t5, tmp_path / "out")


def test_the_last_norm_of_gpt2_cancels_out_as_the_head_does(tmp_path: Path) -> None:
    base = build_tiny_decoder(tmp_path / "gpt2", "gpt2")
    run(base, tmp_path / "out", max_steps=2)
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "out/model/model.safetensors")
    assert torch.equal(before["transformer.ln_f.bias"], after["transformer.ln_f.bias"])
    assert not torch.equal(before["transformer.h.0.ln_1.bias"], after["transformer.h.0.ln_1.bias"])


def test_plain_gradient_descent_trains_an_encoder_too(tmp_path: Path) -> None:
    """The bias of its keys cancels out of attention and gets no gradient but rounding."""
    result = run(build_tiny_encoder(tmp_path / "encoder"), tmp_path / "out", optim="sgd", max_steps=2)
    assert (result.model_dir / "model.safetensors").exists()
