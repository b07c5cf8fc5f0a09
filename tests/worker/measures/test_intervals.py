"""Intervals hold what they should, and a comparison is paired."""

import numpy as np
import pytest

from worker.measures.intervals import SHARE, Difference, Estimate, difference, estimate
from worker.measures.references import bleu_rows
from worker.measures.statistic import Statistic, mean_of, ratio_of


def test_texts_that_are_all_alike_do_not_prove_that_no_other_exists() -> None:
    # Thirty without an exception: up to 1 − 0.025^(1/30) = 11.6 % of all texts may still be exceptions.
    thirty = estimate(mean_of([1.0] * 30), SHARE)
    assert (thirty.low, thirty.high) == pytest.approx((0.884, 1), abs=5e-4)
    free = estimate(mean_of([0.25] * 30))
    assert (free.value, free.texts) == (0.25, 30)
    assert (free.low, free.high) == pytest.approx((0.25 - 0.25 * 0.116, 0.25 + 0.25 * 0.116), abs=1e-4)
    assert estimate(mean_of([1.0] * 600), SHARE).low == pytest.approx(0.995, abs=2e-3)


def test_a_steady_gain_has_an_interval_that_shrinks_with_the_texts() -> None:
    halves = [difference(mean_of([0.5] * n), mean_of([0.3] * n)) for n in (1, 12, 60, 61, 600)]

    assert [round(found.high - found.value, 3) for found in halves] == [0.195, 0.053, 0.012, 0.012, 0.001]
    assert [found.differs for found in halves] == [False, True, True, True, True]


def test_below_a_dozen_texts_nothing_is_shown() -> None:
    def gain(texts: int) -> Difference:
        return difference(mean_of(np.linspace(0.6, 0.7, texts)), mean_of(np.linspace(0.1, 0.12, texts)))

    assert [(gain(n).too_few, gain(n).differs) for n in (1, 2, 11, 12)] == [(True, False)] * 3 + [(False, True)]
    assert gain(11).low > 0, "the interval alone would say so"
    assert gain(11).as_dict().items() >= {"differs": False, "texts": 11, "too_few": True}.items()


def test_texts_that_neither_system_counts_do_not_make_a_dozen() -> None:
    present = [1] * 11 + [0] * 20

    assert difference(mean_of([1] * 31, present), mean_of([0] * 31, present)).too_few


def test_without_any_text_nothing_is_known() -> None:
    nothing = mean_of([0, 0], present=[0, 0])

    assert estimate(nothing, SHARE) == Estimate(0, 0, 1, 0)
    assert difference(nothing, nothing) == Difference(0, 0, 0, 0)


@pytest.mark.parametrize("texts", [1, 2, 5, 30, 60, 61])
def test_an_interval_stays_within_its_bounds_and_holds_its_figure(texts: int) -> None:
    for values in ([1.0] * texts, [0.0] * texts, np.linspace(0.97, 1.0, texts)):
        found = estimate(mean_of(values), SHARE)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.high - found.low > 0.001


def test_corpus_figures_have_an_interval_that_is_no_wider_than_their_scale() -> None:
    outputs = ["this is a good plan for us", "i do not agree with this man", "we all left", "say no more of it please"]
    references = [["this is a good plan for all"], ["i do not agree with him"], ["we all went"], ["say no more of it"]]
    bleu = Statistic("bleu", bleu_rows(outputs, references))
    found, alike = estimate(bleu, (0.0, 100.0)), estimate(Statistic("bleu", bleu.rows[[0, 0, 0, 0]]), (0.0, 100.0))

    assert 0 <= found.low < found.value < found.high <= 100
    assert alike.low == pytest.approx(alike.value * 0.025 ** (1 / 4))


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
