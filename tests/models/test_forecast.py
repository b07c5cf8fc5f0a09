"""The forecast of a retraining promises what clicks bear out, and clicks at random about one half."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from models.forecast import HEAD_ALONE, LEAST, RETRAINED, Gain, Past, Scale, forecast, gain, scale
from models.reward.features import NAMED, SIZE, Array
from models.reward.head import choose_widths, fit
from models.reward.judgments import JudgedScreen

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


def test_an_interval_is_told_in_cases_of_a_hundred() -> None:
    found = Gain(value=0.4, error=0.05, reach_error=0.05, clicks=20)
    assert forecast(found, HEAD_ALONE).in_words() == "58 to 64 of 100 cases"
    assert forecast(replace(found, error=0.0, reach_error=0.0), HEAD_ALONE).in_words() == "61 of 100 cases"
