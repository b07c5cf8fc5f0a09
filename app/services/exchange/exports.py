"""Standing judgments in the field's own schemas, streamed: memory does not grow with the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import groupby, islice
from json.encoder import encode_basestring as _text
from operator import itemgetter
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from app.db import ANSWERING, COUNTS, Candidate, Generation, Judgment, Preference, Prompt, Verdict, mine, task_of
from app.services.exchange import export_formats, identity, judged_screens, judgment_table
from app.services.exchange.export_formats import (
    FORMATS,
    INSTRUCTION,
    PAIR_FORMATS,
    SCREEN_FORMATS,
    TABLE_FORMATS,
    FormatName,
    Judged,
    Pair,
    Render,
    with_metadata,
)
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judged_screens import People
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.outgoing.redaction import Redactor
from app.services.exchange.outgoing.screen_records import Record
from models.formats.csv_lines import PLAIN, SPREADSHEET, CsvForm
from models.formats.rows import BadRow
from models.formats.schemas.conversation import before

__all__ = [
    "CSV_FORMS",
    "FORMATS",
    "INSTRUCTION",
    "PAIR_FORMATS",
    "FormatName",
    "content",
    "has_metadata",
    "pairs",
    "pieces",
    "stream",
]

_ROWS_AT_ONCE = 1_000
_LINES_AT_ONCE = 500
_COLUMNS = ("prompt", "chosen", "rejected", *identity.COLUMNS)
_encode = json.JSONEncoder(ensure_ascii=False).encode
_judgment_id = itemgetter(0)
_INSTRUCTION = _text(INSTRUCTION)
CSV_FORMS: Mapping[str, CsvForm] = {
    "csv": PLAIN,
    "csv-spreadsheet": SPREADSHEET,
    "judgments-csv": PLAIN,
    "judgments-csv-spreadsheet": SPREADSHEET,
}
"""The formats that are CSV, and how its lines are written."""
_Told = tuple[Record, Mapping[str, Any] | None]
"""A record, and the metadata of its prompt."""


def content(
    session: Session,
    format_name: str,
    wanted: JudgmentFilter | None = None,
    pseudonyms: bool = False,
    redactor: Redactor | None = None,
) -> Iterator[bytes]:
    """Yield the file of an export piece by piece; the arguments are those of `stream`, of any format."""
    if format_name == "judgments-parquet":
        standing = _standing(wanted)
        told = has_metadata(session, standing)
        people = _people(session, pseudonyms, redactor)
        table = _table(session, standing, people, told, redactor)
        return judgment_table.parquet(table, told, answering=task_of(session) == ANSWERING)
    return (piece.encode() for piece in pieces(stream(session, format_name, wanted, pseudonyms, redactor)))


def pieces(lines: Iterator[str]) -> Iterator[str]:
    """The same text in pieces of some hundred lines: sending a line costs as much as making a hundred."""
    while piece := "".join(islice(lines, _LINES_AT_ONCE)):
        yield piece


def stream(
    session: Session,
    format_name: str,
    wanted: JudgmentFilter | None = None,
    pseudonyms: bool = False,
    redactor: Redactor | None = None,
) -> Iterator[str]:
    """The lines of an export in a format of texts, a record each. Undone judgments are never in it.

    `format_name` is a key of FORMATS; `pseudonyms` puts names drawn for this export alone in the place of people's.
    KTO also learns from the screens of which none was good. What a format cannot hold is left out: of the transcripts
    of `hh`, texts that would begin a turn of their own. If any of their prompts has metadata, every record
    has a place for them. A `redactor` counts, masks and leaves out what is exported.
    """
    standing = _standing(wanted)
    if format_name in SCREEN_FORMATS:
        people = _people(session, pseudonyms, redactor)
        render = SCREEN_FORMATS[format_name]
        found = judged_screens.read_by_prompt(session, standing)
        groups = export_formats.same_texts(redactor.screens(found, whole=False) if redactor else found)
        records = (render(screens, people) for screens in groups)
        return _listed(redactor.counted(records) if redactor else records)
    if format_name in TABLE_FORMATS:
        told = has_metadata(session, standing)
        table = _table(session, standing, _people(session, pseudonyms, redactor), told, redactor)
        if format_name == "judgments-jsonl":
            return judgment_table.json_lines(table)
        form = CSV_FORMS[format_name]
        return judgment_table.csv_lines(table, told, form, answering=task_of(session) == ANSWERING)
    return _pair_lines(session, format_name, standing, redactor)


def _standing(wanted: JudgmentFilter | None) -> JudgmentFilter:
    return replace(wanted or JudgmentFilter(), undone=False)


def _people(session: Session, pseudonyms: bool, redactor: Redactor | None) -> People:
    return People(session, pseudonyms, private=redactor is not None and redactor.choices.personal != "keep")


def _table(
    session: Session, standing: JudgmentFilter, people: People, told: bool, redactor: Redactor | None
) -> Iterator[judgment_table.Row]:
    found = judged_screens.read(session, standing)
    if redactor is None:
        return judgment_table.rows(found, people, told)
    return redactor.counted(judgment_table.rows(redactor.screens(found, whole=True), people, told))


def _listed(records: Iterable[Record]) -> Iterator[str]:
    """One JSON list, of which each record is a line."""
    before = "["
    for record in records:
        yield f"{before}\n{_encode(record)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _pair_lines(
    session: Session, format_name: str, standing: JudgmentFilter, redactor: Redactor | None
) -> Iterator[str]:
    told = has_metadata(session, standing)
    answering = task_of(session) == ANSWERING
    form = CSV_FORMS.get(format_name)
    if form:
        yield form.header((*_COLUMNS, METADATA) if told else _COLUMNS)
    found = pairs(session, standing, told=told)
    if redactor:
        found = redactor.pairs(found)
    if format_name in _LINES and not (told or answering):
        yield from map(_LINES[format_name], redactor.counted(found) if redactor else found)
        return
    judged = groupby(found, key=_judgment_id)
    if format_name == "kto":
        none_good = _none_good(session, standing)
        records = _marked(judged, redactor.pairs(none_good) if redactor else none_good)
    else:
        render = PAIR_FORMATS[format_name]
        records = (pair for _, group in judged for pair in _rendered(list(group), render, redactor))
    for record, said in redactor.counted(records) if redactor else records:
        written = with_metadata(record, format_name, said) if told else record
        yield form.line(list(map(_cell, written.values()))) if form else _encode(written) + "\n"


def has_metadata(session: Session, wanted: JudgmentFilter) -> bool:
    """Return whether a prompt of the wanted judgments has metadata; exports have a place for them only then."""
    told = Prompt.metadata_.is_not(None)
    if session.scalar(select(Prompt.id).where(told).limit(1)) is None:
        return False  # as in most studios, which need not look at their judgments for it
    found = select(Judgment.id).join(Generation, Generation.id == Judgment.generation_id)
    found = found.join(Prompt, Prompt.id == Generation.prompt_id).where(told, *wanted.conditions())
    return session.scalar(found.limit(1)) is not None


def pairs(session: Session, wanted: JudgmentFilter, *, told: bool = False) -> Iterator[Pair]:
    """The pairs, those of a judgment one after the other; memory holds a thousand of them.

    Where a decision of a reviewer stands, its pairs are among them instead of those of the judgments that it decides.
    `told` says that the metadata of their prompts are wanted too.
    """
    asked = select(
        Preference.judgment_id,
        Preference.prompt,
        Preference.chosen,
        Preference.rejected,
        Judgment.client_key,
        Judgment.verdict,
    )
    asked = asked.join(Judgment, Judgment.id == Preference.judgment_id)
    answering = task_of(session) == ANSWERING
    if told or answering:
        asked = asked.add_columns(Prompt.metadata_, Prompt.turns, Generation.sampling)
        asked = asked.join(Generation, Generation.id == Judgment.generation_id)
        asked = asked.join(Prompt, Prompt.id == Generation.prompt_id)
    found = session.connection().execute(
        asked.where(*mine(session, Judgment), *wanted.conditions(), *COUNTS).order_by(
            Preference.judgment_id, Preference.id
        ),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    return (_pair(row, answering) for row in found) if told or answering else (Pair(*row) for row in found)


def _pair(columns: Sequence[Any], answering: bool) -> Pair:
    """Return a pair of its columns; behind the metadata stand the turns of its prompt and how its screen was drawn."""
    *plain, turns, sampling = columns
    pair = Pair(*plain)
    return pair._replace(before=before(turns or (), sampling.get("system") or "")) if answering else pair


def _rendered(judged: Judged, render: Render, redactor: Redactor | None = None) -> Iterator[_Told]:
    for one in [judged] if render is not export_formats.hh else [[row] for row in judged]:
        first = one[0]
        try:
            for record in render(one):
                yield identity.identified(record, first.key, first.verdict), first.metadata
        except BadRow:
            if redactor:
                redactor.leave_out("format", first.judgment_id)


def _none_good(session: Session, wanted: JudgmentFilter) -> Iterator[Pair]:
    """Every text on a screen of which none was good, as a pair in which nothing is chosen.

    An attention check tells of the person, not of the texts.
    """
    found = session.connection().execute(
        select(
            Judgment.id,
            Prompt.text,
            literal(""),
            Candidate.text,
            Judgment.client_key,
            Judgment.verdict,
            Prompt.metadata_,
            Prompt.turns,
            Generation.sampling,
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .join(Candidate, Candidate.generation_id == Generation.id)
        .where(
            *mine(session, Judgment),
            Judgment.verdict == Verdict.NONE,
            Generation.gold.is_(False),
            ~Judgment.preferences.any(),
            *wanted.conditions(),
            *COUNTS,
        )
        .order_by(Judgment.id, Candidate.position),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    answering = task_of(session) == ANSWERING
    return (_pair(row, answering) for row in found)


def _refused(row: Pair) -> Record:
    """Return the record of a text on a screen of which none was good."""
    record = {"prompt": row.asked, "completion": row.said(row.rejected), "label": False}
    return identity.identified(record, row.key, row.verdict)


def _marked(judged: Iterable[tuple[int, Iterable[Pair]]], none_good: Iterable[Pair]) -> Iterator[_Told]:
    """Every text that a judgment marks as good or bad, in the order of the judgments."""
    good = ((number, told) for number, group in judged for told in _rendered(list(group), export_formats.kto))
    bad = ((row.judgment_id, (_refused(row), row.metadata)) for row in none_good)
    return (told for _, told in merge(good, bad, key=itemgetter(0)))


def _cell(value: object) -> object:
    """Return a value as a cell of a table: messages are JSON in it."""
    return _encode(value) if isinstance(value, list) else value


# What json.dumps(…, ensure_ascii=False) writes, without a dictionary and an encoder for each line.
def _trl_line(row: Pair) -> str:
    pair = f'"prompt": {_text(row[1])}, "chosen": {_text(row[2])}, "rejected": {_text(row[3])}'
    return f"{{{pair}, {_identity(row)}}}\n"


def _llamafactory_line(row: Pair) -> str:
    return (
        f'{{"instruction": {_INSTRUCTION}, "input": {_text(row[1])}, '
        f'"chosen": {_text(row[2])}, "rejected": {_text(row[3])}, {_identity(row)}}}\n'
    )


def _identity(row: Pair) -> str:
    return f'"{identity.JUDGMENT}": {_text(row[4])}, "{identity.VERDICT}": {_text(row[5])}'


_LINES: Mapping[str, Callable[[Pair], str]] = {
    "trl": _trl_line,
    "llamafactory": _llamafactory_line,
    "csv": lambda row: PLAIN.line(row[1:6]),
    "csv-spreadsheet": lambda row: SPREADSHEET.line(row[1:6]),
}
"""The formats of which each pair is a line by itself."""
