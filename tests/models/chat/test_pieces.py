"""Text that comes token by token is told in whole characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from models.chat.pieces import Pieces


@pytest.fixture
def tokenizer(form: Path) -> Tokenizer:
    return Tokenizer.from_file(str(form / "tokenizer.json"))


@pytest.mark.parametrize("text", ["Plain words, here.", "né à Köln", "日本 😀 👩‍👩‍👧", "a\n\tb  c"])
def test_the_pieces_are_whole_characters_and_make_the_text(tokenizer: Tokenizer, text: str) -> None:
    pieces = Pieces(tokenizer)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    told = [pieces.add(number) for number in ids]
    assert "".join(told) == pieces.text == text
    assert "\ufffd" not in pieces.text


def test_a_character_that_is_cut_in_the_middle_is_never_told(tokenizer: Tokenizer) -> None:
    pieces = Pieces(tokenizer)
    for number in tokenizer.encode("ab😀", add_special_tokens=False).ids[:-1]:
        pieces.add(number)
    assert pieces.text == "ab"


def test_control_characters_and_the_space_before_an_answer_are_left_out(tokenizer: Tokenizer) -> None:
    pieces = Pieces(tokenizer)
    told = [pieces.add(number) for number in tokenizer.encode("  \n a\0b\x1b", add_special_tokens=False).ids]
    assert "".join(told) == "ab"
