"""The simulated teams of the benchmark: who judges what, and by which taste."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.support import teams
from benchmarks.support.teams import CLICKS, PEOPLE, Drawn, Kept, Simulated
from models.reliability import Answer
from models.reward.features import SIZE


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    """Screens whose first card is the shortest."""
    features = np.zeros((3, SIZE))
    return Simulated([Drawn(f"text {number}", ("a", "a b", "a b c"), features) for number in range(400)])


def test_everybody_clicks_as_often_and_a_tenth_of_it_on_screens_of_two(simulated: Simulated) -> None:
    made = simulated.clicks(["brief"] * PEOPLE, 1)
    assert Counter(one.person for one in made) == {f"{person}": CLICKS for person in range(PEOPLE)}
    judges = Counter(one.screen for one in made)
    assert set(judges.values()) == {1, 2}
    assert sum(number for number in judges.values() if number > 1) / len(made) == 0.1


def test_people_click_what_they_like_but_for_a_lapse_and_random_clickers_anything(simulated: Simulated) -> None:
    made = simulated.clicks(["brief"] * PEOPLE, 1, at_random=2)
    liked = {
        person: np.mean([one.chosen == 0 for one in made if one.person == f"{person}"]) for person in range(PEOPLE)
    }
    assert min(liked[person] for person in range(8)) > 0.75
    assert max(liked[person] for person in (8, 9)) < 0.6


def test_a_team_is_the_same_each_time(simulated: Simulated) -> None:
    first, again = (
        [(one.person, one.screen, one.chosen) for one in simulated.clicks(["brief"] * PEOPLE, 7)] for _ in "12"
    )
    assert first == again


def test_each_may_click_another_number_of_times(simulated: Simulated) -> None:
    numbers = (5,) * 8 + (30, 40)
    made = simulated.clicks(["brief"] * PEOPLE, 1, at_random=2, numbers=numbers)
    assert Counter(one.person for one in made) == {f"{person}": numbers[person] for person in range(PEOPLE)}


def test_what_was_found_of_a_team_is_kept_and_not_computed_again(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teams, "FOLDER", tmp_path)
    first = Kept().team("one", lambda: simulated.clicks(["brief"] * PEOPLE, 7))
    assert set(first) == {f"{person}" for person in range(PEOPLE)}

    def never() -> list[Answer]:
        raise AssertionError("computed again")

    assert Kept().team("one", never) == first
