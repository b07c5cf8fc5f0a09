"""What is counted in a rewrite: arithmetic by hand."""

from __future__ import annotations

import math

import pytest

from models.reward.numbers import NUMBERS, counted, words


def of(source: str, rewrite: str) -> dict[str, float]:
    return dict(zip([number.name for number in NUMBERS], counted(source, rewrite), strict=True))


def test_words_are_runs_of_letters_and_digits_in_one_case() -> None:
    assert words("Don't SHOUT, it's 2 a.m.") == ("don't", "shout", "it's", "2", "a", "m")


def test_shares_of_words_are_counted_once_each() -> None:
    found = of("you are a silly silly man", "You are a kind man")
    assert found["overlap"] == 4 / 6  # you are a man, of those and silly and kind
    assert found["new_words"] == pytest.approx(1 / 5)
    assert found["dropped_words"] == pytest.approx(1 / 5)
    assert found["same_start"] == 3 / 6
    assert found["same_end"] == 1 / 6
    assert found["different_words"] == 1.0
    assert found["words"] == math.log(6)
    assert found["word_length"] == math.sqrt((3 + 3 + 1 + 4 + 3) / 5)
    assert found["longest_word"] == math.log(5)


def test_letters_kept_is_the_dice_coefficient_of_groups_of_three() -> None:
    assert of("abc", "abc")["letters_kept"] == 1.0
    assert of("abc", "abd")["letters_kept"] == 2 * 1 / 6  # " ab" of " ab", "abc", "bc " and " ab", "abd", "bd "
    assert of("abc", "xyz")["letters_kept"] == 0.0


@pytest.mark.parametrize(
    ("rewrite", "name", "value"),
    [
        ("Stop it.", "ends_in_period", 1.0),
        ("Stop it. ", "ends_in_period", 1.0),
        ("Stop it", "ends_in_period", 0.0),
        ("Why?", "ends_in_question", 1.0),
        ("No!", "ends_in_exclamation", 1.0),
        ("No! No!", "exclamation_marks", math.log(3)),
        ("a, b, c", "commas", math.log(3)),
        ("it’s what it's", "apostrophes", math.log(3)),
        ("“so”", "quotation_marks", math.log(3)),
        ("(so) - well", "other_marks", math.log(3)),
        ("1 or 23", "digits", math.log(4)),
        ("One. Two! Three", "sentences", math.log(3)),
        ("3.14 is a number", "sentences", 0.0),
        ("Stop it", "capital_first", 1.0),
        ("stop it", "capital_first", 0.0),
        ("STOP it I say", "shouted_words", math.log(2)),
        ("AB cd", "capitals", 0.5),
        ("so so", "different_words", 0.5),
    ],
)
def test_marks_and_forms(rewrite: str, name: str, value: float) -> None:
    assert of("whatever", rewrite)[name] == pytest.approx(value)


@pytest.mark.parametrize("rewrite", ["", " ", "!!!", "🙂", "…", "日本語の文", "\n"])
@pytest.mark.parametrize("source", ["", "🙂", "You are silly"])
def test_any_text_has_finite_numbers(source: str, rewrite: str) -> None:
    found = counted(source, rewrite)
    assert len(found) == len(NUMBERS)
    assert all(math.isfinite(value) for value in found)


def test_every_number_is_said_in_two_ways() -> None:
    said = [way for number in NUMBERS for way in (number.more, number.less)]
    assert len(set(said)) == len(said) == 2 * len(NUMBERS)
