"""The gate of a new chat version: the reasons why it must not go live."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from worker.publish.gate import fallen_clicks


def chat_gate(metrics: Mapping[str, Any], *, only_if_better: bool = False) -> list[str]:
    """Return the reasons why a chat version with these `metrics` must not go live by itself, one sentence each.

    It is refused if it is shown to be worse on the clicks that were held out, or if more than half of its answers to
    the instructions of worker/chat/serving_check.py are empty or repeat themselves, and more than of its parent's. With
    `only_if_better` it must be shown to be better on the clicks that were held out.
    """
    if not all(math.isfinite(value) for value in _numbers(metrics)):
        return ["A metric of the new version is not a finite number."]
    reasons = fallen_clicks(metrics)
    asked, fallen, before = (
        int(metrics[name]) for name in ("answers_asked", "answers_degenerate", "parent_answers_degenerate")
    )
    if fallen > before and 2 * fallen > asked:
        reasons.append(
            f"Of {asked} instructions it answers {fallen} with nothing or by repeating itself, its parent {before}."
        )
    clicks = metrics["evaluation"]["clicks"].get("comparison", {}).get("preference_accuracy")
    if only_if_better and not (clicks and clicks["differs"] and clicks["value"] > 0):
        reasons.append("The clicks do not show that it is better, and only such a version is to go live.")
    return reasons


def _numbers(value: Any) -> Iterator[float]:
    """Yield all numbers in metrics, however deep."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, int | float):
        yield value
