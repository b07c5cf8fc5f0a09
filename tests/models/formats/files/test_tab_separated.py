"""Rows of tab-separated files, in which quotes may stand around cells or mean nothing."""

from __future__ import annotations

import io

import pytest

from models.formats.files.tab_separated import first_stray_quote, tab_rows


def rows(text: str, *, quoted: bool = True) -> list[tuple[int, object]]:
    """The line in which each row begins, and its cells."""
    return [(row.line, row.cells) for row in tab_rows(io.StringIO(text), quoted)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('one\t"two\tthree"\tfour\n', [(1, ["one", "two\tthree", "four"])]),
        ('"one"\t"two"\n', [(1, ["one", "two"])]),
        ('"say ""hi"""\tb\r\n', [(1, ['say "hi"', "b"])]),
        ('a\t"two\nlines"\nc\td\n', [(1, ["a", "two\nlines"]), (3, ["c", "d"])]),
        ('a\t""\n', [(1, ["a", ""])]),
        ('a\t5" long\n', [(1, ["a", '5" long'])]),
        ('a\t"b\nc\td\n', [(1, ["a", '"b']), (2, ["c", "d"])]),
        ('a\t"b" c\n', [(1, ["a", '"b" c'])]),
    ],
)
def test_quotes_around_cells_keep_tabs_and_lines_and_others_are_signs(
    text: str, found: list[tuple[int, object]]
) -> None:
    assert rows(text) == found


def test_where_quotes_mean_nothing_each_line_is_a_row() -> None:
    assert rows('a\t"two\nlines"\n', quoted=False) == [(1, ["a", '"two']), (2, ['lines"'])]


def test_the_first_quote_that_closes_no_cell_is_found_by_its_line() -> None:
    text = io.StringIO('a\t"b"\nc\t"d\ne\tf\n')
    assert first_stray_quote(text) == 2
    assert text.tell() == 0
    assert first_stray_quote(io.StringIO('a\t"b"\n')) == 0
