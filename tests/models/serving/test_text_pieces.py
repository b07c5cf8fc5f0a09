"""Long texts are cut where a reader would cut them, and nothing of them is lost."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.serving.text_pieces import margins, pieces, plain


def words(text: str) -> int:
    return len(text.split())


TEXTS = st.lists(
    st.sampled_from([*"ab .!?\n,;\"')\t…", "<p>", "</p>", "<b>", "</b>", "<br/>", "<!-- a -->", " https://a.org/b?c "])
).map("".join)


@given(TEXTS, st.integers(1, 12))
@example("\n \n", 1)
@example("a. b", 1)
def test_joined_again_the_pieces_are_the_text(text: str, longest: int) -> None:
    found = pieces(text, longest, words)

    assert "".join(found) == text
    assert all(words(piece) <= longest for piece in found if not piece.startswith("<!--"))


@given(st.text(max_size=60) | TEXTS)
def test_margins_and_body_are_the_piece(text: str) -> None:
    before, body, after = margins(text)

    assert before + body + after == text
    assert body == body.strip()


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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<p>One. Two.</p>", [("<p>", "", ""), ("", "One. Two.", ""), ("</p>", "", "")]),
        (
            "see https://example.org/a, you",
            [("", "see", " "), ("https://example.org/a", "", ""), ("", ", you", "")],
        ),
        ('<a href="/x">you <b>there</b></a>', [('<a href="/x">', "you <b>there</b>", "</a>")]),
        ('<a href="https://example.org">you</a>', [('<a href="https://example.org">', "you", "</a>")]),
        ("https://example.org/stupid", [("https://example.org/stupid", "", "")]),
        ("<b>you</b> and <b>me</b>", [("", "<b>you</b> and <b>me</b>", "")]),
        ("a < b and b > c", [("", "a < b and b > c", "")]),
        (" <i><b>you</b></i>\n", [(" <i><b>", "you", "</b></i>\n")]),
    ],
)
def test_what_is_no_prose_is_kept_out(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [margins(piece) for piece in pieces(text, 20, words)] == found


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("You are so d u m b, really", "You are so dumb, really"),
        ("plan a b", "plan a b"),
        ("THIS IS A BAD PLAN", "This is a bad plan"),
        ("This is a BAD plan", "This is a BAD plan"),
        ("NATO", "NATO"),
        ("you <b>there</b>", "you there"),
        ("Ωμέγα 3", "Ωμέγα 3"),
    ],
)
def test_a_model_reads_plain_words(body: str, read: str) -> None:
    assert plain(body) == read


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("you idiot " + "a" * 46, ["you idiot ", "a" * 46]),
        ("you idiot " + "a" * 45, ["you idiot " + "a" * 45]),
        ("a " + "ha" * 500 + " b", ["a ", "ha" * 500, " b"]),
        ("idiot" + "!" * 900, ["idiot", "!" * 900]),
        ("idiot" + "!" * 15, ["idiot" + "!" * 15]),
        ("你是个白痴" * 20, ["你是个白痴" * 20]),
    ],
    ids=[
        "long word",
        "a word of 45 letters",
        "long word amid others",
        "marks",
        "some marks",
        "no spaces in this script",
    ],
)
def test_what_is_no_word_is_a_piece_of_its_own(text: str, found: list[str]) -> None:
    assert pieces(text, 1000, len) == found


def test_a_text_without_spaces_is_split_at_its_marks_and_then_anywhere() -> None:
    assert pieces("你是白痴。滚开！", 4, len) == ["你是白痴", "。", "滚开！"]
    assert pieces("你是个大白痴", 4, len) == ["你是个大", "白痴"]
