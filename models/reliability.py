"""How reliable each person's clicks are: the share of them that says nothing, with an interval, and what they weigh.

A click either means something, and then it is one that the team could have made, or it is a lapse, and then a habit of
the hand made it. The lapse of a person is the share of the second kind. How likely a click of the team is comes from a
reward head that was fitted without that person, and from what others chose on the same screen (models/overlap.py); how
far both may be believed is fitted to all clicks (a conditional logit, McFadden 1974), those of people who say little
counting little, by expectation-maximisation. So the lapse is relative: whoever is as good as the others has none.

What habit a lapse has is not known: each of several is as likely as the next, and the posterior takes them all in:
choosing each place alike or one of them more often, and answering as quickly as others or more quickly. Somebody whose
clicks are told better by their own other clicks has a taste of their own, and is held to that.

Without evidence that outlives a correction for the number of people (Bonferroni 1936) a weight is exactly 1.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.overlap import of_others, overlap
from models.reward.features import SIZE, Array
from models.reward.head import choose_widths
from models.reward.judgments import JudgedScreen, choices
from models.reward.posterior import Posterior

FITTED = 1_000
"""The latest clicks that a head is fitted to."""
TOLERANCE = 0.2
"""A lapse up to this says nothing against a person: people differ."""
LEVEL = 0.01
"""The probability that any of the people of a team who are all alike is held to be less reliable."""
LEAST_WEIGHT = 0.02
FEWEST_OF_OWN = 15
"""With fewer clicks nobody is asked whether they have a taste of their own."""

_GROUPS = 10
_GRID = np.linspace(0.0, 1.0, 51)
_PRIOR = 0.9 * 4 * (1 - _GRID) ** 3 + 0.1  # nine in ten are Beta(1, 4), and anybody may click at random
_OF_OWN = 20.0  # how much better than the team, and than chance, their own clicks must tell a person's clicks
_CHANCE = 1.92  # half the 95 % quantile of chi-square with one degree of freedom
_CHECKS_PASSED, _CHECKS = 19.0, 20.0  # what is expected of attention checks before anybody met one
_ROUNDS = 3
_STEPS = 20
_PLACES = 3
_QUARTERS = [(a, b, 4 - a - b) for a, b in itertools.product(range(5), repeat=2) if a + b <= 4]
_HABITS = np.array([(1 / 3,) * 3, *(tuple(0.98 * part / 4 + 0.02 / 3 for part in parts) for parts in _QUARTERS)])
_HABIT_PRIOR = np.array([0.5, *[0.5 / len(_QUARTERS)] * len(_QUARTERS)])


@dataclass(frozen=True)
class Answer:
    """A card chosen among several: who chose it, and the features of the cards, (SIZE,) each.

    Everybody's cards of one `screen` come in one order, whatever order they were shown in; `chosen` is counted in it,
    and `place`, from 0, on the screen as it was shown. `quick` says whether it took less than a person needs to read.
    """

    person: str
    screen: Hashable
    cards: Sequence[Array]
    chosen: int
    place: int
    quick: bool = False


@dataclass(frozen=True)
class Check:
    """An attention check that somebody passed or failed."""

    person: str
    passed: bool


@dataclass(frozen=True)
class Reliability:
    """A person's lapse, in 0 … 1, as the mean of its posterior with the 95 % interval, and what their clicks weigh.

    `told_apart` is whether the evidence that the lapse is greater than the others' outlives the correction for the
    number of people. Then the person `stands_out` if, besides, their clicks cannot be told from chance.
    """

    answers: int
    checks: int
    lapse: float
    low: float
    high: float
    weight: float
    told_apart: bool
    stands_out: bool


@dataclass(frozen=True)
class _Team:
    """The answers as arrays: of each its person's number, the cards that there are, and what is known of them.

    `utilities` and `votes` are (answers, cards), `real` is False where a screen has fewer cards.
    """

    person: np.ndarray
    chosen: np.ndarray
    real: np.ndarray
    utilities: Array
    votes: Array

    def shares(self, slopes: Array) -> Array:
        """Return how likely each answer is as one of the team's, (answers,)."""
        worth = np.where(self.real, slopes[0] * self.utilities + slopes[1] * self.votes, -np.inf)
        powers = np.exp(worth - worth.max(1, keepdims=True))
        found: Array = powers[np.arange(len(powers)), self.chosen] / powers.sum(1)
        return found


def reliabilities(answers: Sequence[Answer], checks: Sequence[Check] = ()) -> dict[str, Reliability]:
    """Return the reliability of each person; with one person only there is nobody to hold them to."""
    people = sorted({one.person for one in answers})
    own = {person: [one for one in answers if one.person == person] for person in people}
    checked = _checked(checks)
    if len(people) < 2:
        return {
            person: _said(np.zeros(len(_GRID)), len(own[person]), len(checked.get(person, ())), 1) for person in own
        }
    widths = choose_widths([JudgedScreen(one.cards, (one.chosen,)) for one in answers])
    team = _team(answers, people, widths)
    typical = np.clip(np.mean([one.quick for one in answers]), 0.01, 0.5)
    apart = {person: _own_curve(own[person], widths, float(typical)) for person in people}
    passing = _passing(checked)
    worth = np.ones(len(people))
    curves: list[Array] = []
    for _ in range(_ROUNDS):
        shares = team.shares(_slopes(team, worth[team.person]))
        curves = [
            _fitting(_likelihoods(own[person], shares[team.person == number], float(typical)), apart[person])
            + _check_curve(checked.get(person, ()), passing)
            for number, person in enumerate(people)
        ]
        worth = np.array([1 - _mean(_posterior(curve)) for curve in curves])
    return {
        person: _said(curve, len(own[person]), len(checked.get(person, ())), len(people))
        for person, curve in zip(people, curves, strict=True)
    }


def _team(answers: Sequence[Answer], people: Sequence[str], widths: tuple[float, ...]) -> _Team:
    number = {person: place for place, person in enumerate(people)}
    person = np.array([number[one.person] for one in answers])
    most = max(len(one.cards) for one in answers)
    real = np.array([[place < len(one.cards) for place in range(most)] for one in answers])
    features = np.zeros((len(answers), most, SIZE))
    for row, one in zip(features, answers, strict=True):
        row[: len(one.cards)] = one.cards
    utilities = np.zeros((len(answers), most))
    groups = _groups(answers, people)
    for group in sorted(set(groups.values())):
        mine = np.array([groups[one.person] == group for one in answers])
        others = [one for one in answers if groups[one.person] != group][-FITTED:]
        head = _weights([JudgedScreen(one.cards, (one.chosen,)) for one in others], widths)
        utilities[mine] = features[mine] @ head
    chosen = np.array([one.chosen for one in answers])
    return _Team(person, chosen, real, utilities, _votes(answers, person, most))


def _groups(answers: Sequence[Answer], people: Sequence[str]) -> dict[str, int]:
    """Share the people out: each group is predicted by a head that was fitted without it. Up to _GROUPS are alone."""
    given = dict.fromkeys(people, 0)
    for one in answers:
        given[one.person] += 1
    ranked = sorted(people, key=lambda person: (-given[person], person))
    return {person: place % _GROUPS for place, person in enumerate(ranked)}


def _weights(judged: Sequence[JudgedScreen], widths: tuple[float, ...]) -> Array:
    return Posterior(choices(judged), widths).theta[:SIZE]


def _votes(answers: Sequence[Answer], person: np.ndarray, most: int) -> Array:
    """Return the logarithm of how likely each card is the right one by what others chose, (answers, cards)."""
    found = np.zeros((len(answers), most))
    seen: dict[Hashable, set[str]] = defaultdict(set)
    for one in answers:
        seen[one.screen].add(one.person)
    by_size = defaultdict(list)
    for place, one in enumerate(answers):
        if len(seen[one.screen]) > 1:
            by_size[len(one.cards)].append(place)
    for size, places in by_size.items():
        names = {
            screen: number for number, screen in enumerate(dict.fromkeys(answers[place].screen for place in places))
        }
        screens = np.array([names[answers[place].screen] for place in places])
        chosen = np.array([answers[place].chosen for place in places])
        fitted = overlap(screens, person[places], chosen, size)
        found[places, :size] = np.log(np.maximum(of_others(fitted, screens, person[places], chosen), 0.01))
    return found


def _slopes(team: _Team, weights: Array) -> Array:
    """Fit how far utilities and votes may be believed, (2,), neither less than not at all, by Newton's method."""
    values = np.stack([np.where(team.real, team.utilities, 0.0), np.where(team.real, team.votes, 0.0)], axis=2)
    best = values[np.arange(len(values)), team.chosen]
    slopes = np.array([1.0, 0.5])
    for _ in range(_STEPS):
        worth = np.where(team.real, values @ slopes, -np.inf)
        powers = np.exp(worth - worth.max(1, keepdims=True))
        shares = powers / powers.sum(1, keepdims=True)
        means = np.einsum("nk,nkd->nd", shares, values)
        gradient = weights @ (best - means) - slopes
        spread = np.einsum("n,nk,nkd,nke->de", weights, shares, values, values)
        bend = spread - np.einsum("n,nd,ne->de", weights, means, means) + np.eye(2)
        moved = np.clip(slopes + np.linalg.solve(bend, gradient), 0.0, 4.0)
        if np.abs(moved - slopes).max() < 1e-6:
            break
        slopes = moved
    return slopes


def _own_curve(own: Sequence[Answer], widths: tuple[float, ...], typical: float) -> Array | None:
    """Return the log-likelihoods if the person's own other clicks tell how likely each is; None with too few."""
    if len(own) < FEWEST_OF_OWN:
        return None
    latest = own[-FITTED:]
    data = choices([JudgedScreen(one.cards, (one.chosen,)) for one in latest])
    shares = np.exp(Posterior(data, widths).left_out()) / data.real.sum(1)
    return _likelihoods(latest, shares, typical)


def _fitting(team: Array, own: Array | None) -> Array:
    """Return the log-likelihoods by the person's own clicks if these tell surely better, else those by the team's."""
    if own is None:
        return team
    return own if _evidence(own) > max(_evidence(team), 0.0) + np.log(_OF_OWN) else team


def _likelihoods(own: Sequence[Answer], shares: Array, typical: float) -> Array:
    """Return the log-likelihood of each lapse of _GRID, whatever the habit, less that of clicking at random."""
    base = np.array([1 / len(one.cards) for one in own])
    three = np.array([len(one.cards) == _PLACES for one in own])
    places = np.array([one.place for one in own])
    quick = np.array([one.quick for one in own])
    paces = {(typical, typical), *((usual, often) for often in (0.5, 0.9) for usual in (typical, often))}
    pairs = sorted(paces) if quick.any() else [(typical, typical)]
    rows = []
    for habit, prior in zip(_HABITS, _HABIT_PRIOR, strict=True):
        lapsed = np.where(three, habit[np.minimum(places, _PLACES - 1)], base)
        for usual, often in pairs:
            meant_pace, lapse_pace = np.where(quick, usual, 1 - usual), np.where(quick, often, 1 - often)
            each = (1 - _GRID)[:, None] * shares * meant_pace + _GRID[:, None] * lapsed * lapse_pace
            at_random = base * np.where(quick, typical, 1 - typical)
            rows.append(np.log(each / at_random).sum(1) + np.log(prior / len(pairs)))
    found: Array = np.logaddexp.reduce(rows, axis=0)
    return found


def _checked(checks: Sequence[Check]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = defaultdict(list)
    for one in checks:
        found[one.person].append(one.passed)
    return found


def _passing(checked: Mapping[str, Sequence[bool]]) -> float:
    """Return the share of attention checks that a click which means something passes."""
    everything = [passed for of in checked.values() for passed in of]
    return (_CHECKS_PASSED + sum(everything)) / (_CHECKS + len(everything))


def _check_curve(passed: Sequence[bool], passing: float) -> Array:
    """Return the log-likelihood of each lapse of _GRID by attention checks, less that of clicking at random."""
    right = np.log(((1 - _GRID) * passing + _GRID / 3) * 3)
    wrong = np.log(((1 - _GRID) * (1 - passing) + _GRID * 2 / 3) * 1.5)
    found: Array = sum(passed) * right + (len(passed) - sum(passed)) * wrong
    return found


def _posterior(curve: Array) -> Array:
    found = _PRIOR * np.exp(curve - curve.max())
    posterior: Array = found / found.sum()
    return posterior


def _mean(posterior: Array) -> float:
    return float(posterior @ _GRID)


def _evidence(curve: Array) -> float:
    """Return the logarithm of the likelihood over all lapses, as likely as they are beforehand."""
    top = curve.max()
    return float(top + np.log((_PRIOR * np.exp(curve - top)).sum() / _PRIOR.sum()))


def _said(curve: Array, answers: int, checks: int, people: int) -> Reliability:
    posterior = _posterior(curve)
    lapse = _mean(posterior)
    sums = np.cumsum(posterior)
    low, high = (float(_GRID[np.searchsorted(sums, share)]) for share in (0.025, 0.975))
    apart = bool(posterior[_GRID <= TOLERANCE].sum() < LEVEL / people)
    weight = max(LEAST_WEIGHT, 1 - lapse) if apart else 1.0
    by_chance = bool(curve[-1] > curve.max() - _CHANCE)
    return Reliability(answers, checks, lapse, low, high, weight, apart, apart and by_chance)
