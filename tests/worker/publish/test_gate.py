"""The gate lets through what is better and nothing that broke."""

import itertools
import math
from pathlib import Path
from typing import Any

import torch

from models.texts.heldout import heldout_pairs
from worker.publish.gate import evaluate_version, gate, preference_accuracy
from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint
from worker.training.shared.examples import PreferenceExample
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


def test_rewrites_that_became_far_less_probable_are_a_reason() -> None:
    assert gate(FINE | {"heldout_relative_change": -0.1499}) == []
    assert len(gate(FINE | {"heldout_relative_change": -0.1501})) == 1
    assert gate(FINE | {"heldout_relative_change": -0.151}) == [
        "Held-out quality fell by 15.1%, more than the 15% allowed: other inputs suffer."
    ]


def measured(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "differs": high < 0 or low > 0}


def test_quality_that_surely_fell_too_far_is_a_reason() -> None:
    def with_j(*found: float) -> dict[str, Any]:
        return FINE | {"evaluation": {"comparisons": [{"figures": {"j": measured(*found)}}]}}

    assert gate(with_j(-0.06, -0.09, -0.03)) == [], "it may be as little as 0.03"
    assert gate(with_j(-0.09, -0.12, -0.0499)) == []
    assert len(gate(with_j(-0.09, -0.12, -0.0501))) == 1
    assert gate(with_j(-0.09, -0.12, -0.06)) == [
        "J fell by 0.090 (0.060 to 0.120) on the held-out sentences, surely by more than 0.05."
    ]


def test_clicks_that_were_held_out_have_a_say() -> None:
    def with_clicks(*found: float) -> dict[str, Any]:
        return FINE | {"evaluation": {"clicks": {"comparison": {"preference_accuracy": measured(*found)}}}}

    assert gate(with_clicks(-0.2, -0.5, 0.1)) == [], "too few to tell"
    assert gate(with_clicks(0.2, 0.1, 0.3)) == []
    assert gate(with_clicks(-0.2, -0.3, -0.1)) == ["Agreement with the clicks that were held out fell by 20%."]


def test_what_so_few_texts_or_prompts_cannot_show_is_no_reason() -> None:
    few = measured(-0.4, -0.6, -0.2) | {"differs": False, "texts": 5, "too_few": True}

    assert gate(FINE | {"evaluation": {"clicks": {"comparison": {"preference_accuracy": few}}}}) == []
    assert gate(FINE | {"evaluation": {"comparisons": [{"figures": {"j": few}}]}}) == []


def test_only_a_better_version_serves_where_that_is_asked() -> None:
    said = ["The clicks do not show that it is better, and only such a version is to go live."]
    nothings: list[dict[str, Any]] = [{}, {"preferred": {}}, {"preferred": {"shown": False}}]
    for nothing in nothings:
        assert gate(FINE | nothing) == []
        assert gate(FINE | nothing, only_if_better=True) == said
    assert gate(FINE | {"preferred": {"shown": True}}, only_if_better=True) == []


def test_a_metric_that_is_no_number_is_a_reason() -> None:
    assert gate(FINE | {"heldout_quality": math.nan}) == ["A metric of the new version is not a finite number."]
