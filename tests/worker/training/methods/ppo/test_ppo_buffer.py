"""The order in which a rollout is trained on, what a checkpoint keeps of it, and what is reported, number by number."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from worker.training.methods.ppo.buffer import Batch, Buffer, load_progress, save_progress, trained_state
from worker.training.methods.ppo.data import RolloutSampler
from worker.training.methods.ppo.losses import UpdateStatistics
from worker.training.methods.ppo.models import Completions
from worker.training.methods.ppo.reports import rollout_report, update_report
from worker.training.methods.ppo.rollout import Rollout
from worker.training.shared.training_errors import CheckpointError

LENGTHS = [1, 3, 2, 1, 2, 1, 1, 2]
"""Of the completions, in tokens; the prompts are of as many."""


def rows(offset: float) -> Tensor:
    """A number of its own for each of eight completions of three places."""
    return torch.arange(24.0).reshape(8, 3) + offset


def rollout() -> Rollout:
    mask = (torch.arange(3) < torch.tensor(LENGTHS)[:, None]).long()
    completions = Completions(rows(1).long(), mask, rows(2).long(), mask.clone())
    return Rollout(completions, rows(100), rows(200), rows(300), torch.zeros(8), torch.ones(8).bool())


def buffer(**changes: Any) -> Buffer:
    args: Any = SimpleNamespace(per_device_train_batch_size=2, gradient_accumulation_steps=2, num_ppo_epochs=2)
    made = Buffer.of(rollout(), rows(400), rows(500), args, seed=7)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def firsts(batch: Batch) -> list[int]:
    """Which completions are in a batch."""
    return [int(value - 100) // 3 for value in batch.logps[:, 0]]


def test_the_first_pass_keeps_the_order_and_later_ones_shuffle_all_of_it() -> None:
    made = buffer()
    batches = []
    while not made.exhausted:
        batches.append(made.next_batch())

    assert (len(batches), made.position) == (8, 8)
    assert [firsts(batch) for batch in batches[:4]] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    second = [row for batch in batches[4:] for row in firsts(batch)]
    order = torch.randperm(8, generator=torch.Generator().manual_seed(7 * 1_009 + 1)).tolist()
    assert second == order != sorted(order)


def test_a_batch_has_its_rows_of_everything_cut_at_its_longest() -> None:
    made = buffer()
    one, two = made.next_batch(), made.next_batch()

    assert (one.begins_step, two.begins_step) == (True, False)
    assert float(one.step_tokens) == float(two.step_tokens) == 1 + 3 + 2 + 1
    assert one.step_tokens.dtype == torch.float32
    for name, offset in (("logps", 100), ("values", 300), ("advantages", 400), ("returns", 500)):
        assert torch.equal(getattr(one, name), rows(offset)[0:2]), name
        assert torch.equal(getattr(two, name), rows(offset)[2:4, :2]), name
    assert two.completions.ids.tolist() == [[8, 9], [11, 12]]
    assert two.completions.prompt_ids.tolist() == [[7, 8], [10, 11]]
    assert two.completions.mask.tolist() == two.completions.prompt_mask.tolist() == [[1, 1], [1, 0]]
    three = made.next_batch()
    assert (three.begins_step, float(three.step_tokens)) == (True, 2 + 1 + 1 + 2)


def value_model(weight: float) -> nn.Linear:
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, weight)
    model.bias.requires_grad_(False)
    return model


def test_a_checkpoint_brings_back_the_rest_of_the_rollout_and_the_trained_weights(tmp_path: Path) -> None:
    kept, model = buffer(position=3), value_model(0.5)
    assert set(trained_state(model)) == {"weight"}
    save_progress(tmp_path, 1, kept, model, {"rollouts": 4, "kl_coef": 0.25})
    assert [path.name for path in tmp_path.iterdir()] == ["ppo-1.safetensors"]
    fresh = value_model(0.0)
    bias = fresh.bias.clone()

    found, numbers = load_progress(tmp_path, 1, fresh, torch.device("cpu"))

    assert numbers == {"rollouts": 4, "kl_coef": 0.25}
    assert found is not None
    assert torch.equal(fresh.weight, model.weight)
    assert torch.equal(fresh.bias, bias)
    for name in ("batch_size", "accumulation", "passes", "seed", "position"):
        assert getattr(found, name) == getattr(kept, name), name
    while not kept.exhausted:
        one, other = kept.next_batch(), found.next_batch()
        assert torch.equal(one.completions.ids, other.completions.ids)
        for name in ("logps", "values", "advantages", "returns", "step_tokens"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert found.exhausted


def test_between_two_rollouts_a_checkpoint_has_none_and_one_of_fewer_processes_is_refused(tmp_path: Path) -> None:
    save_progress(tmp_path, 0, None, value_model(0.5), {"rollouts": 1})
    assert load_progress(tmp_path, 0, value_model(0.0), torch.device("cpu")) == (None, {"rollouts": 1})
    with pytest.raises(CheckpointError) as refusal:
        load_progress(tmp_path, 1, value_model(0.0), torch.device("cpu"))
    assert str(refusal.value) == (
        f"{tmp_path} is no checkpoint of a PPO training with as many processes: it lacks ppo-1.safetensors."
    )


def test_prompts_come_in_blocks_that_are_repeated_and_filled_up_from_the_start() -> None:
    epoch = [0]
    sampler = RolloutSampler(5, block=2, repeats=3, seed=4, epoch=lambda: epoch[0])
    orders = [torch.randperm(5, generator=torch.Generator().manual_seed(4 * 1_000_003 + n)).tolist() for n in (0, 1)]

    for number, order in enumerate(orders):
        epoch[0] = number
        filled = [*order, order[0]]
        assert list(sampler) == [*filled[0:2] * 3, *filled[2:4] * 3, *filled[4:6] * 3]
    assert len(sampler) == len(list(sampler)) == 18


def test_a_report_of_a_rollout_sums_over_completions_and_averages_them() -> None:
    mask = torch.tensor([[1, 1], [1, 0]])
    logps = torch.tensor([[0.5, 0.25], [0.5, 0.9]]).log()
    ref_logps = torch.tensor([[0.25, 0.5], [0.25, 0.1]]).log()
    completions = Completions(mask, mask, mask, mask)
    fresh = Rollout(completions, logps, ref_logps, logps, torch.zeros(2), torch.tensor([True, False]))

    found = rollout_report(fresh, torch.tensor([3.0, 1.0]), kl_coef=0.5)

    half = math.log(2) / 2  # log 2 and -log 2 in the first, log 2 in the second
    k3 = (2 * (0.5 - 1 + math.log(2)) + (2 - 1 - math.log(2))) / 2
    assert found == {
        "objective/kl": pytest.approx(half),
        "objective/kl_k3": pytest.approx(k3),
        "objective/entropy": pytest.approx(4 * half),
        "objective/non_score_reward": pytest.approx(-0.5 * half),
        "objective/rlhf_reward": pytest.approx(2 - 0.5 * half),
        "objective/scores": 2.0,
        "objective/kl_coef": 0.5,
        "objective/completion_length": 1.5,
        "val/num_eos_tokens": 1.0,
    }


def test_a_report_of_a_batch_has_each_number_under_its_name() -> None:
    assert update_report(UpdateStatistics(1, 2, 3, 4, 5, 6), 7, 8) == {
        "policy/approxkl_avg": 3,
        "policy/clipfrac_avg": 4,
        "policy/entropy_avg": 6,
        "loss/policy_avg": 7,
        "loss/value_avg": 8,
        "val/clipfrac_avg": 5,
        "val/ratio": 1,
        "val/ratio_var": 2,
    }
