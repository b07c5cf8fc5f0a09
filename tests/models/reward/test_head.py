"""The head against a slow reference that is written from the formulas, and what clicks do to it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from models.model_errors import ModelError
from models.reward import head as heads
from models.reward import posterior
from models.reward.features import GROUPS, SIZE, Array
from models.reward.head import Head, choose_widths, chosen_on, fit
from models.reward.judgments import JudgedScreen, choices

WIDTHS = (0.5, 0.2, 0.1)
FEW = 4
"""So many features differ in these tests; the others are 0, and the reference leaves them out."""


def card(*values: float) -> Array:
    row = np.zeros(SIZE)
    row[: len(values)] = values
    return row


def cards(chance: np.random.Generator, number: int = 3) -> list[Array]:
    return [card(*chance.standard_normal(FEW)) for _ in range(number)]


def every_gesture(chance: np.random.Generator, number: int) -> list[JudgedScreen]:
    """Choices, ties of two and of all, refusals and texts that were written, of different weight."""
    found = []
    for turn in range(number):
        shown, weight = cards(chance), float(chance.uniform(0.5, 1.5))
        kinds = [
            JudgedScreen(shown, (int(chance.integers(3)),), weight=weight),
            JudgedScreen(shown, (0, 2), weight=weight),
            JudgedScreen(shown, (0, 1, 2), weight=weight),
            JudgedScreen(shown, (), weight=weight),
            JudgedScreen(shown, (), cards(chance, 1)[0], weight=weight),
        ]
        found.append(kinds[turn % len(kinds)] if turn % 2 else kinds[0])
    return found


class Reference:
    """The posterior, one judgment and one alternative at a time; theta is FEW weights, tie, threshold, lapse."""

    def __init__(self, judged: Sequence[JudgedScreen]) -> None:
        self.judged = judged
        self.sizes = {len(one.chosen) for one in judged if one.written is None and len(one.chosen) > 1}
        self.refused = any(one.written is None and not one.chosen for one in judged)

    def log_likelihood(self, one: JudgedScreen, weights: Array, tie: float, threshold: float, lapse: float) -> float:
        utility: dict[tuple[int, ...], float] = {
            (place,): float(row[:FEW] @ weights) for place, row in enumerate(one.cards)
        }
        for size in self.sizes:
            for tied in itertools.combinations(range(len(one.cards)), size):
                utility[tied] = tie + sum(utility[place,] for place in tied) / size
        if self.refused:
            utility[()] = threshold
        said = tuple(sorted(one.chosen))
        if one.written is not None:
            said = (99,)
            utility[said] = float(one.written[:FEW] @ weights)
        share = math.exp(utility[said]) / sum(map(math.exp, utility.values()))
        return math.log((1 - lapse) * share + lapse / len(utility))

    def further(self, one: JudgedScreen, weights: Array, lapse: float) -> float:
        """Plackett and Luce: the next one is chosen among those that are left."""
        found, left = 0.0, list(one.behind)
        while len(left) > 1:
            powers = [math.exp(float(one.cards[place][:FEW] @ weights)) for place in left]
            found += math.log((1 - lapse) * powers[0] / sum(powers) + lapse / len(left))
            del left[0]
        return found

    def __call__(self, theta: Array) -> float:
        weights, (tie, threshold, lapse) = theta[:FEW], theta[FEW:]
        found = math.fsum(one.weight * self.log_likelihood(one, weights, tie, threshold, lapse) for one in self.judged)
        found += math.fsum(one.weight * self.further(one, weights, lapse) for one in self.judged)
        found -= float(weights @ weights) / (2 * WIDTHS[0] ** 2)
        found -= ((tie + 1) ** 2 + (threshold + 1) ** 2) / (2 * 2.0**2)
        return -float(found) - 12.0 * (0.08 * math.log(lapse) + 0.92 * math.log(1 - lapse))

    def mode(self) -> Array:
        start = np.array([0.0] * FEW + [-1.0, -1.0, 0.08])
        bounds = [(None, None)] * (FEW + 2) + [(1e-6, 0.8)]
        found = minimize(self, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 2000, "ftol": 1e-15})
        return np.asarray(found.x)

    def covariance(self, mode: Array) -> Array:
        """Of the weights, by second differences of the posterior; the lapse is held."""
        free, step = FEW + 2, 1e-3
        bend = np.zeros((free, free))
        for a, b in itertools.product(range(free), repeat=2):
            for one, other in itertools.product((1, -1), repeat=2):
                theta = mode.copy()
                theta[a] += one * step
                theta[b] += other * step
                bend[a, b] += one * other * self(theta) / (4 * step**2)
        return np.asarray(np.linalg.inv(bend)[:FEW, :FEW])


@pytest.mark.parametrize("number", [1, 7, 40])
def test_the_fit_is_the_mode_that_a_slow_reference_finds(number: int) -> None:
    judged = every_gesture(np.random.default_rng(number), number)
    found, reference = fit(judged, WIDTHS), Reference(judged)
    mode = reference.mode()
    assert found.weights[:FEW] == pytest.approx(mode[:FEW], abs=2e-4)
    assert np.abs(found.weights[FEW:]).max() < 1e-9
    assert found.lapse == pytest.approx(mode[-1], abs=2e-4)
    if found.tie is not None:
        assert found.tie == pytest.approx(mode[FEW], abs=2e-3)
    if found.threshold is not None:
        assert found.threshold == pytest.approx(mode[FEW + 1], abs=2e-3)


def test_an_order_is_a_choice_among_all_and_then_among_those_that_are_left() -> None:
    chance = np.random.default_rng(11)
    ranked = [JudgedScreen(cards(chance), (1,), weight=0.7, behind=(2, 0)) for _ in range(6)]
    judged = [*every_gesture(chance, 10), *ranked]
    found, reference = fit(judged, WIDTHS), Reference(judged)
    mode = reference.mode()
    assert found.weights[:FEW] == pytest.approx(mode[:FEW], abs=2e-4)
    assert found.lapse == pytest.approx(mode[-1], abs=2e-4)
    assert found.judgments == 16
    chosen = fit([*judged[:10], *(replace(one, behind=()) for one in ranked)], WIDTHS)
    assert np.abs(found.weights - chosen.weights).max() > 0.01  # the order of the others says something
    rows = choices(judged, ranked=True)
    assert len(rows) == 22
    assert np.array_equal(rows.rows[-16:], choices(judged).rows)


def test_the_covariance_is_that_of_the_posterior_at_its_mode() -> None:
    judged = every_gesture(np.random.default_rng(3), 40)
    found, reference = fit(judged, WIDTHS), Reference(judged)
    exact = reference.covariance(reference.mode())
    assert (found.root @ found.root.T)[:FEW, :FEW] == pytest.approx(exact, abs=0.02 * exact.max())
    beyond = GROUPS[1].start  # of what nobody's cards differed in, the prior is left
    assert (found.root @ found.root.T)[beyond, beyond] == pytest.approx(WIDTHS[1] ** 2, rel=1e-5)


@pytest.mark.long
def test_what_is_left_out_is_predicted_as_by_a_fit_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = every_gesture(np.random.default_rng(5), 30)
    whole = fit(judged, WIDTHS)
    data = choices(judged)
    told = posterior.Posterior(data, WIDTHS).left_out() - np.log(data.real.sum(1))
    monkeypatch.setattr(posterior, "LAPSE_COUNT", 1e9)  # the lapse of the whole, which one judgment hardly moves
    monkeypatch.setattr(posterior, "LAPSE", whole.lapse)
    reference = Reference(judged)
    for place, one in enumerate(judged):
        without = fit([*judged[:place], *judged[place + 1 :]], WIDTHS)
        tie, threshold = (-1.0 if value is None else value for value in (without.tie, without.threshold))
        exact = reference.log_likelihood(one, without.weights[:FEW], tie, threshold, whole.lapse)
        assert told[place] == pytest.approx(exact, abs=0.12)


def test_a_click_moves_the_head_towards_what_was_clicked_and_more_clicks_make_it_surer() -> None:
    better, worse = card(1.0), card(-1.0)
    rows = np.array([better, worse])
    first = fit([JudgedScreen([better, worse], (0,))], WIDTHS)
    later = fit([JudgedScreen([better, worse], (0,))] * 20, WIDTHS)
    for found in (first, later):
        assert np.subtract(*found.utilities(rows)) > 0
    assert np.subtract(*later.utilities(rows)) > np.subtract(*first.utilities(rows))
    assert np.linalg.norm((better - worse) @ later.root) < np.linalg.norm((better - worse) @ first.root)


def test_a_tie_says_that_cards_are_alike_and_none_that_they_are_poor() -> None:
    ones, others = card(1.0), card(-1.0)
    chosen = [JudgedScreen([ones, others], (0,))] * 6
    plain = np.subtract(*fit(chosen, WIDTHS).utilities(np.array([ones, others])))
    tied = np.subtract(
        *fit([*chosen, *[JudgedScreen([ones, others], (0, 1))] * 6], WIDTHS).utilities(np.array([ones, others]))
    )
    assert 0 < tied < plain
    refused = fit([*[JudgedScreen([ones, ones], ())] * 8, *[JudgedScreen([others, others], (0,))] * 8], WIDTHS)
    assert refused.utilities(np.array([ones]))[0] < refused.utilities(np.array([others]))[0]
    assert refused.threshold is not None
    assert refused.tie is None


def test_a_written_text_is_better_than_all_that_was_shown() -> None:
    found = fit([JudgedScreen([card(-1.0), card(0.0), card(0.5)], (), card(2.0))] * 5, WIDTHS)
    assert found.utilities(np.array([card(2.0)]))[0] > 0
    assert found.threshold is None


@pytest.mark.long
def test_who_clicks_at_random_is_taken_for_one_who_says_little() -> None:
    chance = np.random.default_rng(8)
    taste = card(1.5, -1.0, 0.5)
    shown = [cards(chance) for _ in range(120)]
    meant = [JudgedScreen(one, (int(np.argmax([row @ taste for row in one])),)) for one in shown]
    thrown = [JudgedScreen(one, (int(chance.integers(3)),)) for one in shown]
    sure, unsure = fit(meant, choose_widths(meant)), fit(thrown, choose_widths(thrown))
    assert sure.left_out > 0.5
    assert unsure.left_out < 0.1
    assert np.linalg.norm(unsure.weights) < np.linalg.norm(sure.weights) / 4
    mixed = [thrown[place] if place % 3 == 0 else meant[place] for place in range(120)]
    assert fit(meant, WIDTHS).lapse < fit(mixed, WIDTHS).lapse


def test_the_same_judgments_give_the_same_head_to_the_last_bit() -> None:
    judged = every_gesture(np.random.default_rng(9), 25)
    assert fit(judged, WIDTHS).to_bytes() == fit(judged, WIDTHS).to_bytes()


def test_only_the_latest_judgments_count(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = every_gesture(np.random.default_rng(10), 30)
    monkeypatch.setattr(heads, "WINDOW", 20)
    found = fit(judged, WIDTHS)
    assert found.judgments == 20
    assert found.to_bytes() == fit(judged[-20:], WIDTHS).to_bytes()


def test_without_a_judgment_there_is_no_head() -> None:
    with pytest.raises(ValueError, match=r"^A head needs a judgment\.$"):
        fit([], WIDTHS)


def test_a_choice_of_the_only_card_gives_a_head_that_knows_nothing() -> None:
    only = [JudgedScreen([card(1.0)], (0,))]
    found = fit(only, choose_widths(only))
    assert not found.weights.any()
    assert found.left_out == 0


def test_widths_are_chosen_on_a_number_of_judgments_that_grows_in_steps() -> None:
    assert [chosen_on(number) for number in (1, 2, 3, 4, 5, 6, 8, 9, 20, 24)] == [1, 2, 3, 4, 5, 5, 7, 9, 19, 24]
    numbers = [chosen_on(number) for number in range(1, 2000)]
    assert all(number / chosen < 1.5 for number, chosen in enumerate(numbers, start=1))
    assert len(set(numbers)) < 35


def test_a_head_comes_back_from_its_bytes_and_nothing_else_does() -> None:
    found = fit(every_gesture(np.random.default_rng(11), 12), WIDTHS)
    back = Head.from_bytes(found.to_bytes())
    assert back.to_bytes() == found.to_bytes()
    assert (back.lapse, back.widths, back.tie, back.judgments) == (found.lapse, found.widths, found.tie, 12)
    assert back.weights == pytest.approx(found.weights, abs=1e-6)
    for wrong in (b"", b"no head", found.to_bytes()[:-9]):
        with pytest.raises(ModelError, match="no reward head"):
            Head.from_bytes(wrong)
