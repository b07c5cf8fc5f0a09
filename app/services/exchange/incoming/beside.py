"""The fields of a row that stand beside its text and are kept as the prompt's metadata."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from app.services.exchange import identity
from models.formats import FORMATS
from models.formats.annotations import ORIGIN_NAMES, PROMPT_MESSAGES
from models.formats.catalog import PROMPT
from models.formats.detect import PAIRS
from models.formats.files.column_names import is_known
from models.formats.schemas.argilla import MORE

METADATA = "metadata"
"""The field of a row that holds metadata of its own, as an object or as a JSON text: what exports write."""
_PARTS = ("data", "fields", "meta", METADATA)
"""Objects inside a row; their fields are known without the name of the object."""
_TOOLS = {
    "labelstudio": ("data.", "meta."),
    "argilla": ("metadata.",),
    "prodigy": ("meta.",),
    "judgments": ("metadata",),
}
"""Formats of tools whose own bookkeeping fills the row, and where in it people keep theirs."""
_READ = frozenset(
    (
        *("annotations", "predictions", "suggestions", "candidates", "fields", "system", "options", "accept", "answer"),
        *(*identity.COLUMNS, "person", "judgment_id", MORE, PROMPT_MESSAGES),
    )
)
"""Fields that formats hold, beside those that are known as columns; the last ones are what exports say of judgments."""


def fields_of(objects: Iterable[Mapping[str, object]], format_name: str) -> list[str]:
    """Return the fields of the rows that may be metadata, in the order in which they come."""
    return list(dict.fromkeys(name for one in objects for name in one if _may_be(one, name, format_name)))


def bookkeeping(fields: Sequence[str], format_name: str) -> tuple[str, ...]:
    """Return those of the fields that only a tool of that format needs, or that say who judged and when."""
    if format_name in _TOOLS:
        return tuple(name for name in fields if not name.startswith(_TOOLS[format_name]))
    return tuple(name for name in fields if name.strip().casefold() in ORIGIN_NAMES) if _is_read(format_name) else ()


def metadata_of(row: Mapping[str, object], taken: Collection[str], format_name: str) -> dict[str, Any]:
    """Return what a row says beside its text, by the names that people gave; `taken` are the fields to leave out."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name in taken or name.partition(".")[0] in taken or not _may_be(row, name, format_name):
            continue
        spread = _object_in(value) if name.casefold() == METADATA else None
        if spread is None:
            short = _short(name)
            spread = {name if short in found else short: value}
        found.update(spread)
    return found


def _may_be(row: Mapping[str, object], name: str, format_name: str) -> bool:
    """Return whether a field is neither empty, nor an object whose fields are looked at, nor read by the format."""
    value = row[name]
    if value in (None, "") or (isinstance(value, dict) and all(f"{name}.{inner}" in row for inner in value)):
        return False
    short = _short(name).casefold()
    read = format_name == PAIRS or _is_read(format_name)
    return not (read and (short in _READ or is_known(short)))


def _is_read(format_name: str) -> bool:
    """Return whether rows of a format say more than a prompt."""
    return format_name in FORMATS and format_name != PROMPT.name


def _short(name: str) -> str:
    """The name of a field without that of the object it is in, if that only says that it is metadata."""
    outer, _, inner = name.partition(".")
    return inner if inner and outer.casefold() in _PARTS else name


def _object_in(value: object) -> dict[str, Any] | None:
    """The object that a text is the JSON of, None if it is anything else."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return None
    try:
        made = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) else None
