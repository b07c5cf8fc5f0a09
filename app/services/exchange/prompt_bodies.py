"""Rows of prompts in a request's body: JSON, JSON Lines, CSV or TSV."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from app.db import ANSWERING, task_of, write_transaction
from app.domain_errors import Invalid, Malformed, TooLarge
from app.services.exchange.incoming.row_prompts import SYSTEM, TURNS, asked_under, text_of
from app.services.exchange.mapping import asked_row
from app.services.exchange.rows import FileRow, RowFile
from app.services.prompts import metadata, prompts, queue_progress
from app.services.prompts.prompts import ImportReport, PromptRow
from app.services.system import audit
from app.words import gettext, number
from models.formats.files.row_reader import TABLES
from models.formats.rows import BadRow

TEXT_COLUMNS = ("text", "prompt", "toxic")
CONVERSATIONS = ("messages", "conversations", "instruction")
"""Further fields that hold the prompt in an answering project."""
_LAYOUTS = {
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
}
LARGEST_UNPACKED = 256 * 1024 * 1024
MOST_ROWS = 1_000_000
"""Of one body, whose rows are all held in memory; a file may have more."""
_OPTIONS = ("priority", "gold", "gold_wrong", "overlap", "metadata")
_FIELDS = (*TEXT_COLUMNS, *_OPTIONS)
_OF_ANSWERING = (*CONVERSATIONS, "input", TURNS, SYSTEM)


def import_prompts(
    session: Session, user_id: int | None, body: bytes, content_type: str, source: str, longest: int
) -> ImportReport:
    """Queue the texts in `body`, which is JSON, JSON Lines, CSV or TSV by its content type.

    A row that cannot be used is reported with its line and the others are kept; raises Malformed if the whole body
    cannot be read. JSON rows are strings or objects with `text` (or `prompt`, `toxic`) and maybe `priority`, `gold`,
    `gold_wrong`, `overlap`, `metadata`, and nothing else; columns of tables are called the same, and those of other
    names are left out. In an answering project the text may be a conversation, which may also be called `messages` or
    `conversations`, and `turns` and `system` may stand beside it, and `input` beside an `instruction`.
    """
    # All of it is read before any of it is stored.
    answering = task_of(session) == ANSWERING
    rows = list(islice(read_body(body, content_type, answering=answering), MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise TooLarge(
            gettext("The body has more than %(most)s rows: send it as a file, to /imports.", most=number(MOST_ROWS))
        )
    report = ImportReport()
    for start in range(0, max(1, len(rows)), prompts.BATCH):
        batch = prompts.check_all(rows[start : start + prompts.BATCH], longest, report)
        with write_transaction(session):
            before = report.added
            prompts.store_batch(session, batch, source, report)
            report.systems += sum(answering and bool(row.system) for row in batch)
            if report.added > before:
                queue_progress.mark(session)
            if start + prompts.BATCH >= len(rows):  # with the last rows, so that none is there that nothing tells of
                counts = {"added": report.added, "rejected": report.rejected_count}
                audit.record(session, user_id, "prompts.imported", source, **counts)
    return report


def read_body(body: bytes, content_type: str, *, answering: bool = False) -> Iterator[PromptRow]:
    """Return the rows of a whole body, JSON, JSON Lines, CSV or TSV by its content type; raises Malformed."""
    layout = _LAYOUTS.get(content_type)
    if layout is None:
        raise Malformed(
            gettext(
                "Send application/json, application/x-ndjson, text/csv or text/tab-separated-values, not %(type)s.",
                type=content_type or "no content type",
            )
        )
    file = RowFile(body, layout, header=True, unpacked=LARGEST_UNPACKED)
    if layout == "json" and not body.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        raise Malformed(gettext("The body must be a JSON list of texts or of objects with a text."))
    names = (*TEXT_COLUMNS, *CONVERSATIONS) if answering else TEXT_COLUMNS
    if layout in TABLES and not any(name.casefold() in names for name in file.columns()):
        *some, last = names
        raise Malformed(
            gettext("The first line must name a column %(some)s or %(last)s.", some=", ".join(some), last=last)
        )
    # A program that sends a list counts its elements, and not the lines on which they happen to stand.
    counted = ((number if layout == "json" else row.line, row) for number, row in enumerate(file.rows(), start=1))
    return (_prompt_row(row, line, table=layout in TABLES, answering=answering) for line, row in counted)


def _prompt_row(row: FileRow, line: int, *, table: bool, answering: bool) -> PromptRow:
    """Return the prompt of a row. A table may have columns of other names, an object no other fields."""
    if row.problem:
        return PromptRow(line, None, problem=row.problem)
    if isinstance(row.value, str):
        return PromptRow(line, row.value)
    fields = {name.casefold(): value for name, value in reversed(row.value.items())}
    names = (*TEXT_COLUMNS, *CONVERSATIONS) if answering else TEXT_COLUMNS
    known = (*_FIELDS, *_OF_ANSWERING) if answering else _FIELDS
    name = next((name for name in names if fields.get(name) is not None), None)
    options: dict[str, Any] = {option: fields.get(option) for option in _OPTIONS}
    if name is None:
        return PromptRow(line, "" if table else None, **options)
    unknown = [] if table else [field for field in row.value if not _is_known(field, row.value, known)]
    if unknown:
        problem = gettext(
            "There is no field %(name)s in a row: it takes %(fields)s.",
            name=repr(min(unknown)),
            fields=", ".join(known),
        )
        return PromptRow(line, None, problem=problem)
    try:
        if answering:
            told = metadata.check(options.pop("metadata"))
            return asked_row(line, asked_under(fields, name), told, options)
        return PromptRow(line, text_of(fields[name], name), **options)
    except Invalid as refusal:
        return PromptRow(line, None, problem=str(refusal))
    except BadRow as reason:
        return PromptRow(line, None, problem=gettext("The row cannot be read: %(why)s.", why=reason))


def _is_known(field: str, row: Mapping[str, object], known: Collection[str]) -> bool:
    """Tell whether a row may have that field; what is inside of another field, as `text.a`, stands beside it."""
    outer = field.partition(".")[0]
    return field.casefold() in known or isinstance(row.get(outer), dict)
