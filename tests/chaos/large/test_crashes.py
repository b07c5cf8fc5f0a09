"""Rounds on the large set-up: what was found reaches the table, and one round of each kind of kill is played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.large.crash import Crash
from tests.chaos.large.crash_table import BEGIN, END, write_crash_table
from tests.chaos.large.crashes import crashes_in
from tests.chaos.large.kept_parts import KINDS
from tests.chaos.table import DOCUMENT

CRASH = Crash(
    number=1,
    seed=7,
    killed="database",
    at=11.2,
    undisturbed=20.4,
    stage="training, step 3 of 40",
    ended=31.6,
    attempts=1,
    requests=80,
    longest=2.44,
    cut=0,
    told_to_wait=3,
    left_over=0,
    faults=(),
    machine="2 × a processor",
    date="2026-11-30",
    load=6.5,
)
FAULTS = ("The weights of version 2 are not those of the undisturbed run", "GET /me +1.5 s from the kill: 500 no")


def test_the_table_stands_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    second = replace(CRASH, number=2, stage="publishing", attempts=2, ended=41.6, faults=FAULTS, date="2026-12-01")
    write_crash_table([CRASH, second, replace(CRASH, number=3, killed="web", cut=1)], document)
    text = document.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "3 rounds with the seed 7, 2026-11-30 to 2026-12-01, on 2 × a processor: 2 without a fault" in text
    assert "| database | 2 | 1 | 1 | 20 s | 37 s | 42 s | 160 | 0 | 6 | 1 | 2.4 s |" in text
    assert "| web | 1 | 1 | 0 | 20 s | 32 s | 32 s | 80 | 1 | 3 | 0 | 2.4 s |" in text
    assert "What the run did when a part was killed: training 2, publishing 1." in text


def test_the_document_has_the_marks() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_is_killed_a_run_publishes_once_what_it_would_have(tmp_path: Path) -> None:
    with crashes_in(tmp_path, seed=1) as crashes:
        crashes.measure(2)
        for number in range(1, len(KINDS) + 1):
            assert crashes.play(number).faults == ()
    assert {played.killed for played in crashes.rounds} == set(KINDS)
