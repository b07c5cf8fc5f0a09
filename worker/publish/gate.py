"""The gate of a new version: its comparison with the parent, and the reasons why it must not go live."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.texts.heldout import heldout_pairs
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.t5.scoring import mean_token_log_prob, sequence_log_probs

MAX_HELDOUT_DROP = 0.15
"""The share of its parent's held-out quality that a new version may lose."""
MAX_J_DROP = 0.05
"""The drop of J beyond which, if certain, a version is refused; a taste for short texts costs some meaning."""
ACCURACY_BATCH_SIZE = 32


def preference_accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[PreferenceExample]
) -> float:
    """Return the share of `examples` whose chosen completion is more probable to `model` than the rejected one.

    Each different completion of a prompt is scored once (one chosen text has several rejected ones); texts of similar
    length are batched together to save padding.
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
    """Compare the version in `child_dir` with its parent, on its training pairs and on held-out rewrites.

        preference_accuracy       the share of `examples` whose chosen text is the more probable
        heldout_quality           the geometric mean of the token probabilities of the held-out rewrites, exp(mean
                                  log-probability); it falls when training on clicks damages earlier abilities
        heldout_relative_change   heldout_quality over its parent's, minus one

    The parent's figures have the prefix `parent_`.
    """
    metrics: dict[str, float] = {}
    for prefix, folder in (("parent_", parent_dir), ("", child_dir)):
        model, tokenizer = load_model(folder), load_tokenizer(folder)
        metrics[f"{prefix}preference_accuracy"] = preference_accuracy(model, tokenizer, examples)
        metrics[f"{prefix}heldout_quality"] = math.exp(mean_token_log_prob(model, tokenizer, heldout_pairs()))
    metrics["heldout_relative_change"] = metrics["heldout_quality"] / metrics["parent_heldout_quality"] - 1
    return metrics


def gate(metrics: Mapping[str, Any], *, only_if_better: bool = False) -> list[str]:
    """Return the reasons why a version with these `metrics` must not go live by itself, one sentence each.

    A version is refused if it is shown to be worse: by the quality figures of its evaluation, by held-out clicks, or by
    a large drop in the probability of the held-out rewrites, the sign of a failed training. A difference within the
    noise, or on too few texts or prompts, is no reason, unless `only_if_better` demands that the version is shown to be
    better.
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
    evaluation = metrics.get("evaluation", {})
    for comparison in evaluation.get("comparisons", []):
        found = comparison["figures"].get("j")
        if found and found["differs"] and found["high"] < -MAX_J_DROP:
            reasons.append(
                f"J fell by {-found['value']:.3f} ({-found['high']:.3f} to {-found['low']:.3f}) on the held-out "
                f"sentences, surely by more than {MAX_J_DROP}."
            )
    reasons += fallen_clicks(metrics)
    if only_if_better and not metrics.get("preferred", {}).get("shown"):
        reasons.append("The clicks do not show that it is better, and only such a version is to go live.")
    return reasons


def fallen_clicks(metrics: Mapping[str, Any]) -> list[str]:
    """Return the reason if a version is shown to agree less than its parent with the clicks that were held out."""
    clicks = metrics.get("evaluation", {}).get("clicks", {}).get("comparison", {}).get("preference_accuracy")
    if clicks and clicks["differs"] and clicks["value"] < 0:
        return [f"Agreement with the clicks that were held out fell by {-clicks['value']:.0%}."]
    return []
