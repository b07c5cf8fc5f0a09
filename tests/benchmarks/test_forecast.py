"""The simulated studios of the forecast: what they click, and what is counted of them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from benchmarks import forecast as benchmark
from benchmarks.forecast import CARDS, CLICKS, Drawn, clicked, shown, studio, table
from benchmarks.support.tastes import KINDS, Kind, brief
from models.reward.features import SIZE
from models.serving.pool import Option


def option(words: int, chance: random.Random) -> Option:
    row = np.zeros(SIZE)
    row[0] = words - 5
    row[1] = chance.gauss(0, 1)
    return Option(" ".join(["word"] * words), -1.0, 0.9, 0.9, 0.9, 0.5, row)


def drawn(number: int, chance: random.Random) -> Drawn:
    pool = tuple(option(words, chance) for words in chance.sample(range(1, 12), 6))
    return Drawn(f"text {number}", pool[:CARDS], pool)


def test_a_click_takes_what_the_taste_likes_and_noise_takes_any() -> None:
    chance = random.Random(1)
    cards = [option(words, chance) for words in (5, 2, 9)]
    assert clicked("text", cards, Kind(brief), chance).chosen == (1,)
    taken = {clicked("text", cards, Kind(brief, noise=1.0), chance).chosen for _ in range(50)}
    assert taken == {(0,), (1,), (2,)}


def test_without_a_head_the_plain_screen_is_shown() -> None:
    one = drawn(1, random.Random(2))
    assert shown(one, None, random.Random(3)) == list(one.plain)


def test_a_studio_is_measured_after_each_number_of_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "CLICKS", (10, 14))
    chance = random.Random(4)
    first, second = studio("brief", 0, [drawn(number, chance) for number in range(40)])
    assert (first["taste"], first["studio"], first["clicks"], second["clicks"]) == ("brief", 0, 10, 14)
    value, low, high = second["forecast"]
    assert 0.5 < low < value < high
    assert second["came_true"] > 0.6


def test_noise_counts_one_half(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    unseen = [drawn(number, chance) for number in range(10)]
    monkeypatch.setattr(benchmark, "win_rates", lambda *_: [0.9] * 10)
    assert benchmark.came_true(Kind(brief, noise=0.5), unseen, None, chance) == pytest.approx(0.7)


def test_the_table_counts_the_studios_within_their_interval() -> None:
    def cell(taste: str, came_true: float) -> dict[str, Any]:
        return {"taste": taste, "clicks": CLICKS[0], "forecast": [0.6, 0.55, 0.65], "came_true": came_true}

    lines = table([cell("brief", 0.62), cell("brief", 0.7), cell("random", 0.56)]).splitlines()
    assert lines[2] == "| brief | 10 | 2 | 0.600 | 0.660 | 0.100 | 50% |"
    assert lines[-1] == "| all | any | 3 | 0.600 | 0.627 | 0.100 | 67% |"
    assert {"brief", "random"} <= set(KINDS)
