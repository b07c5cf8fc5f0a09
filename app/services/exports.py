"""Standing preferences in the field's own schemas, streamed: memory does not grow with the table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import Generation, Judgment, Preference, Verdict
from app.services import export_formats
from app.services.export_formats import INSTRUCTION, Judged, Record, Render
from app.services.judgment_search import JudgmentFilter
from models.formats.rows import BadRow

__all__ = ["FORMATS", "INSTRUCTION", "LABELS", "Media", "media_of", "stream"]

_ROWS_AT_ONCE = 1_000
_JUDGMENTS_AT_ONCE = 500
_COLUMNS = ("prompt", "chosen", "rejected")

FORMATS: dict[str, Render] = {
    "trl": export_formats.trl,
    "trl-chat": export_formats.trl_chat,
    "kto": export_formats.kto,
    "seed": export_formats.seed,
    "llamafactory": export_formats.llamafactory,
    "labelstudio": export_formats.labelstudio,
    "argilla": export_formats.argilla,
    "hh": export_formats.hh,
    "csv": export_formats.trl,
}
LABELS: Mapping[str, str] = {
    "trl": "TRL: prompt, chosen, rejected",
    "trl-chat": "TRL, as messages",
    "kto": "TRL for KTO: texts labelled good or bad",
    "seed": "Mellow's own: toxic, chosen, all rejected",
    "llamafactory": "LLaMA-Factory",
    "labelstudio": "Label Studio: tasks with a ranker",
    "argilla": "Argilla: records with a ranking",
    "hh": "HH-RLHF transcripts",
    "csv": "CSV: prompt, chosen, rejected",
}
"""What a person reads for each of FORMATS."""


@dataclass(frozen=True)
class Media:
    """How an export is sent: its content type and the extension of its file."""

    content_type: str
    extension: str


def media_of(format_name: str) -> Media:
    """How the export in that format is sent."""
    if format_name == "csv":
        return Media("text/csv; charset=utf-8", "csv")
    return Media("application/x-ndjson; charset=utf-8", "jsonl")


def stream(session: Session, format_name: str, wanted: JudgmentFilter | None = None) -> Iterator[str]:
    """The lines of an export, a record each; `format_name` is a key of FORMATS. Undone judgments are never in it.

    KTO also learns from the screens of which none was good. What a format cannot hold is left out: of the transcripts
    of `hh`, texts that would begin a turn of their own.
    """
    standing = replace(wanted or JudgmentFilter(), undone=False)
    if format_name == "csv":
        yield _csv_line(_COLUMNS)
    judged = _marked(session, standing) if format_name == "kto" else _records(session, standing, FORMATS[format_name])
    for record in judged:
        if format_name == "csv":
            yield _csv_line([str(record[name]) for name in _COLUMNS])
        else:
            yield json.dumps(record, ensure_ascii=False) + "\n"


def _records(session: Session, wanted: JudgmentFilter, render: Render) -> Iterator[Record]:
    rows = session.scalars(
        select(Preference)
        .join(Judgment)
        .where(*wanted.conditions())
        .order_by(Preference.judgment_id, Preference.id)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for _, group in groupby(rows, key=lambda row: row.judgment_id):
        judged = list(group)
        yield from _rendered(judged, render)
        for row in judged:
            session.expunge(row)


def _rendered(judged: Judged, render: Render) -> Iterator[Record]:
    if render is not export_formats.hh:
        yield from render(judged)
        return
    for row in judged:
        try:
            yield from render([row])
        except BadRow:
            continue


def _marked(session: Session, wanted: JudgmentFilter) -> Iterator[Record]:
    """Every text that a judgment marks as good or bad, a batch of judgments at a time."""
    last = 0
    while True:
        batch = session.scalars(
            select(Judgment)
            .where(
                Judgment.id > last,
                or_(Judgment.verdict == Verdict.NONE, Judgment.preferences.any()),
                *wanted.conditions(),
            )
            .options(
                selectinload(Judgment.preferences),
                selectinload(Judgment.generation).selectinload(Generation.prompt),
                selectinload(Judgment.generation).selectinload(Generation.candidates),
            )
            .order_by(Judgment.id)
            .limit(_JUDGMENTS_AT_ONCE)
        ).all()
        if not batch:
            return
        last = batch[-1].id
        for judgment in batch:
            yield from _marks(judgment)
        session.expunge_all()


def _marks(judgment: Judgment) -> Iterator[Record]:
    screen = judgment.generation
    if judgment.preferences:
        yield from export_formats.kto(judgment.preferences)
    elif not screen.gold:  # an attention check tells of the person, not of the texts
        for candidate in screen.candidates:
            yield {"prompt": screen.prompt.text, "completion": candidate.text, "label": False}


def _csv_line(cells: list[str] | tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
