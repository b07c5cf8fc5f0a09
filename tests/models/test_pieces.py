"""Long texts are cut where a reader would cut them, and nothing of them is lost."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.pieces import margins, pieces


def words(text: str) -> int:
    return len(text.split())


@given(st.text(alphabet="ab .!?\n,;\"')\t…", max_size=200), st.integers(1, 12))
@example("\n \n", 1)
@example("a. b", 1)
def test_joined_again_the_pieces_are_the_text(text: str, longest: int) -> None:
    found = pieces(text, longest, words)

    assert "".join(found) == text
    assert all(words(piece) <= longest for piece in found)


@given(st.text(max_size=60))
def test_margins_and_body_are_the_piece(text: str) -> None:
    before, body, after = margins(text)

    assert before + body + after == text
    assert body == text.strip()


@pytest.mark.parametrize(
    ("text", "longest", "found"),
    [
        ("A short text. In two sentences.", 6, ["A short text. In two sentences."]),
        ('He said "no!" Then he left, I think.', 5, ['He said "no!" ', "Then he left, I think."]),
        ("one two three\n\nfour five six", 5, ["one two three\n\n", "four five six"]),
        ("a b c d, e f g h i", 5, ["a b c d, ", "e f g h i"]),
        ("a b c d e f g h i", 5, ["a b c d e ", "f g h i"]),
        ("a, b, c, d, e, f, g", 4, ["a, b, c, d, ", "e, f, g"]),
    ],
)
def test_where_a_text_is_cut(text: str, longest: int, found: list[str]) -> None:
    assert pieces(text, longest, words) == found


def test_one_long_word_stays_whole() -> None:
    assert pieces("https://example.org/a/very/long/path", 5, len) == ["https://example.org/a/very/long/path"]
