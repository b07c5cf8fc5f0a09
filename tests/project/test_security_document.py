"""The list of requirements in docs/security.md is whole, names files that are there, and is counted as it says."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import pytest

from app.config import PROJECT_ROOT
from tests.test_tree import tracked

DOCUMENT = (PROJECT_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
LISTED, _, UNMET = DOCUMENT.partition("## What is not met")
ROW = re.compile(r"^\| (V[\d.]+)(?:–(V[\d.]+))? \| [^|]+ \| (met|not met|not applicable) \| ([^|]+) \|$", re.MULTILINE)

# How many requirements of level 1 and 2 each section of the standard has, chapter by chapter. They come first in it.
SECTIONS = {
    1: (2, 9, 11, 3, 2),
    2: (3, 3, 4, 1),
    3: (0, 2, 4, 6, 5, 0, 2),
    4: (3, 1, 2, 4),
    5: (1, 3, 2, 3),
    6: (3, 12, 4, 4, 5, 3, 0, 4),
    7: (3, 4, 2, 5, 2, 2),
    8: (2, 3, 1, 1),
    9: (3, 4),
    10: (2, 2, 4, 11, 5, 2, 3),
    11: (2, 3, 3, 4, 1, 1),
    12: (3, 2, 4),
    13: (1, 5, 2, 5),
    14: (2, 4, 3),
    15: (3, 3, 7),
    16: (1, 5, 4, 3, 3),
    17: (1, 4, 2),
}
NUMBERS = [
    f"V{chapter}.{section}.{number}"
    for chapter, sections in SECTIONS.items()
    for section, most in enumerate(sections, start=1)
    for number in range(1, most + 1)
]


class Requirement(NamedTuple):
    number: str
    state: str
    where: str


def requirements() -> list[Requirement]:
    """Every requirement that a row is about; a row may be about several that follow each other."""
    found = []
    for first, last, state, where in ROW.findall(LISTED):
        section, _, begin = first.rpartition(".")
        end = last.removeprefix(f"{section}.") if last else begin
        found += [Requirement(f"{section}.{each}", state, where) for each in range(int(begin), int(end) + 1)]
    return found


def test_each_requirement_of_level_1_and_2_is_listed_once_and_in_order() -> None:
    assert len(NUMBERS) == 253
    assert [one.number for one in requirements()] == NUMBERS


def test_no_row_is_passed_over_for_its_form() -> None:
    assert len(ROW.findall(LISTED)) == len(re.findall(r"^\| V\d", LISTED, re.MULTILINE))


def test_the_counts_in_the_text_are_those_of_the_list() -> None:
    states = Counter(one.state for one in requirements())
    applying = states["met"] + states["not met"]
    said = (
        f"Of {len(NUMBERS)} requirements {applying} apply. **Met: {states['met']} of {applying}. "
        f"Not met: {states['not met']}. Not applicable: {states['not applicable']}.**"
    )
    assert said in DOCUMENT


@pytest.mark.skipif(not (PROJECT_ROOT / ".git").exists(), reason="Which files are the project's, git alone knows.")
def test_what_is_met_names_files_of_the_project_or_the_text_above() -> None:
    known = {str(path) for path in tracked()}
    bad = {}
    for number, state, where in requirements():
        files = re.findall(r"`([^`\s]*[/.][^`\s]*|Makefile)`", where)
        if state == "met" and not (set(files) <= known and (files or "[above](#" in where)):
            bad[number] = where
    assert bad == {}


def test_the_list_at_the_end_holds_what_is_not_met_and_nothing_else() -> None:
    unmet = [one.number for one in requirements() if one.state == "not met"]
    assert sorted(re.findall(r"V\d+\.\d+\.\d+", UNMET)) == sorted(unmet)
