"""The meaning of the rows of a file: their format, and which column is which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from app.domain_errors import Malformed
from app.schemas.kinds import one_of
from app.schemas.reading import Sent, read
from app.services.exchange.incoming import beside
from app.services.exchange.incoming.row_prompts import (
    INPUT,
    INSTRUCTION,
    SYSTEM,
    TURNS,
    asked_by_format,
    asked_under,
    is_conversation,
    lowered,
    opened,
    read_known,
    text_by_format,
    text_of,
)
from app.services.exchange.rows import LAYOUTS, FileRow, Layout, Value
from app.services.prompts.prompts import PromptRow
from app.words import N_, gettext, number
from models.formats import FORMATS, Kind
from models.formats.annotations import Annotation, Origin, read_key, read_origin, sided
from models.formats.catalog import PROMPT
from models.formats.convert import to_kind
from models.formats.detect import PAIRS, detect
from models.formats.files.column_names import OPTION_NAMES, TEXT_NAMES
from models.formats.files.raw_rows import MOST_COLUMNS
from models.formats.rows import BadRow, Row, Text
from models.formats.schemas.conversation import Asked

FROM_FORMAT = "@prompt"
"""In place of a column: the prompt, wherever the format keeps it."""
_JUDGED = (Kind.PREFERENCE, Kind.RANKED)
_LABELLED = "kto"
"""A format whose rows say something of one text each, so that only with keys they can be put together."""
_TABLE = "judgments"
_SIDES = {"chosen", "rejected"}
_LONGEST_NAME = 200
_IDENTIFIER = re.compile(r"(.*[^a-z])?(id|ids|uid|guid|uuid|index|idx|key|hash|url|date|time|timestamp)([^a-z].*)?")


Column = Annotated[str, Meta(max_length=_LONGEST_NAME, extra={"refusal": N_("{name} must be the name of a column.")})]
TextColumn = Annotated[Column, Meta(description="A column, or @prompt: where the format keeps its prompt.")]
LeftOut = Annotated[
    list[Column],
    Meta(description="The columns beside the text that are not kept.", extra={"refusal": N_("{name} must be a list.")}),
]
ChosenLayout = Annotated[Layout, one_of(LAYOUTS)]


class MappingSent(Sent, frozen=True):
    """Request to read a file; a column that is null or empty is none.

    A `header` that is null is told by the content.
    """

    layout: ChosenLayout
    header: bool | None = None
    text: TextColumn | None = None
    priority: Column | None = None
    gold: Column | None = None
    gold_wrong: Column | None = None
    overlap: Column | None = None
    leave_out: LeftOut | None = None


@dataclass(frozen=True)
class ColumnMapping:
    """Mapping of a file: its layout, whether its first line names the columns, and the column of each field.

    `header` is None where the content is to tell. The columns beside these are kept as the prompts' metadata, but for
    those in `leave_out`.
    """

    layout: str
    header: bool | None = None
    text: str = ""
    priority: str = ""
    gold: str = ""
    gold_wrong: str = ""
    overlap: str = ""
    leave_out: tuple[str, ...] = ()

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ColumnMapping:
        """A mapping from what was sent; raises Invalid with a sentence about the first value that is wrong."""
        sent = {name: values[name] for name in MappingSent.__struct_fields__ if name in values}
        return cls.of(read(MappingSent, {**sent, "header": parse_header(values)}))

    @classmethod
    def of(cls, sent: MappingSent) -> ColumnMapping:
        """Return the mapping that was sent."""
        columns = {name: getattr(sent, name) or "" for name in ("text", *OPTION_NAMES)}
        return cls(sent.layout, sent.header, leave_out=tuple(sent.leave_out or ()), **columns)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self) | {"leave_out": list(self.leave_out)}

    @property
    def columns(self) -> set[str]:
        """The columns that hold a field of their own."""
        return {getattr(self, name) for name in ("text", *OPTION_NAMES)}


def parse_header(values: Mapping[str, object]) -> bool | None:
    """Return what was sent of whether the first line names the columns, None if nothing was."""
    header = values.get("header")
    return None if header is None else header not in (False, "no", "false")


@dataclass(frozen=True)
class Found:
    """Findings in the first rows of a file.

    `format` is a name of models.formats, empty for texts alone; `judged` says that its rows hold choices. `beside` are
    the fields that may be kept as metadata. `likely` is the column that looks most like texts, empty if none does.
    `answering` is whether the project answers, and `talks` whether some of the rows may be conversations then.
    """

    columns: tuple[str, ...]
    format: str
    what: str
    judged: bool
    likely: str = ""
    beside: tuple[str, ...] = ()
    answering: bool = False
    talks: bool = False


def look(rows: Sequence[FileRow], *, answering: bool = False) -> Found:
    """Return the findings that the rows have in common, for a project that is `answering` or rewrites.

    Raises Malformed if they have too many columns.
    """
    objects = [row.value for row in rows if isinstance(row.value, dict) and not row.problem]
    if len(set().union(*objects)) > MOST_COLUMNS:
        raise Malformed(
            gettext(
                "The rows have more than %(most)s different fields: leave out those that are not needed.",
                most=number(MOST_COLUMNS),
            )
        )
    columns = dict.fromkeys(name for one in objects for name, value in one.items() if _is_cell(value, answering))
    talks = answering and any(is_conversation(value) for one in objects for value in one.values())
    name = detect([lowered(one) for one in objects])
    if name in ("", PROMPT.name) and any({key.strip().casefold() for key in one} >= _SIDES for one in objects):
        name = "preference"  # its sides hold nothing in most rows, which is said of each
    likely = max(columns, key=lambda column: _likeness(column, objects), default="")
    likely = likely if likely and _likeness(likely, objects) > 0 else ""
    others = tuple(beside.fields_of(objects, name))
    if name == PAIRS:
        return Found(tuple(columns), PAIRS, N_("pairs of a text and its rewrite"), False, likely, others, answering)
    if name not in FORMATS:
        return Found(tuple(columns), "", "", False, likely, others, answering)
    judged = FORMATS[name].kind in _JUDGED or (name == _LABELLED and any(map(_has_key, objects)))
    talks = talks or (answering and FORMATS[name].record is not None)
    return Found(tuple(columns), name, FORMATS[name].what, judged, likely, others, answering, talks)


def _has_key(fields: Mapping[str, object]) -> bool:
    return bool(read_key(lowered(fields).get("judgment")))


def is_known(text_column: str) -> bool:
    """Return whether a column holds texts by its name, and is not just the first one."""
    return text_column == FROM_FORMAT or text_column.casefold() in _known_names()


def _known_names() -> list[str]:
    return [*TEXT_NAMES, *(f"{part}.{name}" for part in ("data", "fields") for name in TEXT_NAMES)]


def guess(found: Found, layout: str, header: bool) -> ColumnMapping:
    """The mapping that is most likely meant."""
    folded = {name.casefold(): name for name in reversed(found.columns)}  # of equal names, the first counts
    options = {
        field: next((folded[name] for name in names if name in folded), "") for field, names in OPTION_NAMES.items()
    }
    if found.format == _TABLE:
        options["gold"] = ""  # the table says there whether a screen was an attention check
    text = next((folded[name] for name in _known_names() if name in folded), "")
    readable = found.format in FORMATS and found.format != PROMPT.name
    if readable and (not text or found.talks or found.format in ("llamafactory", "alpaca")):
        text = FROM_FORMAT
    left_out = beside.bookkeeping(found.beside, found.format)
    return ColumnMapping(layout, header, text or found.likely, leave_out=left_out, **options)


def prompt_row(row: FileRow, mapping: ColumnMapping, format_name: str, *, answering: bool = False) -> PromptRow:
    """Return the prompt of a row, of an `answering` project with its turns; raises BadRow if it cannot be found."""
    if isinstance(row.value, str):
        return PromptRow(row.line, row.value)
    if mapping.text not in ("", FROM_FORMAT):
        text = asked_under(row.value, mapping.text) if answering else text_of(row.value.get(mapping.text), mapping.text)
    elif mapping.text:
        text = asked_by_format(row.value, format_name) if answering else text_by_format(row.value, format_name)
    else:
        raise BadRow("no column is named for the text")
    options: dict[str, Any] = {
        field: row.value.get(column) for field in OPTION_NAMES if (column := getattr(mapping, field))
    }
    kept = beside.metadata_of(row.value, mapping.columns.union(mapping.leave_out), format_name)
    if isinstance(text, str):
        return PromptRow(row.line, text, metadata=kept, **options)
    taken = (TURNS, INPUT) if mapping.text.casefold() == INSTRUCTION else (TURNS,)
    told = {name: value for name, value in kept.items() if name.casefold() not in taken}
    return asked_row(row.line, text, told, options)


def asked_row(line: int, asked: Asked, told: Mapping[str, Any], options: Mapping[str, Any]) -> PromptRow:
    """Return the prompt that a row asks; its own system message becomes one of its metadata."""
    kept = {**told, SYSTEM: asked.system} if asked.system else told
    return PromptRow(line, asked.text, metadata=kept, turns=asked.turns, **options)


class Part(NamedTuple):
    """Content of one row of a judgment: texts that are best, texts that are not, and the verdict, if told."""

    better: tuple[str, ...]
    worse: tuple[str, ...]
    verdict: str
    origin: Origin
    unused: tuple[str, ...] = ()


def read_judgments(value: Value, format_name: str, *, answering: bool = False) -> list[Annotation | str] | Part:
    """Return what each person said in a row, a text being why that is unusable; or a part of one judgment.

    Raises BadRow if the row holds no judgment. Of a conversation, the last turns are judged.
    """
    if isinstance(value, str):
        raise BadRow("it is a text alone")
    value = opened(value) if answering else value
    fields = lowered(value)
    known = FORMATS.get(format_name)
    if known is not None and known.record is not None:
        return known.record(fields).annotations
    origin = read_origin(fields)
    if format_name == _LABELLED and not origin.key:
        raise BadRow("a label without the key of a judgment is none")
    better, worse, unused = _labelled(value) if format_name == _LABELLED else _compared(value, format_name)
    if origin.key:
        return Part(better, worse, str(fields.get("verdict") or ""), origin, unused)
    return [replace(sided(better, worse, origin=origin), unused=unused)]


_Compared = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""The texts that are better, those that are worse, and what of the row is not used."""


def _labelled(value: Mapping[str, object]) -> _Compared:
    (row,) = read_known(value, _LABELLED)
    text = _text_of(row["completion"])
    return ((text,), (), ()) if row["label"] else ((), (text,), ())


def _compared(value: Mapping[str, object], format_name: str) -> _Compared:
    pairs: list[Row] = []
    reasons: list[str] = []
    for row in read_known(value, format_name):
        try:
            pairs += to_kind(row, Kind.PREFERENCE, "best-vs-rest")[0]
        except BadRow as reason:
            reasons.append(str(reason))
    if not pairs:
        raise BadRow(reasons[0])
    chosen = [_text_of(pair["chosen"]) for pair in pairs]
    rejected = [_text_of(pair["rejected"]) for pair in pairs]
    # Each of several chosen texts stands against the same rejected ones.
    worse = [bad for good, bad in zip(chosen, rejected, strict=True) if good == chosen[0]]
    return tuple(dict.fromkeys(chosen)), tuple(worse), tuple(dict.fromkeys(reasons))


def _text_of(answer: Text) -> str:
    return (answer if isinstance(answer, str) else answer[0]["content"]).strip()


def _likeness(column: str, objects: Sequence[Mapping[str, object]]) -> float:
    """Return the mean length of a column's values, by which texts are told; 0 if they are ids or numbers."""
    values = [value for one in objects if (value := one.get(column)) is not None]
    texts = [value for value in values if isinstance(value, str) and re.search(r"[^\W\d_]", value)]
    named_id = _IDENTIFIER.fullmatch(column.casefold()) and not any(re.search(r"\s", text.strip()) for text in texts)
    if named_id or len(texts) * 2 < len(values) or all(re.fullmatch(r"[\da-fA-F-]{8,}", text) for text in texts):
        return 0.0
    return sum(map(len, texts)) / len(texts)


def _is_cell(value: object, answering: bool) -> bool:
    return (
        isinstance(value, str | int | float)
        or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        or (answering and is_conversation(value))
    )
