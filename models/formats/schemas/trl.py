"""The forms of Hugging Face TRL, of texts or of messages, and ranked answers.

Source: the dataset formats page of TRL's documentation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.formats.rows import BadRow, Fields, Row, required, text_or_messages
from models.formats.schemas.conversation import answered, ended_by_user, preference

_LABELS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def with_known_names(fields: Fields) -> Fields:
    """Return a row with the fields that other programs call `accepted` and `response` under the names that TRL has.

    Beside `rejected`, `accepted` is the chosen answer; beside a single answer it is the label. A `response` is the
    answer of a row that has no other.
    """
    named = dict(fields)
    if "accepted" in fields and "rejected" in fields:
        _rename(named, "accepted", "chosen")
    if "prompt" in fields and not _ANSWERS & fields.keys():
        _rename(named, "response", "completion")
    if "accepted" in fields and "completion" in named:
        _rename(named, "accepted", "label")
    return named


_ANSWERS = {"chosen", "rejected", "responses", "completions", "candidates", "options"}


def _rename(fields: dict[str, object], name: str, known: str) -> None:
    if name in fields and known not in fields:
        fields[known] = fields.pop(name)


def read_preference(fields: Fields) -> list[Row]:
    """`{"prompt", "chosen", "rejected"}`; the prompt may be left out where the answers are whole conversations."""
    return [preference(fields.get("prompt"), required(fields, "chosen"), required(fields, "rejected"))]


def read_unpaired(fields: Fields) -> list[Row]:
    """`{"prompt", "completion", "label"}`, with true, 1 or yes for good and false, 0 or no for bad."""
    (row,) = read_completion(fields)
    label = _LABELS.get(str(required(fields, "label")).strip().casefold())
    if label is None:
        raise BadRow("label is neither true nor false")
    return [row | {"label": label}]


def read_completion(fields: Fields) -> list[Row]:
    """`{"prompt", "completion"}`."""
    prompt, (completion,) = answered(required(fields, "prompt"), [("completion", required(fields, "completion"))])
    return [{"prompt": prompt, "completion": completion}]


def read_prompt(fields: Fields) -> list[Row]:
    """`{"prompt"}`, which other data calls toxic, text, source or instruction."""
    name = next((name for name in PROMPT_NAMES if name in fields), "prompt")
    prompt = text_or_messages(required(fields, name), "prompt")
    return [{"prompt": prompt if isinstance(prompt, str) else ended_by_user(prompt)}]


PROMPT_NAMES = ("prompt", "toxic", "text", "source", "instruction")


def read_ranked(fields: Fields) -> list[Row]:
    """`{"prompt", "responses"}`, best first, or in any order with as many `"scores"`."""
    responses = required(fields, "responses")
    scores = fields.get("scores")
    if not isinstance(responses, list):
        raise BadRow("responses is not a list")
    if scores is None:
        return [ranked(fields.get("prompt"), responses, None)]
    if not isinstance(scores, list) or len(scores) != len(responses):
        raise BadRow("there are not as many scores as responses")
    return [ranked(fields.get("prompt"), responses, [number(score, "a score") for score in scores])]


def ranked(prompt: object, responses: Sequence[object], scores: Sequence[float] | None) -> Row:
    """A ranked row, its answers put in the order of their scores, those of equal scores in their own."""
    if len(responses) < 2:
        raise BadRow("there are fewer than two answers to rank")
    order = list(range(len(responses)))
    if scores is not None:
        order.sort(key=lambda place: -scores[place])
    named = [(f"response {place + 1}", responses[place]) for place in order]
    shared, answers = answered(prompt, named)
    row: Row = {"prompt": shared, "responses": answers}
    return row if scores is None else row | {"scores": [scores[place] for place in order]}


def weight(fields: Fields) -> Row:
    """Return the `"weight"` of a row, if it has one: a number of at least 0, which says how much the row counts."""
    if "weight" not in fields:
        return {}
    found = number(fields["weight"], "weight")
    if found < 0:
        raise BadRow("weight is negative")
    return {"weight": found}


def number(value: object, name: str) -> float:
    """`value` as a finite number, which data sets also write as text; raises BadRow."""
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise BadRow(f"{name} is not a number")
    return found
