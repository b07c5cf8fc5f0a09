"""What a head promises on other texts is put right by clicks that it has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.reward.crossfit import ExpectedPreference, _by_chance, expected_preference
from models.reward.features import SIZE, Array
from models.reward.head import Head, choose_widths, fit
from models.reward.judgments import JudgedScreen

LIKED = np.zeros(SIZE)
LIKED[:2] = (2.0, -1.0)


def cards(chance: np.random.Generator, number: int = 3) -> Array:
    found = np.zeros((number, SIZE))
    found[:, :8] = chance.standard_normal((number, 8))
    return found


def clicks(number: int, seed: int, liking: Array = LIKED) -> list[JudgedScreen]:
    """Of people who choose by `liking`; with none at random."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        shown = cards(chance)
        wanted = int(np.argmax(shown @ liking)) if liking.any() else int(chance.integers(3))
        found.append(JudgedScreen(list(shown), (wanted,)))
    return found


def learned(judged: list[JudgedScreen]) -> Head:
    return fit(judged, choose_widths(judged))


def differences(head: Head, texts: int = 20, seed: int = 5) -> list[Array]:
    """Of the two that the head likes best of six rewrites, to any three of them."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(texts):
        pool = cards(chance, 6)
        best = pool[np.argsort(-head.utilities(pool))[:2]]
        found.append((best[:, None] - pool[None, :3]).reshape(-1, SIZE))
    return found


def told(judged: list[JudgedScreen], prompts: list[str] | None = None) -> ExpectedPreference:
    head = learned(judged)
    found = expected_preference(
        judged, prompts or [f"text {number}" for number in range(len(judged))], head, differences(head)
    )
    assert found is not None
    return found


@pytest.mark.long
def test_clicks_with_a_taste_promise_what_then_comes_true() -> None:
    judged = clicks(40, 1)
    found = told(judged)
    assert found.shown
    assert found.low < found.value < found.high
    assert (found.clicks, found.texts) == (40, 20)
    assert found.right > 25
    preferred = [np.mean((one @ LIKED > 0) + 0.5 * (one @ LIKED == 0)) for one in differences(learned(judged))]
    assert found.low - 0.05 < np.mean(preferred), "people who never err prefer it at least as often"


@pytest.mark.slow
@pytest.mark.long
def test_random_clicks_promise_nothing() -> None:
    found = [told(clicks(20, seed, np.zeros(SIZE))) for seed in range(12)]
    assert sum(one.shown for one in found) <= 1
    assert 0.45 < np.mean([one.value for one in found]) < 0.55


@pytest.mark.long
def test_a_prompt_that_was_judged_twice_is_left_out_whole() -> None:
    """The same random click twice: who left out one of them only would predict it from the other."""
    once = clicks(20, 3, np.zeros(SIZE))
    twice = told([*once, *once], [f"text {number % 20}" for number in range(40)])
    assert not twice.shown
    cheated = told([*once, *once[1:], once[0]])
    assert cheated.right > twice.right


@pytest.mark.long
def test_what_people_wrote_themselves_is_predicted_too() -> None:
    chance = np.random.default_rng(4)
    judged = [JudgedScreen(list(cards(chance)), (), LIKED + cards(chance, 1)[0]) for _ in range(20)]
    found = told(judged)
    assert found.clicks == 20
    assert found.right == pytest.approx(20, abs=4)
    assert found.by_chance < 0.001, "a guess among four is right a quarter of the time"


def test_where_no_click_prefers_a_text_there_is_no_promise() -> None:
    chance = np.random.default_rng(6)
    ties = [JudgedScreen(list(cards(chance)), (0, 1, 2)) for _ in range(5)]
    assert expected_preference(ties, list("abcde"), learned(ties), [np.ones((1, SIZE))]) is None
    one = clicks(1, 1)
    assert expected_preference(one, ["a"], learned(one), [np.ones((1, SIZE))]) is None, (
        "nothing else is left to learn from"
    )
    some = clicks(5, 1)
    assert expected_preference(some, list("abcde"), learned(some), []) is None


def test_equal_clicks_give_an_equal_promise() -> None:
    assert told(clicks(10, 2)) == told(clicks(10, 2))


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([[-1.0, -2.0]], 1 / 3),
        ([[-1.0, 1.0]], 2 / 3),
        ([[1.0, 2.0]], 1.0),
        ([[0.0, 0.0]], 1.0),
        ([[-1.0]], 1 / 2),
        ([[-1.0, -2.0], [-3.0, -7.0]], 1 / 9),
        ([[-1.0, -2.0], [-1.0, -1.0, -1.0]], 1 / 12),
        ([[-1.0, -2.0]] * 9, 0.0),
    ],
)
def test_the_chance_that_random_clicks_agree_as_well_is_exact_in_small_cases(
    others: list[list[float]], expected: float
) -> None:
    """Differences of the other texts' utilities to that of the chosen one: negative where the click was predicted."""
    assert _by_chance([np.array(one) for one in others], np.ones(len(others))) == pytest.approx(expected, abs=0.015)


def test_the_second_best_counts_more_than_the_worst() -> None:
    second, worst = ([np.array([-2.0, -3.0])] * 6 + [np.array(one)] * 6 for one in ([-1.0, 1.0], [1.0, 2.0]))
    assert _by_chance(second, np.ones(12)) < 0.05 < _by_chance(worst, np.ones(12))


def test_a_click_that_weighs_nothing_says_nothing_of_the_chance() -> None:
    """Nine clicks that were predicted, of which one counts: a guess among three is right as often."""
    predicted = [np.array([-1.0, -2.0])] * 9
    assert _by_chance(predicted, np.array([1.0] + [0.0] * 8)) == pytest.approx(1 / 3, abs=0.015)


@pytest.mark.long
def test_clicks_that_weigh_nothing_leave_the_promise_to_the_others() -> None:
    """Ten clicks by a taste, beside ten against it; the latter decide nothing once they weigh nothing."""
    by_taste, against = clicks(10, 1), clicks(10, 2, -LIKED)
    prompts = [f"text {number}" for number in range(20)]
    head = learned(by_taste)

    def slope(weight: float) -> float:
        judged = [*by_taste, *(replace(one, weight=weight) for one in against)]
        found = expected_preference(judged, prompts, head, differences(head))
        assert found is not None
        assert found.clicks == 20
        return found.slope

    assert slope(0.0) > slope(0.5) > slope(1.0)
