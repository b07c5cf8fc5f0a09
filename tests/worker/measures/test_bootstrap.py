"""Intervals hold what they should, and a comparison is paired."""

import numpy as np
import pytest

from worker.measures.bootstrap import difference, estimate, mean_of, ratio_of


def test_what_never_varies_has_an_interval_of_no_width() -> None:
    found = estimate(mean_of([0.25] * 30))

    assert (found.value, found.low, found.high, found.texts) == (0.25, 0.25, 0.25, 30)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, size=400)
    found = estimate(mean_of(values))
    half = 1.96 * values.std() / 20  # √400

    assert found.value == pytest.approx(values.mean(), abs=1e-6)
    assert found.low == pytest.approx(values.mean() - half, abs=half / 8)
    assert found.high == pytest.approx(values.mean() + half, abs=half / 8)


def test_the_same_figure_has_the_same_interval_every_time() -> None:
    assert estimate(mean_of([0, 1, 1, 0, 1])) == estimate(mean_of([0, 1, 1, 0, 1]))


def test_a_system_does_not_differ_from_itself() -> None:
    values = mean_of(np.random.default_rng(0).random(50))

    found = difference(values, values)

    assert (found.value, found.low, found.high, found.differs) == (0, 0, 0, False)


def test_a_small_steady_gain_shows_although_the_texts_vary_much() -> None:
    hard = np.random.default_rng(0).random(60)
    gain = 0.02 + np.random.default_rng(1).normal(0, 0.01, size=60)
    ours, theirs = mean_of(hard + gain), mean_of(hard)

    found = difference(ours, theirs)

    assert found.differs
    assert found.value == pytest.approx(0.02, abs=0.005)
    assert estimate(ours).low < estimate(theirs).high  # apart, the intervals overlap: pairing shows the gain


def test_chance_alone_is_not_called_a_difference() -> None:
    random = np.random.default_rng(0)

    assert not difference(mean_of(random.random(60)), mean_of(random.random(60))).differs


def test_texts_that_do_not_count_are_left_out_of_the_mean() -> None:
    found = estimate(mean_of([1, 0, 99], present=[1, 1, 0]))

    assert found.value == 0.5
    assert found.texts == 2


def test_a_group_weighs_as_much_as_it_has_rows() -> None:
    # One prompt with 3 of 4 pairs right, one with 0 of 1: 3 of 5.
    assert estimate(ratio_of([3, 0], [4, 1])).value == pytest.approx(0.6)


def test_figures_of_other_texts_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="of the same texts"):
        difference(mean_of([1, 0]), mean_of([1, 0, 1]))


def test_a_steady_loss_is_a_difference_like_a_gain() -> None:
    before = np.random.default_rng(0).random(60)

    found = difference(mean_of(before - 0.02), mean_of(before))

    assert found.high < 0
    assert found.differs
    assert not difference(mean_of(before), mean_of(before)).differs
