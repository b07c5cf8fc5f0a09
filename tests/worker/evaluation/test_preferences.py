"""Held-out clicks: agreement and DPO's reward margin, by hand."""

from typing import Any

import numpy as np
import pytest

from models.store.evaluation_figures import verdict
from worker.evaluation.preferences import PairLogProbs, click_figures
from worker.training.shared.examples import PreferenceExample

EXAMPLES = [
    PreferenceExample("a", "good", "bad"),
    PreferenceExample("a", "good", "worse"),
    PreferenceExample("b", "fine", "poor"),
]


def test_accuracy_and_margin_of_three_pairs() -> None:
    parent = PairLogProbs(np.array([-5.0, -5.0, -5.0]), np.array([-4.0, -4.0, -6.0]))  # right once
    version = PairLogProbs(np.array([-3.0, -3.0, -5.0]), np.array([-4.0, -4.0, -6.0]))  # right always

    found = click_figures(EXAMPLES, version, parent, beta=0.5)

    assert (found["pairs"], found["prompts"]) == (3, 2)
    assert found["version"]["preference_accuracy"]["value"] == 1
    assert found["parent"]["preference_accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["comparison"]["preference_accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    # The log-ratios rose by 2, 2 and 0: half of 4/3.
    assert found["version"]["reward_margin"]["value"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_version_equal_to_its_parent_has_no_margin() -> None:
    same = PairLogProbs(np.array([-1.0, -2.0, -3.0]), np.array([-2.0, -1.0, -4.0]))

    found = click_figures(EXAMPLES, same, same, beta=0.1)

    assert found["version"]["reward_margin"]["value"] == 0
    assert found["comparison"]["preference_accuracy"] == {
        "value": 0,
        "low": 0,
        "high": 0,
        "differs": False,
        "texts": 2,
        "too_few": True,
    }


def test_clicks_on_a_few_prompts_tell_no_difference_and_on_a_dozen_they_do() -> None:
    def found(prompts: int) -> dict[str, Any]:
        examples = [PreferenceExample(str(number), "good", "bad") for number in range(prompts)]
        always, never = np.full(prompts, -1.0), np.full(prompts, -2.0)
        clicks = click_figures(examples, PairLogProbs(always, never), PairLogProbs(never, always), beta=0.1)
        comparison: dict[str, Any] = clicks["comparison"]["preference_accuracy"]
        return comparison

    assert found(5)["value"] == 1
    assert [(found(n)["differs"], verdict("preference_accuracy", found(n))) for n in (5, 12)] == [
        (False, "too few texts to tell"),
        (True, "better"),
    ]
