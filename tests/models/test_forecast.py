"""The forecast of a retraining promises what clicks bear out, and clicks at random about one half."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist, fmean

import numpy as np
import pytest

from models.forecast import HEAD_ALONE, LEAST, RETRAINED, Gain, Past, Scale, forecast, gain, scale
from models.reward.features import NAMED, SIZE, Array
from models.reward.head import Head, choose_widths, fit
from models.reward.judgments import JudgedScreen, choices
from models.reward.posterior import Posterior

WIDTHS = (0.5, 0.4, 0.15)
TASTE = np.zeros(SIZE)
TASTE[:2] = (3.0, -2.0)
MEANING = [number.name for number in NAMED].index("meaning")


def clicks(number: int, seed: int, taste: Array | None = TASTE) -> list[JudgedScreen]:
    """Of people who choose by a taste; without one at random."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        shown = np.zeros((3, SIZE))
        shown[:, :30] = chance.standard_normal((3, 30))
        wanted = int(chance.integers(3)) if taste is None else int(np.argmax(shown @ taste))
        found.append(JudgedScreen(list(shown), (wanted,)))
    return found


def gained(judged: list[JudgedScreen]) -> Gain:
    found = gain(judged, WIDTHS)
    assert found is not None
    return found


def by_hand(judged: Sequence[JudgedScreen], before: Head | None = None, since: int = 0) -> Gain:
    """Compute what `gain` does click by click, by the definitions in models/forecast.py and its measured numbers."""
    posterior = Posterior(choices(judged), WIDTHS)
    unseen, counted = posterior.left_out_utilities(), judged[since:]
    reach = reached(counted, posterior.theta[:SIZE], posterior.root()[:SIZE])
    gains = [reach * agreed(list(unseen[since + place]), 0) for place in range(len(counted))]
    if before is not None:
        known = reached(counted, before.weights, before.root)
        for place, one in enumerate(counted):
            gains[place] -= known * agreed([float(card @ before.weights) for card in one.cards], one.chosen[0])
    total = sum(one.weight for one in counted)
    number = total**2 / sum(one.weight**2 for one in counted)
    value = sum(one.weight * gained for one, gained in zip(counted, gains, strict=True)) / total
    apart = sum(one.weight * (gained - value) ** 2 for one, gained in zip(counted, gains, strict=True)) / total
    error = 1.4 * math.sqrt((apart * number + 2 * 1.5**2) / (number + 2) / number)
    return Gain(value, error, 0.15 * abs(value), len(counted))


def agreed(utilities: Sequence[float], chosen: int) -> float:
    """Return how far above the mean the chosen one of three is, over the mean of the greatest of three such numbers."""
    middle = fmean(utilities)
    deviation = math.sqrt(fmean((one - middle) ** 2 for one in utilities))
    of_three = 3 * math.sqrt(1.5) / math.pi
    return (utilities[chosen] - middle) / deviation / of_three if deviation else 0.0


def reached(screens: Sequence[JudgedScreen], weights: Array, root: Array) -> float:
    """Return how far a sure choice moves what is shown, by differences of cards from the means of their screens."""
    cards = [card - np.mean(one.cards, axis=0) for one in screens for card in one.cards]
    liked, meant = [float(card @ weights) for card in cards], [float(card[MEANING]) for card in cards]
    doubt = [math.sqrt(float(card @ root @ root.T @ card)) for card in cards]
    sure = math.sqrt(fmean((one / by) ** 2 if by else 0.0 for one, by in zip(liked, doubt, strict=True)))
    size = math.sqrt(sum(one**2 for one in liked) * sum(one**2 for one in meant))
    cosine = sum(one * other for one, other in zip(liked, meant, strict=True)) / size if size else 0.0
    return 1.5 * min(1.0, sure) * (1 - 0.6 * max(0.0, cosine))


ALIKE = JudgedScreen([np.zeros(SIZE)] * 3, (1,))
SLIGHT = np.zeros(SIZE)
SLIGHT[[0, MEANING]] = (0.3, -0.2)


@pytest.mark.parametrize(
    "judged",
    [
        clicks(40, 1),
        clicks(12, 7, SLIGHT),
        [*clicks(20, 8, SLIGHT), ALIKE, replace(ALIKE, chosen=(2,))],
        [replace(one, weight=0.25 + place % 3) for place, one in enumerate(clicks(30, 9))],
        clicks(30, 10, TASTE + 2 * np.eye(SIZE)[MEANING]),
        clicks(25, 11, None),
    ],
)
def test_a_gain_is_reach_times_agreement_with_an_error_of_so_many_clicks(judged: list[JudgedScreen]) -> None:
    found, expected = gained(judged), by_hand(judged)
    assert (found.value, found.error, found.reach_error) == pytest.approx(
        (expected.value, expected.error, expected.reach_error), rel=0.005
    )
    assert found.clicks == expected.clicks


def test_the_gain_over_a_head_is_that_of_the_clicks_since_less_what_it_gains_on_the_same() -> None:
    judged = [*clicks(20, 12, SLIGHT), *clicks(25, 13)]
    before = fit(judged[:20], WIDTHS)
    found, expected = gain(judged, WIDTHS, before, since=20), by_hand(judged, before, 20)
    assert found is not None
    assert (found.value, found.error, found.clicks) == pytest.approx((expected.value, expected.error, 25), rel=0.005)


def test_clicks_by_a_taste_promise_more_than_half_and_more_of_them_narrow_it() -> None:
    found = gained(clicks(40, 1))
    now, later = forecast(found, HEAD_ALONE), forecast(found, HEAD_ALONE, 40)
    assert 0.6 < now.low < now.value < now.high < 1
    assert now.low < later.low < later.value == now.value < later.high < now.high
    assert (now.clicks, later.clicks) == (40, 80)


def test_clicks_at_random_promise_about_one_half() -> None:
    found = []
    for seed in range(20):
        judged = clicks(30, seed, None)
        one = gain(judged, choose_widths(judged))
        assert one is not None
        found.append(forecast(one, RETRAINED))
    assert 0.46 < np.mean([one.value for one in found]) < 0.54
    assert sum(one.low < 0.5 < one.high for one in found) >= 16


def test_nothing_is_said_of_too_few_clicks_that_choose_one_card() -> None:
    judged = clicks(LEAST, 1)
    assert gain(judged, WIDTHS) is not None
    assert gain(judged[1:], WIDTHS) is None
    assert gain([*judged[1:], replace(judged[0], chosen=(0, 1)), replace(judged[0], chosen=())], WIDTHS) is None
    assert gain([*judged[1:], replace(judged[0], weight=0.0)], WIDTHS) is None, "who is left out is not counted"
    assert gain([*judged[1:], replace(judged[0], weight=0.5)], WIDTHS) is not None
    alone, pair = (replace(judged[0], cards=judged[0].cards[:number], chosen=(0,)) for number in (1, 2))
    assert gain([*judged[1:], alone], WIDTHS) is None, "one card was no choice"
    assert gain([*judged[1:], pair], WIDTHS) is not None
    written = replace(judged[0], chosen=(), written=np.ones(SIZE))
    assert gain([*judged[1:], written], WIDTHS) is None
    assert gain(judged, WIDTHS, since=1) is None


def test_of_a_taste_that_the_live_version_knows_already_little_more_is_promised() -> None:
    judged = clicks(100, 3)
    before = fit(judged[:60], WIDTHS)
    over_it = gain(judged, WIDTHS, before, since=60)
    assert over_it is not None
    assert over_it.clicks == 40
    assert 0 < over_it.value < 0.3 < gained(judged).value


def test_a_taste_for_what_quality_chooses_anyway_gains_less() -> None:
    taste = np.zeros(SIZE)
    taste[MEANING] = 3.0
    assert gained(clicks(60, 4, taste)).value < 0.6 * gained(clicks(60, 4)).value


def test_clicks_that_weigh_twice_count_twice() -> None:
    taste, other = clicks(30, 5), clicks(30, 6, None)
    heavier = gained([*(replace(one, weight=3.0) for one in taste), *other])
    assert heavier.value > gained([*taste, *other]).value


def test_the_interval_is_that_of_a_product_of_gain_and_scale() -> None:
    found = Gain(value=0.8, error=0.3, reach_error=0.4, clicks=20)
    spread = math.sqrt((1.2 * 0.5) ** 2 + (0.8 * 0.1) ** 2 + (0.5 * 0.1) ** 2)
    said = forecast(found, Scale(1.2, 0.1))
    normal = NormalDist()
    assert said.value == pytest.approx(normal.cdf(0.96 / math.sqrt(2)))
    assert said.low == pytest.approx(normal.cdf((0.96 - normal.inv_cdf(0.95) * spread) / math.sqrt(2)))
    assert said.high == pytest.approx(normal.cdf((0.96 + normal.inv_cdf(0.95) * spread) / math.sqrt(2)))


def test_past_runs_move_the_scale_as_far_as_they_are_known() -> None:
    assert scale([]) == RETRAINED
    rate = NormalDist().cdf(0.4 / math.sqrt(2))  # half of a gain of 0.8
    far = 1.96 * 0.2  # an interval of so many gains on either side
    low, high = (NormalDist().cdf((0.4 + side * far) / math.sqrt(2)) for side in (-1, 1))
    found = scale([Past(0.8, rate, low, high)])
    precision = RETRAINED.error**-2 + (0.8 / 0.2) ** 2
    assert found.mean == pytest.approx((RETRAINED.mean * RETRAINED.error**-2 + 0.8 * 0.4 / 0.2**2) / precision, 1e-3)
    assert found.error == pytest.approx(precision**-0.5, 1e-3)
    assert scale([Past(0.0, 0.7, 0.6, 0.8)]) == RETRAINED, "a run of which nothing was forecast teaches nothing"
