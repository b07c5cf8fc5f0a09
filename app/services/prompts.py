"""Texts to rewrite: stored once each, imported from files, served by priority."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt, write_transaction
from app.errors import Invalid, Malformed
from app.services import audit

_TEXT_COLUMNS = ("text", "prompt", "toxic")
_BATCH = 500


@dataclass
class ImportReport:
    """What became of an import: rows added, rows known already, and each row that could not be used with its line."""

    added: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    line: int
    text: object
    priority: object = None
    gold: object = None


def check_text(text: object, longest: int) -> str:
    """The text without surrounding white space; raises Invalid if it is empty, too long or not storable."""
    if not isinstance(text, str):
        raise Invalid("The text must be a string.")
    stripped = text.strip()
    if not stripped:
        raise Invalid("The text is empty.")
    if len(stripped) > longest:
        raise Invalid(f"The text has {len(stripped)} characters and may have at most {longest}.")
    if "\x00" in stripped or any("\ud800" <= character <= "\udfff" for character in stripped):
        raise Invalid("The text holds characters that cannot be stored.")
    return stripped


def find_or_add(session: Session, text: str, source: str) -> Prompt:
    """The prompt with exactly that text, new in the running transaction if it is unknown."""
    digest = _digest(text)
    prompt = session.scalar(select(Prompt).where(Prompt.sha256 == digest))
    if prompt is None:
        prompt = Prompt(text=text, sha256=digest, source=source)
        session.add(prompt)
        session.flush()
    return prompt


def next_queued(session: Session, user_id: int) -> Prompt | None:
    """The queued prompt to show a person next: the highest priority first, then the oldest, never one they have had."""
    had = exists(select(Generation.id).where(Generation.prompt_id == Prompt.id, Generation.user_id == user_id))
    judged = exists(
        select(Judgment.id)
        .join(Generation, Judgment.generation_id == Generation.id)
        .where(Generation.prompt_id == Prompt.id, Judgment.undone_at.is_(None))
    )
    waiting = select(Prompt).where(Prompt.queued, ~had, ~judged).order_by(Prompt.priority.desc(), Prompt.id)
    return session.scalar(waiting.limit(1))


def import_prompts(
    session: Session, user_id: int | None, body: bytes, content_type: str, source: str, longest: int
) -> ImportReport:
    """Queue the texts in `body`, which is JSON, JSON Lines, CSV or TSV by its content type.

    A row that cannot be used is reported with its line and the others are kept; raises Malformed if the whole body
    cannot be read. JSON rows are strings or objects with `text` (or `prompt`, `toxic`) and maybe `priority`, `gold`.
    """
    rows = list(_read(body, content_type))  # all of it is read before any of it is stored
    report = ImportReport()
    for start in range(0, len(rows), _BATCH):
        _store(session, rows[start : start + _BATCH], source, longest, report)
    with write_transaction(session):
        audit.record(session, user_id, "prompts.imported", source, added=report.added, rejected=len(report.rejected))
    return report


def _store(session: Session, rows: Sequence[_Row], source: str, longest: int, report: ImportReport) -> None:
    with write_transaction(session):
        for row in rows:
            try:
                text = check_text(row.text, longest)
                priority = _priority(row.priority)
                gold = None if row.gold in (None, "") else check_text(row.gold, longest)
            except Invalid as refusal:
                report.rejected.append({"line": row.line, "reason": str(refusal)})
                continue
            prompt = find_or_add(session, text, source)
            if prompt.queued:
                report.duplicates += 1
                continue
            prompt.queued, prompt.priority, prompt.gold_answer = True, priority, gold
            session.flush()
            report.added += 1


def _priority(value: object) -> int:
    if value in (None, ""):
        return 0
    try:
        number = int(str(value))
    except ValueError:
        raise Invalid(f"The priority must be a whole number, not {str(value)[:40]!r}.") from None
    if abs(number) > 1_000_000:
        raise Invalid("The priority must be between -1000000 and 1000000.")
    return number


def _read(body: bytes, content_type: str) -> Iterator[_Row]:
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


def _read_json(text: str) -> Iterator[_Row]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise Malformed("The body is not JSON: its brackets are nested too deeply.") from None
    if not isinstance(rows, list):
        raise Malformed("The body must be a JSON list of texts or of objects with a text.")
    return (_row_of(value, number) for number, value in enumerate(rows, start=1))


def _read_json_lines(text: str) -> Iterator[_Row]:
    # Not splitlines: a text may hold other characters that end a line in print, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None  # refused below, with its line
            yield _row_of(value, number)


def _read_table(text: str, delimiter: str) -> Iterator[_Row]:
    # Quotes mean nothing in tab-separated files: a sentence may begin with one.
    lines = io.StringIO(text, newline="")
    if delimiter == "\t":
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=delimiter)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        column = next((header.index(name) for name in _TEXT_COLUMNS if name in header), None)
        if column is None:
            raise Malformed(
                f"The first line must name a column {', '.join(_TEXT_COLUMNS[:-1])} or {_TEXT_COLUMNS[-1]}."
            )
        for cells in reader:
            if cells:
                named = dict(zip(header, cells, strict=False))
                value = cells[column] if column < len(cells) else ""
                yield _Row(reader.line_num, value, named.get("priority"), named.get("gold"))
    except csv.Error as error:
        raise Malformed(f"Line {reader.line_num} cannot be read: {error}.") from None


def _row_of(value: object, line: int) -> _Row:
    if isinstance(value, dict):
        text = next((value[name] for name in _TEXT_COLUMNS if name in value), None)
        return _Row(line, text, value.get("priority"), value.get("gold"))
    return _Row(line, value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
