"""What the rows of a file mean: which format they are in, and which column is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.errors import Invalid
from app.services.exchange.foreign_records import known_shape, with_prompt
from app.services.exchange.rows import LAYOUTS, FileRow, Value
from app.services.prompts.prompts import PromptRow
from models.formats import FORMATS, Kind, prompt_text
from models.formats.convert import MAKES, to_kind
from models.formats.detect import PAIRS, detect
from models.formats.rows import BadRow, Row

FROM_FORMAT = "@prompt"
"""In place of a column: the prompt, wherever the format keeps it."""
_TEXT_NAMES = ("text", "prompt", "toxic", "source", "sentence", "comment", "question", "instruction", "input")
_OPTION_NAMES = {
    "priority": ("priority",),
    "gold": ("gold", "gold_answer", "right rewrite", "right answer"),
    "gold_wrong": ("gold_wrong", "wrong", "wrong rewrites", "wrong answers"),
    "overlap": ("overlap",),
}
_JUDGED = (Kind.PREFERENCE, Kind.RANKED)
_LONGEST_NAME = 200


@dataclass(frozen=True)
class ColumnMapping:
    """How a file is read: its layout, whether its first line names the columns, and the column of each field."""

    layout: str
    header: bool = True
    text: str = ""
    priority: str = ""
    gold: str = ""
    gold_wrong: str = ""
    overlap: str = ""

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> ColumnMapping:
        """A mapping from what was sent; raises Invalid with a sentence about the first value that is wrong."""
        columns = {}
        for name in ("text", *_OPTION_NAMES):
            value = values.get(name) or ""
            if not isinstance(value, str) or len(value) > _LONGEST_NAME:
                raise Invalid(f"{name} must be the name of a column.")
            columns[name] = value
        layout = values.get("layout")
        if layout not in LAYOUTS:
            raise Invalid(f"layout must be one of {', '.join(LAYOUTS)}.")
        return cls(str(layout), values.get("header", True) not in (False, "no", "false"), **columns)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """What the first rows tell of a file.

    `format` is a name of models.formats, empty for texts alone; `judged` says that its rows hold choices.
    """

    columns: tuple[str, ...]
    format: str
    what: str
    judged: bool


def look(rows: Sequence[FileRow]) -> Found:
    """What the rows have in common."""
    objects = [row.value for row in rows if isinstance(row.value, dict) and not row.problem]
    columns = dict.fromkeys(name for one in objects for name, value in one.items() if _is_cell(value))
    name = detect([lowered(one) for one in objects])
    if name == PAIRS:
        return Found(tuple(columns), PAIRS, "pairs of a text and its rewrite", False)
    if name not in FORMATS:
        return Found(tuple(columns), "", "", False)
    return Found(tuple(columns), name, FORMATS[name].what, FORMATS[name].kind in _JUDGED)


def is_known(text_column: str) -> bool:
    """Whether a column holds texts by its name, and is not just the first one."""
    return text_column == FROM_FORMAT or text_column.casefold() in _known_names()


def _known_names() -> list[str]:
    return [*_TEXT_NAMES, *(f"{part}.{name}" for part in ("data", "fields") for name in _TEXT_NAMES)]


def guess(found: Found, layout: str, header: bool) -> ColumnMapping:
    """The mapping that is most likely meant."""
    folded = {name.casefold(): name for name in found.columns}
    options = {
        field: next((folded[name] for name in names if name in folded), "") for field, names in _OPTION_NAMES.items()
    }
    text = next((folded[name] for name in _known_names() if name in folded), "")
    readable = found.format in FORMATS and found.format != "prompt"
    if readable and (not text or found.format in ("llamafactory", "alpaca")):
        text = FROM_FORMAT
    return ColumnMapping(layout, header, text or next(iter(found.columns), ""), **options)


def prompt_row(row: FileRow, mapping: ColumnMapping, format_name: str) -> PromptRow:
    """What the row says of a prompt; raises BadRow if its prompt cannot be found."""
    if isinstance(row.value, str):
        return PromptRow(row.line, row.value)
    if mapping.text == FROM_FORMAT:
        text: object = prompt_text(_read(row.value, format_name)[0]["prompt"])
    else:
        text = row.value.get(mapping.text)
        if text is None:
            raise BadRow(
                f"there is nothing under {mapping.text}" if mapping.text else "no column is named for the text"
            )
    options = {field: row.value.get(column) for field in _OPTION_NAMES if (column := getattr(mapping, field))}
    return PromptRow(row.line, text if isinstance(text, str) else str(text), **options)


def judged_rows(value: Value, text: str, format_name: str) -> list[Row]:
    """The pairs of texts, `{"prompt", "chosen", "rejected"}`, that a row was judged into; raises BadRow.

    `text` is the prompt's. Conversations cannot be judgments here: the studio shows texts.
    """
    if isinstance(value, str):
        raise BadRow("it is a text alone")
    pairs: list[Row] = []
    for row in _read(with_prompt(value, text) if format_name in ("labelstudio", "argilla") else value, format_name):
        pairs += to_kind(row, Kind.PREFERENCE, "best-vs-rest")[0]
    for pair in pairs:
        for side in ("chosen", "rejected"):
            answer = pair[side]
            if not isinstance(answer, str):
                if len(answer) > 1:
                    raise BadRow("its answers are conversations of several turns")
                pair[side] = answer[0]["content"]
            pair[side] = pair[side].strip()
    return pairs


def lowered(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under the names that models.formats knows: in lower case, those without a value left out."""
    known = known_shape({name.strip().casefold(): value for name, value in fields.items() if value is not None})
    return dict(known)


def _read(value: Mapping[str, object], format_name: str) -> list[Row]:
    if format_name not in FORMATS:
        raise BadRow("its format is not known")
    rows = FORMATS[format_name].read(lowered(value))
    if not rows or FORMATS[format_name].kind not in MAKES:
        raise BadRow("it holds no prompt")
    return rows


def _is_cell(value: object) -> bool:
    return isinstance(value, str | int | float) or (
        isinstance(value, list) and all(isinstance(one, str) for one in value)
    )
