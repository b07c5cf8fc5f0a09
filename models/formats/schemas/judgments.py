"""The studio's table of judgments: what was shown, in that order, and what was said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from models.formats.rows import BadRow, Fields, Row, required, text
from models.formats.schemas.conversation import preference

COLUMNS = ("prompt", "candidates", "verdict", "position", "tied", "chosen")
"""The columns that tell a row of the table from others; it may have more, of who judged and when."""


def read_judgments(fields: Fields) -> list[Row]:
    """`{"prompt", "candidates", "verdict", "position", "tied", "chosen"}`: each of the best against each of the others.

    Positions are counted from 1. An edited text is better than all that was shown. Where nothing is said to be better
    than another, BadRow says so.
    """
    prompt = text(required(fields, "prompt"), "prompt")
    shown = [text(one, "a candidate") for one in _list(fields, "candidates")]
    best = _best(fields, shown)
    others = [one for one in shown if one not in best]
    if not best or not others:
        raise BadRow(f"the verdict {fields.get('verdict')} puts no text above another")
    return [preference(prompt, better, worse) for better in best for worse in others]


def _best(fields: Fields, shown: Sequence[str]) -> list[str]:
    match fields.get("verdict"):
        case "chosen":
            return [_at(shown, required(fields, "position"))]
        case "edited":
            return [text(required(fields, "chosen"), "chosen")]
        case "tie":
            return [_at(shown, place) for place in _list(fields, "tied")]
        case "none" | "skipped":
            return []
    raise BadRow(f"there is no verdict {fields.get('verdict')}")


def _at(shown: Sequence[str], place: object) -> str:
    written = str(place).removesuffix(".0")  # as programs write it that know no whole numbers
    number = int(written) if written.isascii() and written.isdecimal() else 0
    if not 1 <= number <= len(shown):
        raise BadRow(f"there is no candidate {place}")
    return shown[number - 1]


def _list(fields: Fields, name: str) -> list[object]:
    """A list, or the JSON text of one, as tables of text have it; empty if there is none."""
    value = fields.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = name
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRow(f"{name} is not a list")
    return value
