"""Rows of files and of bodies, with whole sentences where something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain_errors import Malformed
from app.services.exchange.rows import RowFile


def test_a_file_gives_its_columns_and_its_rows_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,priority\n"two\nlines",1\nlast,2\n')
    file = RowFile(path)
    assert (file.layout, file.header(), file.columns()) == ("csv", True, ["text", "priority"])
    rows = list(file.rows())
    assert [(row.line, row.value, row.problem) for row in rows] == [
        (2, {"text": "two\nlines", "priority": "1"}, ""),
        (4, {"text": "last", "priority": "2"}, ""),
    ]
    assert file.fraction == 1


def test_a_row_that_cannot_be_used_says_why_in_a_sentence() -> None:
    first, second = RowFile(b'{"text": "a"}\n{"text": \n', name="a.jsonl").rows()
    assert first.problem == ""
    assert second.line == 2
    assert second.problem[0].isupper()
    assert second.problem.endswith(".")


def test_what_is_no_file_of_rows_is_refused_as_a_whole() -> None:
    with pytest.raises(Malformed, match="PDF"):
        RowFile(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", name="a.csv")
