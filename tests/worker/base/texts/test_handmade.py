"""The hand-made inputs: two hundred, of every kind, which no builder and none of the shared data has."""

import gzip
import os
from pathlib import Path

import pytest

from worker.base.texts.corpus import read_paradetox
from worker.base.texts.handmade import handmade_inputs, handmade_wordings
from worker.base.texts.held_out import is_held_out

SHARED = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))
LARGE = {"changelog_podcasts", "novels_narrative", "novels_dialogue"}
"""Corpora that are left out of the look at all the others, for they take long."""


def test_there_are_two_hundred_different_inputs_that_say_what_to_keep_and_lose() -> None:
    inputs = handmade_inputs()
    assert len(inputs) == len(handmade_wordings()) == 200
    assert min(sum(one.kind == kind for one in inputs) for kind in {one.kind for one in inputs}) >= 14
    assert all(word.casefold() in one.text.casefold() for one in inputs for word in one.keeps)
    assert sum(bool(one.keeps or one.loses) for one in inputs) >= 198


def test_an_input_is_held_out_whatever_its_case_and_marks() -> None:
    assert is_held_out(f"{handmade_inputs()[0].text.upper()}!!")
    assert not is_held_out("Something that nobody wrote by hand.")


@pytest.mark.long
@pytest.mark.skipif(not (SHARED / "corpus").exists(), reason=f"no corpora in {SHARED} (MELLOW_SHARED_DATA)")
def test_the_shared_data_has_none_of_the_inputs() -> None:
    inputs = {bare(one.text) for one in handmade_inputs()}
    seen = {bare(text) for row in read_paradetox(SHARED / "paradetox.tsv") for text in (row.toxic, *row.rewrites)}
    for path in sorted((SHARED / "corpus").glob("*.txt.gz")):
        if path.name.removesuffix(".txt.gz") not in LARGE:
            seen |= inputs.intersection(map(bare, gzip.decompress(path.read_bytes()).decode().splitlines()))
    assert inputs & seen == set()


def bare(text: str) -> str:
    """A text without case, and without what may stand around it."""
    return text.casefold().strip(" .,!?'\"")
