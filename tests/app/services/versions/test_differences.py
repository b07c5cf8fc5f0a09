"""Which words tell two texts apart."""

from __future__ import annotations

import pytest

from app.services.versions import differences
from app.services.versions.differences import Kind, Piece, between


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
        (" a b", "a b"),
        ("a b", "\n a  b "),
        ("  ", "\t"),
        ("a  b c ", "a b  d "),
    ],
)
def test_the_pieces_are_the_two_texts(reference: str, shown: str) -> None:
    pieces = between(reference, shown)
    assert "".join(piece.text for piece in pieces if piece.kind != Kind.MISSING) == shown
    assert "".join(piece.text for piece in pieces if piece.kind != Kind.OWN) == reference


def test_a_word_is_the_same_whatever_white_space_follows_it() -> None:
    assert between("I am here", "I am here today") == [Piece(Kind.SAME, "I am here"), Piece(Kind.OWN, " today")]
    assert between("a  b", "a b") == [Piece(Kind.SAME, "a"), Piece(Kind.MISSING, " "), Piece(Kind.SAME, " b")]


def test_white_space_does_not_count_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "MOST_WORDS", 3)
    assert between("a b c", "a b d") == [Piece(Kind.SAME, "a b "), Piece(Kind.MISSING, "c"), Piece(Kind.OWN, "d")]


def test_texts_of_more_than_300_words_are_shown_as_they_are() -> None:
    assert between("word " * 301, "short") == [Piece(Kind.SAME, "short")]
    assert between("word " * 300, "short") == [Piece(Kind.MISSING, "word " * 300), Piece(Kind.OWN, "short")]
