"""The test of two versions by clicks on mixed screens, against ville, a naive computation, and its own martingale."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
import ville
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, invgauss

from models.sequential import (
    LOG_ODDS,
    MOST_CLICKS_LEFT,
    MOST_OF_A_THRESHOLD,
    PRIOR_WIDTH,
    THRESHOLDS,
    WEIGHTS,
    Click,
    Evidence,
    clicks_left,
    curve,
    mixture,
    verdict,
)

PEOPLE = ("ada", "ben", "cem")


@st.composite
def clicks(draw: st.DrawFn, people: Sequence[str] = PEOPLE, most: int = 60) -> list[Click]:
    """Clicks on screens of two to five cards with cards of both versions."""
    made = []
    for _ in range(draw(st.integers(0, most))):
        cards = draw(st.integers(2, 5))
        new_cards, won = draw(st.integers(1, cards - 1)), draw(st.booleans())
        made.append(Click(draw(st.sampled_from(people)), new_cards, cards, won))
    return made


def simulated(odds: float, number: int, people: Sequence[str] = PEOPLE, seed: int = 0) -> list[Click]:
    """Clicks on three cards, two of one version and one of the other by a fair coin, in turns."""
    chance = random.Random(seed)
    made = []
    for person in itertools.islice(itertools.cycle(people), number):
        new = chance.choice((1, 2))
        made.append(Click(person, new, 3, chance.random() < new * odds / (new * odds + 3 - new)))
    return made


def mirrored(click: Click) -> Click:
    """Return the same click with the names of the versions exchanged."""
    return Click(click.person, click.cards - click.new_cards, click.cards, not click.new_won)


def naive(made: Sequence[Click], log_odds: Sequence[float], most: float) -> float:
    """The evidence after the clicks, by products of probabilities, person by person."""
    stakes = dict(zip(log_odds, WEIGHTS, strict=True))
    accounts: defaultdict[str, float] = defaultdict(lambda: 1.0)
    for click in made:
        wealth = sum(stakes.values())
        for t in log_odds:
            new = click.new_cards * math.exp(t)
            chance = new / (new + click.cards - click.new_cards)
            even = click.new_cards / click.cards
            stakes[t] *= chance / even if click.new_won else (1 - chance) / (1 - even)
        accounts[click.person] *= sum(stakes.values()) / wealth
    if len(accounts) == 1:
        most = math.inf
    return math.log(math.prod(min(account, math.exp(most)) for account in accounts.values()))


@given(clicks())
def test_the_evidence_is_the_product_of_what_counts_of_each_person(made: list[Click]) -> None:
    for number, evidence in enumerate(curve(made), start=1):
        new = naive(made[:number], list(LOG_ODDS), MOST_OF_A_THRESHOLD * THRESHOLDS.new)
        old = naive(made[:number], list(-LOG_ODDS), MOST_OF_A_THRESHOLD * THRESHOLDS.old)
        assert (evidence.new, evidence.old) == pytest.approx((new, old), abs=1e-9)


@pytest.mark.parametrize(("new_cards", "cards"), [(1, 3), (2, 3), (1, 2), (1, 5)])
def test_with_the_stakes_of_ville_it_is_the_test_of_ville(new_cards: int, cards: int) -> None:
    """Ville lays its stakes on probabilities, by a Beta distribution; here they are laid on the same as log-odds."""
    share, made = new_cards / cards, [Click("ada", new_cards, cards, won) for won in (True, False, True, True) * 20]
    grid = np.linspace(-12.0, 12.0, 8001)
    chance = share * np.exp(grid) / (1 + share * np.expm1(grid))
    stakes = beta.pdf(chance, 2, 3) * chance * (1 - chance)
    found = mixture(made, grid, stakes / stakes.sum())
    oracle = ville.BernoulliTest(share, prior=(2, 3)).fit([click.new_won for click in made])
    assert found == pytest.approx(oracle.log_e_values_, abs=1e-6)


@given(clicks(people=PEOPLE[:1], most=40), st.integers(1, 4))
def test_for_one_person_the_evidence_is_a_martingale_while_the_versions_do_not_differ(
    made: list[Click], new_cards: int
) -> None:
    before = standing(made)
    expected = expectation(made, "ada", new_cards)
    assert expected == pytest.approx((math.exp(before.new), math.exp(before.old)), rel=1e-9)


@given(clicks(), st.sampled_from((*PEOPLE, "dan")), st.integers(1, 4))
def test_for_several_people_the_evidence_is_a_supermartingale(made: list[Click], person: str, new_cards: int) -> None:
    before = standing(made)
    new, old = expectation(made, person, new_cards)
    assert new <= math.exp(before.new) * (1 + 1e-9)
    assert old <= math.exp(before.old) * (1 + 1e-9)


def standing(made: Sequence[Click]) -> Evidence:
    """The evidence after all of the clicks; none at all before the first one."""
    return curve(made)[-1] if made else Evidence(0.0, 0.0)


def expectation(made: list[Click], person: str, new_cards: int, cards: int = 5) -> tuple[float, float]:
    """The mean of both e-processes after one more click where the versions do not differ."""
    even = new_cards / cards
    won, lost = (curve([*made, Click(person, new_cards, cards, new)])[-1] for new in (True, False))
    return (
        even * math.exp(won.new) + (1 - even) * math.exp(lost.new),
        even * math.exp(won.old) + (1 - even) * math.exp(lost.old),
    )


@given(clicks(people=PEOPLE[:1]))
def test_both_versions_are_treated_alike(made: list[Click]) -> None:
    there, back = curve(made), curve([mirrored(click) for click in made])
    assert [one.new for one in there] == pytest.approx([one.old for one in back], abs=1e-9)


@given(clicks())
def test_the_evidence_is_never_for_both_versions(made: list[Click]) -> None:
    assert all(min(evidence.new, evidence.old) <= 1e-9 for evidence in curve(made))


@given(clicks(), st.randoms(use_true_random=False))
def test_a_click_changes_nothing_before_it(made: list[Click], chance: random.Random) -> None:
    first = chance.randint(0, len(made))
    assert curve(made)[:first] == pytest.approx(curve(made[:first]))


def test_one_person_alone_decides_only_as_long_as_nobody_else_has_clicked() -> None:
    enthusiast = [Click("ada", 1, 3, True)] * 200
    assert verdict(curve(enthusiast)[-1]) == "new"
    joined = [*enthusiast, Click("ben", 1, 3, False)]
    assert verdict(curve(joined)[-1]) is None
    assert verdict(curve([*joined, *enthusiast])[-1]) is None
    agreed = [*joined, *[Click("ben", 1, 3, True)] * 6]
    assert verdict(curve(agreed)[-1]) == "new"


def test_ten_people_need_no_more_clicks_than_one() -> None:
    many = simulated(2.0, 100, people=[f"person {number}" for number in range(10)])
    alone = [Click("ada", click.new_cards, click.cards, click.new_won) for click in many]
    assert [one.new for one in curve(many)] == pytest.approx([one.new for one in curve(alone)], abs=1e-9)


def test_a_screen_of_one_version_says_nothing() -> None:
    made = simulated(2.0, 20)
    for click in (Click("ada", 0, 3, False), Click("ada", 3, 3, True)):
        last = curve([*made, click])[-2:]
        assert last[0] == pytest.approx(last[1], abs=1e-12)


@pytest.mark.parametrize("impossible", [(0, 3, True), (3, 3, False), (4, 3, True), (-1, 3, False), (0, 0, False)])
def test_a_choice_that_was_not_there_is_refused(impossible: tuple[int, int, bool]) -> None:
    with pytest.raises(ValueError, match="No card could have won"):
        Click("ada", *impossible)


@pytest.mark.parametrize("won", [True, False])
def test_a_hundred_thousand_clicks_overflow_nothing(won: bool) -> None:
    last = curve([Click("ada", 1, 3, won)] * 100_000)[-1]
    assert math.isfinite(last.new)
    assert math.isfinite(last.old)
    assert verdict(last) == ("new" if won else "old")


def test_versions_that_do_not_differ_are_rarely_told_apart() -> None:
    """Of 1,000 comparisons, each looked at after each of 150 clicks, 11 and 50 are expected at most, by Ville."""
    found = [first_verdict(simulated(1.0, 150, PEOPLE[: 1 + seed % 3], seed)) for seed in range(1000)]
    assert found.count("new") <= 21  # one chance in a thousand
    assert found.count("old") <= 73


def test_a_version_with_odds_of_two_is_found_and_one_with_odds_of_a_half_taken_back() -> None:
    assert [first_verdict(simulated(2.0, 300, seed=seed)) for seed in range(40)].count("new") >= 38
    assert [first_verdict(simulated(0.5, 300, seed=seed)) for seed in range(40)].count("old") >= 38


def first_verdict(made: list[Click]) -> str | None:
    """The first verdict of somebody who looks after each click."""
    return next(filter(None, map(verdict, curve(made))), None)


def test_without_a_verdict_nobody_is_told_of_one() -> None:
    assert verdict(Evidence(THRESHOLDS.new - 1e-9, THRESHOLDS.old - 1e-9)) is None
    assert verdict(Evidence(THRESHOLDS.new, -50.0)) == "new"
    assert verdict(Evidence(-50.0, THRESHOLDS.old)) == "old"


def test_how_many_clicks_are_left_is_not_said_of_nothing_and_of_equals() -> None:
    assert clicks_left([]) is None
    assert clicks_left([Click("ada", 1, 3, True)]) is None
    assert clicks_left([Click("ada", 1, 3, won) for won in (True, False, False) * 50]) is None


def test_after_a_verdict_no_clicks_are_left() -> None:
    assert clicks_left([Click("ada", 1, 3, True)] * 50) == 0
    assert clicks_left([Click("ada", 1, 3, False)] * 50) == 0


@given(clicks(people=PEOPLE[:1]))
def test_what_is_left_is_positive_until_there_is_a_verdict(made: list[Click]) -> None:
    left = clicks_left(made)
    if left is not None:
        assert (left == 0) == (verdict(curve(made)[-1]) is not None)
        assert 0 <= left <= 1000


@pytest.mark.parametrize("wins", range(20, 30))
def test_the_more_wins_the_fewer_clicks_are_left(wins: int) -> None:
    fewer, more = (clicks_left([Click("ada", 1, 3, number < won) for number in range(40)]) for won in (wins, wins + 1))
    assert fewer is not None
    assert more is not None
    assert more < fewer or more == fewer == 0


@pytest.mark.parametrize("new_cards", [1, 2])
@pytest.mark.parametrize("number", [6, 40, 300])
def test_what_is_left_is_the_median_of_the_first_passage_by_an_inverse_gaussian_of_scipy(
    new_cards: int, number: int
) -> None:
    """For every share of wins, so that there are verdicts, equals, thousands of clicks to go, and all between."""
    said = []
    for wins in range(0, number + 1, max(1, number // 40)):
        made = [Click("ada", new_cards, 3, place < wins) for place in range(number)]
        made[1::4] = [Click("ada", 3 - new_cards, 3, click.new_won) for click in made[1::4]]
        said.append(clicks_left(made))
        assert said[-1] == naively_left(made), wins
    assert None in said
    assert number < 40 or 0 in said
    assert len(set(said)) > 3


def naively_left(made: Sequence[Click]) -> int | None:
    """How many clicks are left, by the definition: sums over screens, and scipy's inverse Gaussian distribution."""
    evidence = curve(made)[-1]
    if verdict(evidence) is not None:
        return 0
    possible = [place / 20 for place in range(-60, 61)]
    logs = [sum(step(click, t, click.new_won) for click in made) - (t / PRIOR_WIDTH) ** 2 / 2 for t in possible]
    chances = [math.exp(one - max(logs)) for one in logs]
    mean = sum(t * chance for t, chance in zip(possible, chances, strict=True)) / sum(chances)
    variance = sum((t - mean) ** 2 * chance for t, chance in zip(possible, chances, strict=True)) / sum(chances)
    if abs(mean) <= math.sqrt(variance):
        return None
    drift, width = max(growth(made, mean, math.copysign(float(t), mean)) for t in LOG_ODDS)
    missing = THRESHOLDS.new - evidence.new if mean > 0 else THRESHOLDS.old - evidence.old
    if drift <= 0:
        return None
    shape = missing**2 / width
    left = math.ceil(invgauss(mu=missing / drift / shape, scale=shape).median())
    return left if left <= MOST_CLICKS_LEFT else None


def step(click: Click, log_odds: float, new_won: bool) -> float:
    """The logarithm of the ratio of the likelihoods of one outcome of a screen."""
    even = click.new_cards / click.cards
    new = click.new_cards * math.exp(log_odds) / (click.new_cards * math.exp(log_odds) + click.cards - click.new_cards)
    return math.log(new / even) if new_won else math.log((1 - new) / (1 - even))


def growth(made: Sequence[Click], odds: float, asked: float) -> tuple[float, float]:
    """Mean and variance of what one more click on such screens adds to the evidence for `asked`."""
    first = second = 0.0
    for click in made:
        new = click.new_cards * math.exp(odds)
        for won, chance in ((True, new), (False, float(click.cards - click.new_cards))):
            share = chance / (new + click.cards - click.new_cards) / len(made)
            first += share * step(click, asked, won)
            second += share * step(click, asked, won) ** 2
    return first, second - first**2


@pytest.mark.parametrize("odds", [2.0, 0.5])
def test_what_is_left_is_about_right(odds: float) -> None:
    """Of 60 comparisons, each after 40 clicks: the median of what is said against the median of what comes."""
    said, came = [], []
    for seed in range(60):
        made = simulated(odds, 400, seed=seed)
        decided = [number for number, evidence in enumerate(curve(made), start=1) if verdict(evidence)]
        left = clicks_left(made[:40])
        if left and decided:
            said.append(left)
            came.append(decided[0] - 40)
    assert len(said) > 25
    assert 0.5 < np.median(said) / np.median(came) < 2
