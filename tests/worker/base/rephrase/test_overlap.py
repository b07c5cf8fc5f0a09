"""A training is kept apart from what is held out."""

import pytest

from models.formats.splitting import split_key
from models.texts.near_duplicates import TestedTexts
from worker.base.rephrase.overlap import apart, check_apart, without_overlap

HELD_OUT = "The waiter brought the wrong soup to us"


def test_a_pair_with_a_held_out_text_is_refused_whatever_its_case_and_marks() -> None:
    for pair in ((f"{HELD_OUT.upper()}!", "other"), ("other", f'"{HELD_OUT}"')):
        with pytest.raises(ValueError, match=r"file\.tsv has the text .The waiter brought"):
            check_apart("file.tsv", [("fine", "good"), pair], TestedTexts([HELD_OUT]))


def test_a_pair_of_a_held_out_text_or_close_to_one_is_left_out_where_others_are_used() -> None:
    close = ("Yesterday the waiter brought the wrong soup to us", "We got the wrong soup.")
    check_apart("file.tsv", [close], TestedTexts([HELD_OUT]))
    pairs = [close, ("fine", "good"), ("other", HELD_OUT.upper())]
    assert apart("file.tsv", pairs, TestedTexts([HELD_OUT])) == [("fine", "good")]


def test_lines_of_the_same_wording_are_left_out() -> None:
    pairs = [(f"{HELD_OUT}.", ""), ("The waiter was kind", "")]
    assert without_overlap(pairs, {split_key(HELD_OUT)}) == pairs[1:]
