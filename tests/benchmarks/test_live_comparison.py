"""The simulated comparisons of versions: what they count, and that they are fair."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from benchmarks.live_comparison import HORIZON, apart, mixed, waits
from benchmarks.support.harness import percentile


def test_a_version_that_always_wins_is_found_by_the_first_clicks_and_one_that_never_does_is_taken_back() -> None:
    found, screens = mixed(np.random.default_rng(1), 1e9, 1)
    assert (found, screens < 25) == ("new", True)
    found, screens = mixed(np.random.default_rng(1), 1e-9, 1)
    assert (found, screens < 25) == ("old", True)


def test_a_screen_without_a_choice_counts_as_a_screen() -> None:
    every, half = (waits(partial(mixed, odds=9.0, people=1, outside=of), "new", 60) for of in (0.0, 15.0))
    assert percentile(half, 50) == pytest.approx(2 * percentile(every, 50), rel=0.3)


def test_a_wrong_verdict_never_comes_to_the_right_one() -> None:
    assert waits(partial(mixed, odds=0.1, people=2), "new", 5) == [math.inf] * 5


def test_separate_screens_of_equal_versions_are_evidence_of_nothing() -> None:
    assert apart(np.random.default_rng(1), 1.0, 0.5) == (None, math.inf)


def test_separate_screens_find_the_better_version_two_screens_at_a_time() -> None:
    found, screens = apart(np.random.default_rng(1), 3.0, 3.0)
    assert found == "new"
    assert screens % 2 == 0
    assert 20 < screens < HORIZON
