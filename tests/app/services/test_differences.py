"""Which words tell two texts apart."""

from __future__ import annotations

import pytest

from app.services.differences import MOST_WORDS, Kind, Piece, between


def test_a_word_in_the_place_of_another_is_both_missing_and_own() -> None:
    assert between("you are stupid, really", "you are wrong, really") == [
        Piece(Kind.SAME, "you are "),
        Piece(Kind.MISSING, "stupid"),
        Piece(Kind.OWN, "wrong"),
        Piece(Kind.SAME, ", really"),
    ]


def test_words_that_change_side_by_side_change_as_a_phrase() -> None:
    assert between("please stop talking now", "please be quiet now") == [
        Piece(Kind.SAME, "please "),
        Piece(Kind.MISSING, "stop talking"),
        Piece(Kind.OWN, "be quiet"),
        Piece(Kind.SAME, " now"),
    ]


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("", ""),
        ("", "a b"),
        ("a b", ""),
        ("a  b\nc", "c b a"),
        ("a b ", "c d "),
        ("naïve — “quoted”", "naive - quoted"),
        ("Wort", "wort"),
    ],
)
def test_the_pieces_are_the_two_texts(reference: str, shown: str) -> None:
    pieces = between(reference, shown)
    assert "".join(piece.text for piece in pieces if piece.kind != Kind.MISSING) == shown
    assert "".join(piece.text for piece in pieces if piece.kind != Kind.OWN) == reference


def test_texts_too_long_to_compare_are_shown_as_they_are() -> None:
    long = "word " * MOST_WORDS
    assert between(long, "short") == [Piece(Kind.SAME, "short")]
