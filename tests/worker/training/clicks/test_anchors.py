"""The penalty that keeps other sentences as they were."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.settings.clicks import DPOClickOptions
from models.texts.heldout import heldout_pairs, read_pairs
from tests.tiny.t5 import build_tiny_t5
from tests.worker.conftest import RecordingProgress
from worker.training.clicks.anchors import ANCHORS_FILE, ANCHORS_PER_STEP, divergence_from_parent, read_anchors
from worker.training.clicks.click_dpo import train_dpo
from worker.training.shared.checkpoint import encode, load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.t5.seq2seq_head import add_seq2seq_head


def train(folder: Path, examples: list[PreferenceExample], output: Path, weight: float) -> RecordingProgress:
    """One run with the penalty at `weight`, and what it reported."""
    progress = RecordingProgress()
    recipe = DPOClickOptions(
        learning_rate=5e-3, num_train_epochs=8, per_device_train_batch_size=4, anchor_weight=weight
    )
    train_dpo(folder, examples, recipe, output, progress)
    return progress


def divergence(parent: Any, child: Any, tokenizer: Any, pair: tuple[str, str]) -> float:
    """KL(p_parent || p_child), the mean over the tokens of one pair, by the models' own forward."""
    source, target = (torch.tensor([encode(tokenizer, text)]) for text in pair)
    with torch.no_grad():
        p, q = (model(input_ids=source, labels=target).logits[0].log_softmax(-1) for model in (parent, child))
    return float((p.exp() * (p - q)).sum(-1).mean())


def test_anchors_are_many_and_none_is_in_the_heldout_gauge() -> None:
    anchors = read_pairs(ANCHORS_FILE)

    assert len(anchors) == len({source for source, _ in anchors}) == 128
    assert not {source for source, _ in anchors} & {text for pair in heldout_pairs() for text in pair}


def test_the_penalty_is_zero_before_the_first_step_and_is_reported_beside_the_loss_after_it(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    reports = train(tiny_t5, examples, tmp_path / "child", weight=20.0).reports

    first, second = reports[0][1], reports[1][1]
    assert first["anchor_kl"] == pytest.approx(0, abs=1e-6)
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert second["anchor_kl"] > 0
    # -log sigmoid(margin), averaged over the batch, is above its value at the mean margin; 20 * KL is not part of it.
    least = math.log(1 + math.exp(-second["rewards/margins"]))
    assert least - 1e-4 <= second["loss"] < least + 20 * second["anchor_kl"]


@pytest.mark.parametrize("with_head", [False, True])
def test_the_divergence_is_that_of_the_policy_from_its_parent_and_not_the_other_way_round(
    tiny_t5: Path, tmp_path: Path, with_head: bool
) -> None:
    parent: Any = load_model(tiny_t5)
    policy: Any = load_model(build_tiny_t5(tmp_path / "other", seed=5))
    with torch.no_grad():
        policy.shared.weight.mul_(2)  # surer of itself: the two directions are far apart
    tokenizer, pairs = load_tokenizer(tiny_t5), read_pairs(ANCHORS_FILE)[:ANCHORS_PER_STEP]
    anchors = read_anchors(parent, tokenizer)[:ANCHORS_PER_STEP]
    tokens = [len(encode(tokenizer, rewrite)) for _, rewrite in pairs]

    def mean_of(one: Any, other: Any) -> float:
        found = [divergence(one, other, tokenizer, pair) for pair in pairs]
        return sum(kl * size for kl, size in zip(found, tokens, strict=True)) / sum(tokens)

    if with_head:
        add_seq2seq_head(policy)
    with torch.no_grad():
        found = float(divergence_from_parent(policy, anchors))
    assert found == pytest.approx(mean_of(parent, policy), rel=1e-4)
    assert found != pytest.approx(mean_of(policy, parent), rel=0.05)


def test_without_weight_there_is_no_penalty(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    reports = train(tiny_t5, examples, tmp_path / "child", weight=0.0).reports

    assert all("anchor_kl" not in values for _, values in reports)


def test_the_penalty_holds_sentences_that_are_neither_clicks_nor_anchors(
    each_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    held, free = (train(each_t5, examples, tmp_path / str(weight), weight) for weight in (100.0, 0.0))

    parent, tokenizer = load_model(each_t5), load_tokenizer(each_t5)
    drift = {}
    for weight in (100.0, 0.0):
        child = load_model(tmp_path / str(weight))
        drift[weight] = sum(divergence(parent, child, tokenizer, pair) for pair in heldout_pairs()[::3])
    assert drift[100.0] < drift[0.0] / 2
    assert held.reports[-1][1]["rewards/margins"] > 0.1  # and the clicks still count
    assert free.reports[-1][1]["rewards/margins"] > 0.1


def test_the_reported_divergence_is_that_of_the_anchors(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    """After the last step the mean over anchors, of which a quarter tells, is near what was reported of a few."""
    reports = train(tiny_t5, examples, tmp_path / "child", weight=1.0).reports

    parent, child, tokenizer = load_model(tiny_t5), load_model(tmp_path / "child"), load_tokenizer(tiny_t5)
    anchors = read_pairs(ANCHORS_FILE)
    assert len(anchors) % ANCHORS_PER_STEP == 0  # every step has fresh ones until all had their turn
    few = anchors[::4]
    mean = sum(divergence(parent, child, tokenizer, pair) for pair in few) / len(few)
    assert reports[-1][1]["anchor_kl"] == pytest.approx(mean, rel=0.5)
