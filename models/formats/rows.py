"""Rows of training data, whatever file they came from: TRL's own shapes, as plain dicts.

    preference  {"prompt": Text, "chosen": Text, "rejected": Text}
    unpaired    {"prompt": Text, "completion": Text, "label": bool}
    completion  {"prompt": Text, "completion": Text}
    prompt      {"prompt": Text}
    ranked      {"prompt": Text, "responses": [Text, best first]}, and "scores": [float] where there are any

A Text is a str or a list of messages, `{"role": …, "content": …}`. A row has only texts or only messages. Of messages,
the prompt is a conversation that ends with the user's turn, and an answer is one turn of the assistant. Any row may
also have an "objective", the name of what it is an example of, and those of the first two kinds a "weight", how much
they count in the loss of a training; without it, as much as a row of weight 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any

from models.formats.files.problems import IS_UNSTORABLE, UNSTORABLE, Problem, complaint, report
from models.model_errors import DataFileError

Message = dict[str, str]
Text = str | list[Message]
Row = dict[str, Any]
Fields = Mapping[str, object]
"""One row as its file has it: names in lower case, fields without a value left out."""

ROLES = ("system", "user", "assistant")
_TOOL_ROLES = ("tool", "function", "function_call", "observation", "ipython")
_TOOL_CALLS = ("tool_calls", "function_call")


class Kind(StrEnum):
    """Kind of row, by what a method learns from."""

    PREFERENCE = "preference"
    UNPAIRED = "unpaired"
    COMPLETION = "completion"
    PROMPT = "prompt"
    RANKED = "ranked"


class BadRow(Exception):
    """This row cannot be used; the text is the reason, as a part of a sentence."""


@dataclass(frozen=True)
class RowFile:
    """The rows of one kind that a file yields, and what is to be said of the others.

    `lines` has, for each of `rows`, the line of the file where it began. `format` is the name of the format that was
    found, `notes` are sentences on how the file was understood. `problems` are the first `KEPT_PROBLEMS` rows that
    cannot be used, `problem_count` says how many there are in all. `ties` counts pairs of answers with equal scores,
    of which nothing is learned. `left_over` counts usable rows that are not among `rows`: what a mix did not draw, or
    what repeats another. `judgments` counts what people said in a file that tells it apart, skips too, and `people`
    those whom it names.
    """

    rows: tuple[Row, ...]
    lines: tuple[int, ...]
    kind: Kind
    format: str
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    notes: tuple[str, ...] = ()
    ties: int = 0
    left_over: int = 0
    judgments: int = 0
    people: int = 0

    @property
    def row_count(self) -> int:
        """All rows, the unusable ones too. One that holds several answers counts for each row it yields."""
        return len(self.rows) + self.left_over + self.problem_count

    @cached_property
    def duplicates(self) -> int:
        """Return the number of rows that repeat an earlier one."""
        return len(self.rows) - len(self._first_places)

    def without_duplicates(self) -> RowFile:
        """Each row once, where it first stands."""
        return self.at(self._first_places)

    def at(self, places: Sequence[int]) -> RowFile:
        """Only the rows at these places, in this order; the others are left over."""
        return replace(
            self,
            rows=tuple(self.rows[place] for place in places),
            lines=tuple(self.lines[place] for place in places),
            left_over=self.left_over + len(self.rows) - len(places),
        )

    def problem_report(self, most: int = 20) -> str:
        """One sentence on the rows that are left out, with their lines by reason; empty if there are none."""
        return report(self.problems, self.problem_count, self.row_count, most)

    def check_usable(self) -> None:
        """Raise `DataFileError` if there is no usable row, or more than half of all rows are bad."""
        why = complaint(self.problem_report(), self.problem_count, self.row_count, "rows")
        if why:
            raise DataFileError(why)

    @cached_property
    def _first_places(self) -> list[int]:
        seen: dict[bytes, int] = {}
        for place, row in enumerate(self.rows):
            seen.setdefault(hashlib.blake2b(row_key(row).encode(), digest_size=16).digest(), place)
        return list(seen.values())


def row_key(value: object) -> str:
    """Return a key that is the same for equal rows or texts, and for no others."""
    return json.dumps(value, sort_keys=True)


def kind_of(row: Row) -> Kind:
    """The kind of a row, by its fields."""
    for field, kind in (
        ("chosen", Kind.PREFERENCE),
        ("responses", Kind.RANKED),
        ("label", Kind.UNPAIRED),
        ("completion", Kind.COMPLETION),
    ):
        if field in row:
            return kind
    return Kind.PROMPT


def prompt_text(prompt: Text) -> str:
    """A prompt as one text: messages are joined by empty lines."""
    return prompt if isinstance(prompt, str) else "\n\n".join(message["content"] for message in prompt)


def required(fields: Fields, name: str) -> object:
    """Return the value of a field; raises BadRow if there is none."""
    if name not in fields:
        has = ", ".join(islice(fields, 12))
        raise BadRow(f"there is no {name}: the fields are {has or 'none'}")
    return fields[name]


def refuse_tools(fields: Fields) -> None:
    """Raise BadRow if a row offers tools to the model: its chat template would show them beside the conversation."""
    for name in ("tools", "functions"):
        value = fields.get(name)
        offered = value.lstrip().startswith("[{") if isinstance(value, str) else isinstance(value, list) and value
        if offered:
            raise BadRow(f"{name} offers tools to the model, which is not supported")


def text(value: object, name: str) -> str:
    """`value` as it is, a text that is not empty; raises BadRow."""
    if not isinstance(value, str):
        raise BadRow(f"{name} is not a text")
    if UNSTORABLE.search(value):
        raise BadRow(IS_UNSTORABLE)
    if not value.strip():
        raise BadRow(f"{name} is empty")
    return value


def text_or_messages(value: object, name: str) -> Text:
    """`value` as a text or messages, none of them empty; raises BadRow."""
    return messages(value, name) if isinstance(value, list) else text(value, name)


def messages(value: object, name: str) -> list[Message]:
    """`value` as messages with nothing but a known role and a text each; raises BadRow."""
    if not isinstance(value, list):
        raise BadRow(f"{name} is not a list of messages")
    if not value:
        raise BadRow(f"{name} is empty")
    return [_message(item, name) for item in value]


def messages_in(cell: object) -> object:
    """Return the messages that a cell of a table is the JSON of, and any other cell as it is."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("["):
        return cell
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    is_list = isinstance(found, list) and bool(found)
    return (
        found if is_list and all(isinstance(one, dict) and {"role", "content"} <= one.keys() for one in found) else cell
    )


def _message(item: object, name: str) -> Message:
    if not isinstance(item, Mapping) or "role" not in item or "content" not in item:
        raise BadRow(f"{name} has a message without role and content")
    if item["role"] in _TOOL_ROLES:
        raise BadRow(f"{name} holds the answer of a tool, which is not supported")
    if any(item.get(field) for field in _TOOL_CALLS):  # the turn without its call would teach another answer
        raise BadRow(f"{name} calls a tool, which is not supported")
    if item["role"] not in ROLES:
        raise BadRow(f"{name} has a message of an unknown role, {str(item['role'])[:40]!r}")
    return {"role": item["role"], "content": text(item["content"], f"a message of {name}")}


def rows_sha256(*parts: Iterable[object]) -> str:
    """The hash of rows, in order, each as a line of JSON: the same rows, the same hash."""
    digest = hashlib.sha256()
    for part in parts:
        for row in part:
            digest.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
