"""Exports that are opened in a spreadsheet, and brought back."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Prompt
from app.services.exchange import exports
from app.services.exchange.csv_lines import PLAIN, SPREADSHEET
from app.services.exchange.rows import RowFile
from tests import factories
from tests.app.services.exchange.conftest import store
from tests.studio import Person, rows

FORMULA = '=cmd|" /C calc"!A0'
TEXTS = ["+you, again", "-you;=1", "'@home"]


def test_a_plain_line_keeps_texts_as_they_are() -> None:
    assert PLAIN.header(["text"]) == "text\r\n"
    assert PLAIN.line(["=1+1", 2, None]) == "=1+1,2,\r\n"


def test_a_safe_line_quotes_every_cell_and_says_that_it_is_safe() -> None:
    assert SPREADSHEET.header(["text", "n"]) == '\ufeff"text","n","spreadsheet_safe"\r\n'
    assert SPREADSHEET.line(["=1+1", -2, None]) == '"\'=1+1","-2","","yes"\r\n'


@pytest.mark.parametrize("format_name", ["csv-spreadsheet", "judgments-csv-spreadsheet"])
def test_no_cell_of_the_safe_export_begins_like_a_formula(session: Session, admin: Person, format_name: str) -> None:
    _judge(session, admin)
    text = b"".join(exports.content(session, format_name)).decode("utf-8-sig")
    found = list(csv.reader(text.splitlines()))
    cells = [cell for row in found for cell in row]
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert {row[-1] for row in found[1:]} == {"yes"}


@pytest.mark.parametrize("metadata", [None, {"language": "=en"}])
@pytest.mark.parametrize("format_name", ["csv", "judgments-csv"])
def test_what_a_safe_export_holds_comes_back_as_it_was(
    session: Session, admin: Person, write: Any, format_name: str, metadata: dict[str, str] | None
) -> None:
    _judge(session, admin, metadata)
    plain, safe = (write(f"{name}.csv", b"".join(exports.content(session, name))) for name in _both(format_name))
    assert safe.read_bytes() != plain.read_bytes()
    assert _values(safe) == _values(plain)
    report = store(session, admin, safe, judgments=True).report
    assert (report.judgments, report.judgments_known, report.unused_count, report.rejected) == (0, 1, 0, [])
    [prompt] = rows(session, Prompt)
    assert (prompt.text, prompt.metadata_) == (FORMULA, metadata)


def _judge(session: Session, person: Person, metadata: dict[str, str] | None = None) -> None:
    prompt = factories.prompt(session, FORMULA, metadata_=metadata)
    factories.judgment(session, factories.generation(session, person.id, TEXTS, prompt=prompt))


def _both(format_name: str) -> tuple[str, str]:
    return format_name, f"{format_name}-spreadsheet"


def _values(path: Path) -> list[object]:
    return [row.value for row in RowFile(path).rows()]
