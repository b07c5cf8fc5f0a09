"""The gate lets a chat version through unless it is shown to be worse, or its answers fell apart."""

from __future__ import annotations

import math
from typing import Any

import pytest

from worker.publish.chat_gate import chat_gate


def metrics(
    *, degenerate: int = 0, before: int = 0, value: float = 0.0, differs: bool = False, **more: Any
) -> dict[str, Any]:
    compared = {"value": value, "low": value, "high": value, "differs": differs}
    return {
        "answers_asked": 6,
        "answers_degenerate": degenerate,
        "parent_answers_degenerate": before,
        "evaluation": {"clicks": {"pairs": 20, "comparison": {"preference_accuracy": compared}}},
        **more,
    }


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (metrics(), []),
        (metrics(value=-0.2), []),
        (metrics(value=-0.2, differs=True), ["Agreement with the clicks that were held out fell by 20%."]),
        (metrics(value=0.2, differs=True), []),
        (metrics(degenerate=3), []),
        (
            metrics(degenerate=4, before=1),
            ["Of 6 instructions it answers 4 with nothing or by repeating itself, its parent 1."],
        ),
        (metrics(degenerate=6, before=6), []),
        (metrics(train_loss=math.nan), ["A metric of the new version is not a finite number."]),
        (metrics(value=math.inf), ["A metric of the new version is not a finite number."]),
        ({**metrics(), "evaluation": {"clicks": {"note": "No click tests it yet."}}}, []),
    ],
)
def test_it_says_why(found: dict[str, Any], reasons: list[str]) -> None:
    assert chat_gate(found) == reasons


def test_it_may_have_to_be_better() -> None:
    said = ["The clicks do not show that it is better, and only such a version is to go live."]
    assert chat_gate(metrics(), only_if_better=True) == said
    assert chat_gate(metrics(value=0.2, differs=True), only_if_better=True) == []
