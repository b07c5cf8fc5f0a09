"""The gate lets through what is better and nothing that broke."""

import itertools
import math
from pathlib import Path
from typing import Any

import torch

from worker.publish.gate import evaluate_version, gate, preference_accuracy
from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.pairs import heldout_pairs
from worker.training.t5.scoring import sequence_log_probs

FINE = {
    "preference_accuracy": 0.9,
    "parent_preference_accuracy": 0.4,
    "heldout_quality": 0.495,
    "parent_heldout_quality": 0.5,
    "heldout_relative_change": -0.01,
}


def test_preference_accuracy_is_the_share_of_pairs_in_the_chosen_order(tiny_t5: Path) -> None:
    model, tokenizer = load_model(tiny_t5), load_tokenizer(tiny_t5)
    short, long = (
        "stop",
        "stop it please , whatever that may be",
    )  # a random model finds the long one less probable
    pairs = [PreferenceExample("you", short, long)] * 3 + [PreferenceExample("you", long, short)]

    assert preference_accuracy(model, tokenizer, pairs) == 0.75


def test_accuracy_is_that_of_scoring_every_pair_by_itself(each_t5: Path) -> None:
    model, tokenizer = load_model(each_t5), load_tokenizer(each_t5)
    texts = ["stop", "stop it please", "the idea is not very good", "you are wrong", "be quiet , please", "no"]
    pairs = [
        PreferenceExample(prompt, chosen, rejected)
        for prompt in ("you", "your idea is garbage", "what an idiot")
        for chosen, rejected in itertools.permutations(texts, 2)
    ][::2]  # many share a chosen or a rejected text

    def alone(prompt: str, text: str) -> float:
        return sequence_log_probs(model, tokenizer, [prompt], [text])[0]

    right = [alone(one.prompt, one.chosen) > alone(one.prompt, one.rejected) for one in pairs]
    assert preference_accuracy(model, tokenizer, pairs) == sum(right) / len(pairs)
    assert 0 < sum(right) < len(pairs)


def test_the_heldout_set_is_sixty_different_sentences() -> None:
    pairs = heldout_pairs()

    assert len(pairs) == len({source for source, _ in pairs}) == 60
    assert all(source.strip() and rewrite.strip() for source, rewrite in pairs)
    assert sum(source == rewrite for source, rewrite in pairs) >= 10  # what is polite should stay as it is


def test_a_version_equal_to_its_parent_has_changed_nothing(tiny_t5: Path, examples: list[PreferenceExample]) -> None:
    metrics = evaluate_version(tiny_t5, tiny_t5, examples)

    assert metrics["heldout_relative_change"] == 0
    assert metrics["preference_accuracy"] == metrics["parent_preference_accuracy"]
    assert 0 < metrics["heldout_quality"] < 1
    assert gate(metrics) == []


def test_a_damaged_version_does_not_pass(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    damaged: Any = load_model(tiny_t5)
    with torch.no_grad():
        damaged.shared.weight.mul_(3)
    save_checkpoint(damaged, load_tokenizer(tiny_t5), tmp_path)

    metrics = evaluate_version(tiny_t5, tmp_path, examples)

    assert metrics["heldout_relative_change"] < -0.02
    assert any("Held-out quality fell" in reason for reason in gate(metrics))


def test_a_better_version_passes() -> None:
    assert gate(FINE) == []


def test_a_loss_of_more_than_two_percent_is_a_reason() -> None:
    assert gate(FINE | {"heldout_relative_change": -0.021}) == [
        "Held-out quality fell by 2.1%, more than the 2% allowed: other inputs suffer."
    ]


def test_agreeing_less_with_the_clicks_than_before_is_a_reason() -> None:
    assert gate(FINE | {"preference_accuracy": 0.3}) == [
        "The new version agrees with 30% of the preferences it was trained on, its parent with 40%."
    ]


def test_a_metric_that_is_no_number_is_a_reason() -> None:
    assert gate(FINE | {"heldout_quality": math.nan}) == ["A metric of the new version is not a finite number."]
