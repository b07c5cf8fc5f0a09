"""What the head says of samples becomes pairs, of what quality bears alone."""

from __future__ import annotations

import numpy as np
import pytest

from models.reward.features import SIZE, Array
from models.reward.head import Head, fit
from models.reward.judgments import JudgedScreen
from models.serving.pool import Option
from worker.training.clicks.labelling import LEAST_SURE, label, preference_probability
from worker.training.shared.examples import PreferenceExample


def row(value: float) -> Array:
    found = np.zeros(SIZE)
    found[0] = value
    return found


def option(text: str, liked: float, **of: float) -> Option:
    numbers = {"neutrality": 0.9, "meaning": 0.8, "fluency": 0.6, "quality": 0.5} | of
    return Option(text, -0.5, features=row(liked), manner="", **numbers)


@pytest.fixture
def head() -> Head:
    """Of people who like what has more of the first feature."""
    return fit([JudgedScreen([row(1.0), row(-1.0), row(0.0)], (0,))] * 20, (0.5, 0.2, 0.1))


POOL = (option("worst", -2.0), option("between", 0.0), option("best", 2.0))


def test_the_best_liked_is_chosen_and_the_least_liked_rejected(head: Head) -> None:
    found = label(head, [("text", POOL)], 10)
    assert found.examples == (PreferenceExample("text", "best", "worst"),)
    assert LEAST_SURE < found.sureness < 1


@pytest.mark.parametrize(
    "flaw",
    [{"quality": 0.0}, {"neutrality": 0.3}, {"meaning": 0.5}, {"fluency": 0.3}],
    ids=lambda flaw: next(iter(flaw)),
)
def test_what_quality_does_not_bear_is_no_teacher(head: Head, flaw: dict[str, float]) -> None:
    pool = (*POOL, option("liked but bad", 5.0, **flaw), option("hated and bad", -5.0, **flaw))
    assert label(head, [("text", pool)], 10).examples == (PreferenceExample("text", "best", "worst"),)


def test_what_the_head_cannot_tell_apart_gives_no_pair(head: Head) -> None:
    alike = (option("one", 0.1), option("other", 0.1))
    assert label(head, [("a", alike), ("b", POOL[:1]), ("c", ())], 10).examples == ()
    assert label(head, [("a", alike)], 10).sureness == 0


def test_there_are_as_many_pairs_as_asked_for_in_the_order_of_the_texts(head: Head) -> None:
    found = label(head, [(text, POOL) for text in "abcd"], 2)
    assert [example.prompt for example in found.examples] == ["a", "b"]


def test_how_sure_it_is_takes_in_what_is_not_known(head: Head) -> None:
    few = fit([JudgedScreen([row(1.0), row(-1.0), row(0.0)], (0,))], (0.5, 0.2, 0.1))
    assert preference_probability(head, row(0.0)) == 0.5
    assert 0.5 < preference_probability(few, row(2.0)) < preference_probability(head, row(2.0))
    assert preference_probability(head, row(-2.0)) == pytest.approx(1 - preference_probability(head, row(2.0)))
