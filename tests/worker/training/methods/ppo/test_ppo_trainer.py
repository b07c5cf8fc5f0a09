"""PPO on policies of a dozen words, end to end."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.model_errors import RecipeError
from tests.worker.training.methods.ppo.toy import TEXTS, Kind, logged, toy_trainer
from worker.training.methods.ppo.buffer import trained_state
from worker.training.methods.ppo.data import RolloutSampler
from worker.training.methods.ppo.trainer import PPOTrainer
from worker.training.shared.training_errors import CheckpointError, DatasetError, Diverged

KINDS: tuple[Kind, ...] = ("t5", "llama")


def weights(trainer: PPOTrainer) -> dict[str, Tensor]:
    """Every trained weight of policy and value model."""
    parts = {"policy": trainer.policy, "value": trainer.plain_value_model}
    return {f"{part}.{name}": w.clone() for part, m in parts.items() for name, w in trained_state(m).items()}


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("kind", KINDS)
def test_before_the_first_step_every_ratio_is_exactly_1(kind: Kind, lora: bool, tmp_path: Path) -> None:
    """In training mode, on models and adapters that came with dropout, in every batch of the first pass."""
    trainer = toy_trainer(kind, tmp_path, lora=lora)
    model = trainer.policy.train()
    trainer.buffer = trainer._new_buffer(trainer.prompts.prompts)

    for _ in range(2):
        loss = trainer.compute_loss(model, trainer._prepare_inputs([]))
        assert loss.requires_grad

    assert trainer._reports["val/ratio"] == [1.0, 1.0]
    assert trainer._reports["val/ratio_var"] == [0.0, 0.0]
    assert trainer._reports["policy/approxkl_avg"] == [0.0, 0.0]
    assert trainer._reports["objective/kl"] == pytest.approx([0.0], abs=1e-6)  # nor has the policy left the reference


@pytest.mark.parametrize(
    ("kind", "lora", "value_model"),
    [
        ("t5", True, "shared"),
        ("llama", False, "separate"),
        pytest.param("t5", False, "separate", marks=pytest.mark.slow),
        pytest.param("llama", True, "shared", marks=pytest.mark.slow),
    ],
)
def test_the_reward_rises(kind: Kind, lora: bool, value_model: str, tmp_path: Path) -> None:
    """A word in eleven is the liked one at first."""
    trainer = toy_trainer(
        kind,
        tmp_path,
        lora=lora,
        value_model=value_model,
        prompts=TEXTS * 4,
        max_steps=40,
        rollout_batch_size=32,
        per_device_train_batch_size=16,
        num_ppo_epochs=4,
        learning_rate=1e-2 if lora else 3e-3,
    )
    before = trainer.evaluate()

    trainer.train()

    after = trainer.evaluate()
    assert before["eval_reward"] < 0.3
    assert before["eval_kl"] == pytest.approx(0, abs=1e-6)
    assert after["eval_reward"] > before["eval_reward"] + 0.3
    assert after["eval_kl"] > 1
    scores = logged(trainer, "objective/scores")
    assert sum(scores[-2:]) / 2 > sum(scores[:2]) / 2 + 0.3


def test_a_huge_price_of_divergence_keeps_the_policy_at_the_reference(tmp_path: Path) -> None:
    divergence = {}
    for price in (0.0, 100.0):
        trainer = toy_trainer(
            "llama",
            tmp_path / str(price),
            kl_coef=price,
            max_steps=28,
            prompts=TEXTS * 4,
            rollout_batch_size=32,
            per_device_train_batch_size=16,
            num_ppo_epochs=1,
            learning_rate=3e-4,
        )
        trainer.train()
        last = logged(trainer, "objective/kl_k3")[-2:]
        divergence[price] = sum(last) / 2

    assert divergence[0.0] > 1
    assert divergence[100.0] < 0.2


@pytest.mark.parametrize("value_model", ["shared", "separate"])
@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_trained_weight_moves(kind: Kind, lora: bool, value_model: str, tmp_path: Path) -> None:
    trainer = toy_trainer(
        kind, tmp_path, lora=lora, value_model=value_model, value_head_width=4, reward=lambda p, c: range(len(c))
    )
    before = weights(trainer)
    frozen = {name: w.clone() for name, w in trainer.policy.named_parameters() if not w.requires_grad}

    trainer.train()

    after = weights(trainer)
    assert [name for name in before if torch.equal(before[name], after[name])] == []
    assert all(torch.equal(w, frozen[name]) for name, w in trainer.policy.named_parameters() if name in frozen)
    assert bool(frozen) == lora


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path: Path) -> None:
    found = []
    for place, seed in enumerate((3, 3, 4)):
        trainer = toy_trainer("t5", tmp_path / str(place), seed=seed, reward=lambda p, c: [len(t) for t in c])
        torch.rand(place + 1)  # whatever the global random numbers are
        trainer.train()
        found.append(weights(trainer))

    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert not all(torch.equal(found[0][name], found[2][name]) for name in found[0])


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
def test_a_run_resumed_in_the_middle_of_a_rollout_ends_with_the_same_weights(lora: bool, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "lora": lora,
        "max_steps": 10,
        "save_strategy": "steps",
        "save_steps": 3,
        "value_model": "separate",
        "kl_target": 1.0,
        "prompts": TEXTS * 2,  # an epoch is two rollouts of four steps each
        "reward": lambda prompts, completions: [len(text) for text in completions],
    }
    whole = toy_trainer("llama", tmp_path, **settings)
    whole.train()

    for step in (3, 6):
        resumed = toy_trainer("llama", tmp_path / "resumed", **{**settings, "save_strategy": "no"})
        resumed.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))

        expected, found = weights(whole), weights(resumed)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        assert resumed.kl.kl_coef == whole.kl.kl_coef
        assert resumed.rollouts == whole.rollouts


def test_a_checkpoint_of_another_kind_of_training_is_refused(tmp_path: Path) -> None:
    trainer = toy_trainer("t5", tmp_path, save_strategy="steps", save_steps=4)
    trainer.train()
    (tmp_path / "checkpoint-4" / "ppo-0.safetensors").unlink()

    with pytest.raises(CheckpointError, match=r"lacks ppo-0\.safetensors"):
        toy_trainer("t5", tmp_path / "other").train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))


def test_two_accumulated_batches_are_one_of_their_size(tmp_path: Path) -> None:
    """Also where their texts, and so their numbers of tokens, differ in length."""
    found = []
    for place, (batch, accumulated) in enumerate(((4, 1), (2, 2))):
        trainer = toy_trainer(
            "llama",
            tmp_path / str(place),
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulated,
            per_device_eval_batch_size=8,
            max_steps=2,
            optim="sgd",
            learning_rate=0.1,
            reward=lambda p, c: [len(t) for t in c],
        )
        trainer.train()
        found.append((weights(trainer), logged(trainer, "loss"), logged(trainer, "loss/value_avg")))

    for name, weight in found[0][0].items():
        torch.testing.assert_close(weight, found[1][0][name], atol=1e-6, rtol=1e-5)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-5)
    assert found[0][2] == pytest.approx(found[1][2], abs=1e-5)


def test_recomputed_activations_change_nothing(tmp_path: Path) -> None:
    found = []
    for recompute in (False, True):
        trainer = toy_trainer(
            "llama",
            tmp_path / str(recompute),
            lora=True,
            gradient_checkpointing=recompute,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            reward=lambda p, c: [len(t) for t in c],
        )
        trainer.train()
        found.append(weights(trainer))

    for name, weight in found[0].items():
        torch.testing.assert_close(weight, found[1][name], atol=1e-6, rtol=1e-5)


def test_a_text_that_does_not_end_is_penalized(tmp_path: Path) -> None:
    scores = {}
    for penalty in (0.0, 5.0):
        trainer = toy_trainer("llama", tmp_path, missing_eos_penalty=penalty, max_steps=1)
        trainer.train()
        scores[penalty] = logged(trainer, "objective/scores")[0]
    endless = 8 - logged(trainer, "val/num_eos_tokens")[0]

    assert 0 < endless < 8
    assert scores[0.0] - scores[5.0] == pytest.approx(5 * endless / 8)


def test_the_adaptive_price_follows_the_divergence(tmp_path: Path) -> None:
    """At first the policy is the reference: KL 0 is below any target, and each rollout makes it a fiftieth cheaper."""
    trainer = toy_trainer("t5", tmp_path, kl_target=6.0, kl_coef=0.1, learning_rate=1e-9, max_steps=8)
    trainer.train()

    assert logged(trainer, "objective/kl_coef") == pytest.approx([0.1, 0.1 * 0.98])


def test_the_figures_have_trls_former_names(tmp_path: Path) -> None:
    trainer = toy_trainer("t5", tmp_path, max_steps=1, reward=lambda p, c: range(len(c)))
    trainer.train()

    first = trainer.state.log_history[0]
    assert {
        "objective/kl",
        "objective/entropy",
        "objective/non_score_reward",
        "objective/rlhf_reward",
        "objective/scores",
        "policy/approxkl_avg",
        "policy/clipfrac_avg",
        "policy/entropy_avg",
        "loss/policy_avg",
        "loss/value_avg",
        "val/clipfrac_avg",
        "val/ratio",
        "val/ratio_var",
        "val/num_eos_tokens",
    } <= set(first)
    assert first["objective/scores"] == 3.5
    assert first["loss"] == pytest.approx(first["loss/policy_avg"] + 0.1 * first["loss/value_avg"], abs=1e-6)


def test_what_cannot_work_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="rollout_batch_size must be a multiple of the 12 prompts"):
        toy_trainer("t5", tmp_path, gradient_accumulation_steps=3)
    with pytest.raises(DatasetError, match=r"^There are no prompts to train on\.$"):
        toy_trainer("t5", tmp_path, prompts=[])
    with pytest.raises(Diverged, match="nan"):
        toy_trainer("t5", tmp_path, reward=lambda p, c: [math.nan] * len(c)).train()
    with pytest.raises(Diverged, match="7 numbers for 8 texts"):
        toy_trainer("t5", tmp_path, reward=lambda p, c: [0.0] * 7).train()


def test_weights_that_are_no_numbers_stop_the_run(tmp_path: Path) -> None:
    trainer = toy_trainer("t5", tmp_path, reward=lambda p, c: range(len(c)))
    model = trainer.policy.train()
    trainer.buffer = trainer._new_buffer(trainer.prompts.prompts)
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)

    with pytest.raises(Diverged, match="The loss is nan at step 0: lower learning_rate"):
        trainer.compute_loss(model, trainer._prepare_inputs([]))


def test_an_epoch_has_every_prompt_and_says_each_block_once_for_each_batch() -> None:
    epochs = iter((0, 0, 1))
    sampler = RolloutSampler(size=5, block=3, repeats=2, seed=0, epoch=lambda: next(epochs))

    first, again, later = list(sampler), list(sampler), list(sampler)

    assert len(sampler) == len(first) == 12
    assert first == again != later
    assert first[:3] == first[3:6]
    assert first[6:9] == first[9:]
    assert sorted(first[:3] + first[6:8]) == [0, 1, 2, 3, 4]
    assert first[8] == first[0]  # the last block is filled up
