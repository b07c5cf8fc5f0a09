"""How good a version is: what it prefers, what it still can do, and whether it may serve."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.pairs import heldout_pairs
from worker.training.t5.scoring import mean_token_log_prob, sequence_log_probs

MAX_HELDOUT_DROP = 0.02
"""The share of its parent's held-out quality that a new version may lose."""
ACCURACY_BATCH_SIZE = 32


def preference_accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[PreferenceExample]
) -> float:
    """The share of `examples` whose chosen completion is more probable to `model` than the rejected one.

    Each different completion of a prompt is scored once (one chosen text has several rejected ones), those of like
    length together, which need the least padding.
    """
    texts = {(example.prompt, text) for example in examples for text in (example.chosen, example.rejected)}
    pairs = sorted(texts, key=lambda pair: (len(pair[1]), len(pair[0]), pair))
    scores = sequence_log_probs(
        model, tokenizer, [prompt for prompt, _ in pairs], [text for _, text in pairs], ACCURACY_BATCH_SIZE
    )
    of = dict(zip(pairs, scores, strict=True))
    right = sum(of[example.prompt, example.chosen] > of[example.prompt, example.rejected] for example in examples)
    return right / len(examples)


def evaluate_version(
    parent_dir: Path | str, child_dir: Path | str, examples: Sequence[PreferenceExample]
) -> dict[str, float]:
    """Compare the version in `child_dir` with its parent, on what it was taught and on what it was not.

    `preference_accuracy` (and `parent_…`): the share of `examples` whose chosen text is the more probable.
    `heldout_quality` (and `parent_…`): the geometric mean of the probabilities of the tokens of the held-out rewrites,
    exp(mean log-probability); it falls when training on clicks damages what the model could do before.
    `heldout_relative_change`: child over parent, minus one.
    """
    metrics: dict[str, float] = {}
    for prefix, folder in (("parent_", parent_dir), ("", child_dir)):
        model, tokenizer = load_model(folder), load_tokenizer(folder)
        metrics[f"{prefix}preference_accuracy"] = preference_accuracy(model, tokenizer, examples)
        metrics[f"{prefix}heldout_quality"] = math.exp(mean_token_log_prob(model, tokenizer, heldout_pairs()))
    metrics["heldout_relative_change"] = metrics["heldout_quality"] / metrics["parent_heldout_quality"] - 1
    return metrics


def gate(metrics: Mapping[str, Any]) -> list[str]:
    """Why a version with these `metrics` of `evaluate_version` must not serve: a sentence a reason, or none.

    Metrics that are no numbers, such as the report of the evaluation, have no say.
    """
    if not all(math.isfinite(value) for value in metrics.values() if isinstance(value, int | float)):
        return ["A metric of the new version is not a finite number."]
    reasons = []
    change = metrics["heldout_relative_change"]
    if change < -MAX_HELDOUT_DROP:
        reasons.append(
            f"Held-out quality fell by {-change:.1%}, more than the {MAX_HELDOUT_DROP:.0%} allowed: "
            "other inputs suffer."
        )
    accuracy, before = metrics["preference_accuracy"], metrics["parent_preference_accuracy"]
    if accuracy < before:
        reasons.append(
            f"The new version agrees with {accuracy:.0%} of the preferences it was trained on, "
            f"its parent with {before:.0%}."
        )
    return reasons
