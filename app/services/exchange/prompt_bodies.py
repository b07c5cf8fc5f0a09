"""Rows of prompts in a request's body: JSON, JSON Lines, CSV or TSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session

from app.db import write_transaction
from app.errors import Malformed
from app.services.exchange.rows import unreadable_row
from app.services.prompts import prompts
from app.services.prompts.prompts import ImportReport, PromptRow
from app.services.system import audit

TEXT_COLUMNS = ("text", "prompt", "toxic")
_OPTIONS = ("priority", "gold", "gold_wrong", "overlap")


def import_prompts(
    session: Session, user_id: int | None, body: bytes, content_type: str, source: str, longest: int
) -> ImportReport:
    """Queue the texts in `body`, which is JSON, JSON Lines, CSV or TSV by its content type.

    A row that cannot be used is reported with its line and the others are kept; raises Malformed if the whole body
    cannot be read. JSON rows are strings or objects with `text` (or `prompt`, `toxic`) and maybe `priority`, `gold`,
    `gold_wrong`, `overlap`, and nothing else; columns of tables are called the same, and those of other names are left
    out.
    """
    rows = list(read_body(body, content_type))  # all of it is read before any of it is stored
    report = ImportReport()
    for start in range(0, len(rows), prompts.BATCH):
        batch = prompts.check_all(rows[start : start + prompts.BATCH], longest, report)
        with write_transaction(session):
            prompts.store_batch(session, batch, source, report)
    with write_transaction(session):
        audit.record(session, user_id, "prompts.imported", source, added=report.added, rejected=report.rejected_count)
    return report


def read_body(body: bytes, content_type: str) -> Iterator[PromptRow]:
    """The rows of a whole body, JSON, JSON Lines, CSV or TSV by its content type; raises Malformed."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("The file is not UTF-8 text.") from None
    if content_type == "application/json":
        return _read_json(text)
    if content_type in ("application/x-ndjson", "application/jsonl"):
        return _read_json_lines(text)
    if content_type in ("text/csv", "text/tab-separated-values"):
        return _read_table(text, "," if content_type == "text/csv" else "\t")
    raise Malformed(
        "Send application/json, application/x-ndjson, text/csv or text/tab-separated-values, "
        f"not {content_type or 'no content type'}."
    )


def _read_json(text: str) -> Iterator[PromptRow]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise Malformed("The body is not JSON: its brackets are nested too deeply.") from None
    if not isinstance(rows, list):
        raise Malformed("The body must be a JSON list of texts or of objects with a text.")
    return (_row_of(value, number) for number, value in enumerate(rows, start=1))


def _read_json_lines(text: str) -> Iterator[PromptRow]:
    # Not splitlines: a text may hold other characters that end a line in print, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield _row_of(json.loads(line), number)
            except (ValueError, RecursionError):
                yield PromptRow(number, None, problem="The line is not JSON.")


def _read_table(text: str, delimiter: str) -> Iterator[PromptRow]:
    # Quotes mean nothing in tab-separated files: a sentence may begin with one.
    lines = io.StringIO(text, newline="")
    if delimiter == "\t":
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
    except csv.Error as error:
        raise Malformed(unreadable_row(1, reader.line_num, error)) from None
    column = next((header.index(name) for name in TEXT_COLUMNS if name in header), None)
    if column is None:
        raise Malformed(f"The first line must name a column {', '.join(TEXT_COLUMNS[:-1])} or {TEXT_COLUMNS[-1]}.")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield PromptRow(line, None, problem=unreadable_row(line, reader.line_num, error))
            continue
        if cells:
            value = cells[column] if column < len(cells) else ""
            yield PromptRow(line, value, **_options(dict(zip(header, cells, strict=False))))


def _row_of(value: object, line: int) -> PromptRow:
    if isinstance(value, dict):
        text = next((value[name] for name in TEXT_COLUMNS if name in value), None)
        unknown = set(value) - {*TEXT_COLUMNS, *_OPTIONS}
        if unknown and text is not None:
            takes = ", ".join((*TEXT_COLUMNS, *_OPTIONS))
            return PromptRow(line, None, problem=f"There is no field {min(unknown)!r} in a row: it takes {takes}.")
        return PromptRow(line, text, **_options(value))
    return PromptRow(line, value)


def _options(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: fields.get(name) for name in _OPTIONS}
