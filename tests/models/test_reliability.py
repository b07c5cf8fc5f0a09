"""Whose clicks say less than the others', and that nobody is found where there is nobody to find."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest

from models.reliability import LEAST_WEIGHT, LEVEL, TOLERANCE, Answer, Check, Reliability, reliabilities
from models.reward.features import SIZE

KNOWN = 8
CLICKS = 40


def answers(people: int, at_random: int = 0, clicks: int = CLICKS, seed: int = 0, **habits: int) -> list[Answer]:
    """People with one taste, who choose among three cards by it, the last `at_random` by chance.

    `first` of them are known for their habit: they click on the first place, wherever their card is.
    """
    chance = np.random.default_rng(seed)
    taste = np.zeros(SIZE)
    taste[:KNOWN] = chance.normal(size=KNOWN) * 1.5
    found = []
    for person in range(people):
        by_chance = person >= people - at_random
        for number in range(clicks):
            cards = np.zeros((3, SIZE))
            cards[:, :KNOWN] = chance.normal(size=(3, KNOWN))
            chosen = chance.integers(3) if by_chance else int(np.argmax(cards @ taste + chance.gumbel(size=3)))
            place = 0 if person >= people - habits.get("first", 0) else int(chance.integers(3))
            found.append(Answer(f"{person}", (person, number), list(cards), int(chosen), place))
    return found


def test_two_who_click_at_random_are_found_and_weigh_little() -> None:
    found = reliabilities(answers(8, at_random=2))
    assert min(found[person].lapse for person in "67") > max(found[person].lapse for person in "012345")
    for person in "67":
        assert found[person].told_apart
        assert found[person].stands_out
        assert LEAST_WEIGHT <= found[person].weight < 0.4
        assert found[person].low < found[person].lapse < found[person].high
    assert {found[person].weight for person in "012345"} == {1.0}


@pytest.mark.parametrize("seed", range(5))
def test_where_there_is_nobody_to_find_everybody_weighs_exactly_one(seed: int) -> None:
    found = reliabilities(answers(6, seed=seed))
    assert [(one.weight, one.told_apart, one.stands_out) for one in found.values()] == [(1.0, False, False)] * 6


def test_one_person_alone_cannot_be_held_to_anybody() -> None:
    (alone,) = reliabilities(answers(1, at_random=1)).values()
    assert (alone.weight, alone.told_apart, alone.answers) == (1.0, False, CLICKS)


def test_nobody_at_all() -> None:
    assert reliabilities([]) == {}


def test_a_few_clicks_say_little_and_the_interval_shows_it() -> None:
    few = [one for one in answers(6, at_random=1) if one.person != "5" or one.screen[1] < 4]  # type: ignore[index]
    newcomer = reliabilities(few)["5"]
    assert (newcomer.answers, newcomer.weight) == (4, 1.0)
    assert newcomer.high - newcomer.low > 0.5


def test_a_taste_of_ones_own_is_not_chance() -> None:
    """One of six likes the opposite of what the others like, and says so just as surely."""
    team = answers(6, clicks=60)
    opposite = [replace(one, cards=[-card for card in one.cards]) if one.person == "5" else one for one in team]
    apart = reliabilities(opposite)["5"]
    assert (apart.weight, apart.stands_out) == (1.0, False)


def test_a_hand_that_stays_in_one_place_gives_chance_away() -> None:
    shuffled, first = (reliabilities(answers(6, at_random=1, clicks=20, first=first))["5"] for first in (0, 1))
    assert first.lapse > shuffled.lapse
    assert first.told_apart


def test_failed_attention_checks_count_against_and_passed_ones_for_a_person() -> None:
    team = answers(6, at_random=1, clicks=10)
    failed, none, passed = (
        reliabilities(team, [Check(f"{person}", right) for person in range(6) for right in said(person)])["5"].lapse
        for said in (
            lambda person: [person != 5] * 5,
            lambda person: [],
            lambda person: [True] * 5,
        )
    )
    assert failed > none > passed


def test_being_quick_alone_says_nothing_against_somebody_who_chooses_well() -> None:
    team = answers(6)
    quick = [replace(one, quick=one.person == "5") for one in team]
    assert reliabilities(quick)["5"].weight == 1.0
    hasty = [replace(one, quick=one.person == "5") for one in answers(6, at_random=1, clicks=20)]
    assert reliabilities(hasty)["5"].lapse > reliabilities(answers(6, at_random=1, clicks=20))["5"].lapse


def test_people_who_judged_the_same_screens_tell_on_each_other_without_any_feature() -> None:
    chance = np.random.default_rng(3)
    nothing = [np.zeros(SIZE)] * 3
    best = chance.integers(3, size=CLICKS)
    team = [
        Answer(
            f"{person}",
            screen,
            nothing,
            int(chance.integers(3) if person == 5 else best[screen]),
            0 if screen % 2 else 1,
        )
        for person in range(6)
        for screen in range(CLICKS)
    ]
    found = reliabilities(team)
    assert found["5"].stands_out
    assert {found[f"{person}"].weight for person in range(5)} == {1.0}


GRID = [place / 50 for place in range(51)]
HABITS = [
    (0.5, (1 / 3, 1 / 3, 1 / 3)),
    *(
        (0.5 / 15, tuple(0.98 * quarters / 4 + 0.02 / 3 for quarters in parts))
        for parts in itertools.product(range(5), repeat=3)
        if sum(parts) == 4
    ),
]


def by_hand(own: Sequence[Answer], passed: Sequence[bool], usual: float, passing: float, people: int) -> Reliability:
    """The reliability of somebody of whose cards nothing is known, by Bayes' rule for one lapse after the other."""
    paces = {(usual, usual)}
    if any(one.quick for one in own):
        paces |= {(other, often) for often in (0.5, 0.9) for other in (usual, often)}
    logs = []
    for lapse in GRID:
        ways = []
        for (chance, habit), (pace, often) in itertools.product(HABITS, sorted(paces)):
            log = math.log(chance / len(paces))
            for one in own:
                at_random = 1 / len(one.cards)
                lapsed = habit[min(one.place, 2)] if len(one.cards) == 3 else at_random
                meant, hasty = (pace, often) if one.quick else (1 - pace, 1 - often)
                said = (1 - lapse) * at_random * meant + lapse * lapsed * hasty
                log += math.log(said / (at_random * (usual if one.quick else 1 - usual)))
            ways.append(log)
        of_clicks = max(ways) + math.log(sum(math.exp(way - max(ways)) for way in ways))
        right = ((1 - lapse) * passing + lapse / 3) * 3
        wrong = ((1 - lapse) * (1 - passing) + lapse * 2 / 3) * 1.5
        logs.append(of_clicks + sum(math.log(right if one else wrong) for one in passed))
    likely = [(3.6 * (1 - lapse) ** 3 + 0.1) * math.exp(log - max(logs)) for lapse, log in zip(GRID, logs, strict=True)]
    chances = [one / sum(likely) for one in likely]
    mean = sum(lapse * chance for lapse, chance in zip(GRID, chances, strict=True))
    low, high = (GRID[sum(part < share for part in itertools.accumulate(chances))] for share in (0.025, 0.975))
    harmless = sum(chance for lapse, chance in zip(GRID, chances, strict=True) if lapse <= TOLERANCE)
    apart = harmless < LEVEL / people
    weight = max(LEAST_WEIGHT, 1 - mean) if apart else 1.0
    by_chance = logs[-1] > max(logs) - 1.92
    return Reliability(len(own), len(passed), mean, low, high, weight, apart, apart and by_chance)


def told(person: str, clicks: int, chance: random.Random, place: int | None = None, quick: float = 0.0) -> list[Answer]:
    """Choices among cards of which nothing is known, three of four among three cards."""
    return [
        Answer(
            person,
            (person, number),
            [np.zeros(SIZE)] * (3 if number % 4 else 4),
            1,
            chance.randrange(3) if place is None else place,
            chance.random() < quick,
        )
        for number in range(clicks)
    ]


def test_where_cards_tell_nothing_places_haste_and_checks_do_by_bayes_rule() -> None:
    chance = random.Random(4)
    team = [*told("ada", 14, chance, quick=0.2), *told("bea", 30, chance, place=0, quick=0.8)]
    team += [*told("cem", 6, chance, place=2), *told("dan", 40, chance, place=1), *told("eva", 3, chance)]
    results = {"ada": [True] * 200, "cem": [False] * 8 + [True], "eva": [False, True] * 50}
    checks = [Check(person, passed) for person, every in results.items() for passed in every]
    found = reliabilities(team, checks)
    usual = sum(one.quick for one in team) / len(team)
    passing = (19 + sum(one.passed for one in checks)) / (20 + len(checks))
    for person, one in found.items():
        own = [answer for answer in team if answer.person == person]
        expected = by_hand(own, results.get(person, []), usual, passing, len(found))
        assert numbers(one) == pytest.approx(numbers(expected)), person
    assert [person for person, one in found.items() if one.told_apart] == ["bea", "dan", "eva"]
    assert [person for person, one in found.items() if one.stands_out] == ["bea", "dan"]


def numbers(one: Reliability) -> dict[str, float]:
    """Its numbers by name."""
    return {name: float(value) for name, value in asdict(one).items()}


def test_the_figures_of_a_small_team_stay_what_they_are() -> None:
    """Four people who share half of their screens, of two and three cards; the last clicks at random, and quickly."""
    chance = np.random.default_rng(8)
    team = []
    for one in answers(4, 1, clicks=30, seed=8):
        number = int(one.screen[1])  # type: ignore[index]
        shared = number if number % 2 else one.screen
        cards = one.cards if number % 5 else one.cards[:2]
        quick = one.person == "3" and bool(chance.integers(2))
        team.append(replace(one, screen=shared, cards=cards, chosen=min(one.chosen, len(cards) - 1), quick=quick))
    checks = [Check("0", True), *[Check("3", False)] * 5, Check("3", True), Check("9", True)]
    found = reliabilities(team, checks)
    assert {person: (one.answers, one.checks, one.told_apart, one.stands_out) for person, one in found.items()} == {
        "0": (30, 1, False, False),
        "1": (30, 0, False, False),
        "2": (30, 0, False, False),
        "3": (30, 6, True, True),
    }
    assert [figure for one in found.values() for figure in (one.lapse, one.low, one.high, one.weight)] == pytest.approx(
        [0.04787, 0.0, 0.2, 1.0, 0.06935, 0.0, 0.24, 1.0, 0.04808, 0.0, 0.2, 1.0, 0.83025, 0.52, 1.0, 0.16975], abs=1e-4
    )
