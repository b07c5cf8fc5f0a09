"""Rounds: every kind of kill comes in turn, and what was found reaches the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.rounds import BACK_SECONDS, Round, chaos_in, kind_of
from tests.chaos.service import KINDS
from tests.chaos.table import BEGIN, DOCUMENT, END, write_tables


def test_of_each_seven_rounds_one_is_of_each_kind_and_the_seed_draws_the_order() -> None:
    orders = [[kind_of(number, seed) for number in range(1, 15)] for seed in (1, 2)]
    for order in orders:
        assert set(order[:7]) == set(order[7:]) == set(KINDS)
    assert orders[0] != orders[1]
    assert orders[0] == [kind_of(number, 1) for number in range(1, 15)]


def test_the_tables_stand_between_their_marks(tmp_path: Path) -> None:
    played = Round(
        number=1,
        seed=7,
        killed="queue",
        at=4.2,
        training="training, step 3 of 40",
        acknowledged_before=30,
        back=2.06,
        acknowledged=40,
        missing=1,
        doubled=0,
        half=2,
        removing=0,
        unrecorded=0,
        faults=["one is missing"],
        machine="2 × a processor",
        date="2026-11-30",
        load=6.5,
        published=3,
    )
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_tables([played], document)
    text = document.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert (
        "40 acknowledged judgments, 1 missing, 0 doubled, 2 half ones among 3 published versions; 1 rounds with a fault"
        in text
    )
    assert "| queue | 1 | 2.1 s | 2.1 s |" in text
    assert "| 1 | queue | 4.2 | training, step 3 of 40 | 30 | 2.1 | 40 | 1 | 0 | 3 | 2 | 6.5 |" in text


def test_the_document_has_the_marks() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    with chaos_in(tmp_path, seed=1) as chaos:
        for number in range(1, len(KINDS) + 1):
            played = chaos.play(number)
            assert played.faults == []
            assert played.back is not None
            assert played.back <= BACK_SECONDS
        after = chaos.wait_for_a_version()
    assert after.faults == []
    assert after.acknowledged > 100
    assert after.published > 0
    assert {played.killed for played in chaos.rounds} == set(KINDS)
