"""Standing preferences in the field's own schemas, streamed: memory does not grow with the table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, islice
from json.encoder import encode_basestring as _text
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Preference, Prompt, Verdict
from app.services.exchange import export_formats
from app.services.exchange.export_formats import INSTRUCTION, Judged, Pair, Record, Render, with_metadata
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judgment_search import JudgmentFilter
from models.formats.rows import BadRow

__all__ = [
    "FORMATS",
    "INSTRUCTION",
    "LABELS",
    "FormatName",
    "Media",
    "has_metadata",
    "media_of",
    "pairs",
    "pieces",
    "stream",
]

_ROWS_AT_ONCE = 1_000
_LINES_AT_ONCE = 500
_COLUMNS = ("prompt", "chosen", "rejected")
_encode = json.JSONEncoder(ensure_ascii=False).encode
_judgment_id = itemgetter(0)
_INSTRUCTION = _text(INSTRUCTION)
_Told = tuple[Record, Mapping[str, Any] | None]
"""A record, and the metadata of its prompt."""

FormatName = Literal["trl", "trl-chat", "kto", "seed", "llamafactory", "labelstudio", "argilla", "hh", "csv"]
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


def pieces(lines: Iterator[str]) -> Iterator[str]:
    """The same text in pieces of some hundred lines: sending a line costs as much as making a hundred."""
    while piece := "".join(islice(lines, _LINES_AT_ONCE)):
        yield piece


def stream(session: Session, format_name: str, wanted: JudgmentFilter | None = None) -> Iterator[str]:
    """The lines of an export, a record each; `format_name` is a key of FORMATS. Undone judgments are never in it.

    KTO also learns from the screens of which none was good. What a format cannot hold is left out: of the transcripts
    of `hh`, texts that would begin a turn of their own. If any of their prompts has metadata, every record
    has a place for them.
    """
    standing = replace(wanted or JudgmentFilter(), undone=False)
    told = has_metadata(session, standing)
    if format_name == "csv":
        yield _csv_line((*_COLUMNS, METADATA) if told else _COLUMNS)
    if format_name in _LINES and not told:
        yield from map(_LINES[format_name], pairs(session, standing))
        return
    judged = groupby(pairs(session, standing, told=told), key=_judgment_id)
    if format_name == "kto":
        records = _marked(judged, _none_good(session, standing))
    else:
        records = (pair for _, group in judged for pair in _rendered(list(group), FORMATS[format_name]))
    for record, said in records:
        written = with_metadata(record, format_name, said) if told else record
        yield _csv_line(list(written.values())) if format_name == "csv" else _encode(written) + "\n"


def has_metadata(session: Session, wanted: JudgmentFilter) -> bool:
    """Whether a prompt of the judgments that are wanted has metadata; exports have a place for them only then."""
    told = Prompt.metadata_.is_not(None)
    if session.scalar(select(Prompt.id).where(told).limit(1)) is None:
        return False  # as in most studios, which need not look at their judgments for it
    found = select(Judgment.id).join(Generation, Generation.id == Judgment.generation_id)
    found = found.join(Prompt, Prompt.id == Generation.prompt_id).where(told, *wanted.conditions())
    return session.scalar(found.limit(1)) is not None


def pairs(session: Session, wanted: JudgmentFilter, *, told: bool = False) -> Iterator[Pair]:
    """The pairs, those of a judgment one after the other; memory holds a thousand of them.

    `told` says that the metadata of their prompts are wanted too.
    """
    asked = select(Preference.judgment_id, Preference.prompt, Preference.chosen, Preference.rejected)
    asked = asked.join(Judgment, Judgment.id == Preference.judgment_id)
    if told:
        asked = asked.add_columns(Prompt.metadata_).join(Generation, Generation.id == Judgment.generation_id)
        asked = asked.join(Prompt, Prompt.id == Generation.prompt_id)
    found = session.connection().execute(
        asked.where(*wanted.conditions()).order_by(Preference.judgment_id, Preference.id),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    return (Pair(*row) for row in found)


def _rendered(judged: Judged, render: Render) -> Iterator[_Told]:
    if render is not export_formats.hh:
        yield from ((record, judged[0].metadata) for record in render(judged))
        return
    for row in judged:
        try:
            yield from [(record, row.metadata) for record in render([row])]
        except BadRow:
            continue


def _none_good(session: Session, wanted: JudgmentFilter) -> Iterator[tuple[int, _Told]]:
    """(judgment, record) of every text on a screen of which none was good.

    An attention check tells of the person, not of the texts.
    """
    found = session.connection().execute(
        select(Judgment.id, Prompt.text, Candidate.text, Prompt.metadata_)
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .join(Candidate, Candidate.generation_id == Generation.id)
        .where(
            Judgment.verdict == Verdict.NONE,
            Generation.gold.is_(False),
            ~Judgment.preferences.any(),
            *wanted.conditions(),
        )
        .order_by(Judgment.id, Candidate.position),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    return (
        (number, ({"prompt": prompt, "completion": text, "label": False}, said)) for number, prompt, text, said in found
    )


def _marked(judged: Iterable[tuple[int, Iterable[Pair]]], none_good: Iterable[tuple[int, _Told]]) -> Iterator[_Told]:
    """Every text that a judgment marks as good or bad, in the order of the judgments."""
    good = ((number, told) for number, group in judged for told in _rendered(list(group), export_formats.kto))
    return (told for _, told in merge(good, none_good, key=itemgetter(0)))


# What json.dumps(…, ensure_ascii=False) writes, without a dictionary and an encoder for each line.
def _trl_line(row: Pair) -> str:
    return f'{{"prompt": {_text(row[1])}, "chosen": {_text(row[2])}, "rejected": {_text(row[3])}}}\n'


def _llamafactory_line(row: Pair) -> str:
    return (
        f'{{"instruction": {_INSTRUCTION}, "input": {_text(row[1])}, '
        f'"chosen": {_text(row[2])}, "rejected": {_text(row[3])}}}\n'
    )


class _Echo:
    """What a csv.writer writes to, so that `writerow` returns the line."""

    def write(self, line: str) -> str:
        """The line itself."""
        return line


def _csv_line(cells: Sequence[object]) -> str:
    line: str = csv.writer(_Echo()).writerow(cells)
    return line


_LINES: Mapping[str, Callable[[Pair], str]] = {
    "trl": _trl_line,
    "llamafactory": _llamafactory_line,
    "csv": lambda row: _csv_line(row[1:4]),
}
"""The formats of which each pair is a line by itself."""
