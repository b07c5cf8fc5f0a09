"""The studio's own forms: its JSON of judged texts, and its table of judgments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from models.formats.annotations import (
    CHOSEN,
    DECISION,
    EDITED,
    FINE,
    NONE,
    SKIPPED,
    TIE,
    VERDICTS,
    Annotation,
    Origin,
    Record,
    TextRemark,
    read_key,
    read_person,
    read_reason,
    read_remark,
    read_seconds,
    read_time,
    sided,
)
from models.formats.rows import BadRow, Fields, Row, messages, required, text, text_or_messages
from models.formats.schemas.conversation import before, preference, said_by_user
from models.formats.schemas.trl import number


def read_seed(fields: Fields) -> list[Row]:
    """`{"toxic" or "prompt", "chosen", "rejected": [text, …]}`: a pair for each rejected text.

    The prompt may be a conversation.
    """
    prompt = required(fields, "toxic" if "toxic" in fields else "prompt")
    rejected = required(fields, "rejected")
    if not isinstance(rejected, list):
        rejected = [rejected]
    if not rejected:
        raise BadRow("rejected is empty")
    chosen = text(required(fields, "chosen"), "chosen")
    return [preference(text_or_messages(prompt, "toxic"), chosen, text(one, "rejected")) for one in rejected]


def read_table(fields: Fields) -> Record:
    """Read a row of the table of judgments: its candidates in the order shown, and what was said of them."""
    return Record(_prompt(fields), [_read(fields)])


def _prompt(fields: Fields) -> object:
    """Return the prompt: a conversation where the table tells the turns before it and the system message."""
    asked = fields.get("prompt")
    if "turns" not in fields or not isinstance(asked, str):
        return asked
    system = fields.get("system")
    turns = messages(_listed(fields, "turns"), "turns") if _listed(fields, "turns") else []
    return [*before(turns, system if isinstance(system, str) else ""), *said_by_user(asked)]


def _read(fields: Fields) -> Annotation | str:
    try:
        if _is_true(fields.get("gold")):
            return "it is an attention check, which tells of a person and not of texts"
        origin = Origin(
            read_person(fields.get("person")),
            read_time(fields.get("created_at"), "created_at"),
            read_seconds(fields.get("seconds"), "seconds"),
            read_key(fields.get("judgment")),
        )
        said = _said(fields, [text(one, "a candidate") for one in _listed(fields, "candidates")], origin)
        return replace(
            said,
            reason=read_reason(fields.get("reason")),
            flagged=_is_true(fields.get("flagged")),
            ranking=_ranking(fields, said),
            remarks=_remarks(fields),
            comment=read_reason(fields.get("comment")),
            decision=fields.get("kind") == DECISION,
        )
    except BadRow as reason:
        return str(reason)


def _said(fields: Fields, shown: Sequence[str], origin: Origin) -> Annotation:
    verdict = fields.get("verdict")
    if verdict == SKIPPED:
        return Annotation(SKIPPED, worse=tuple(shown), origin=origin)
    if verdict in (EDITED, FINE):
        return sided([text(fields.get("chosen"), "chosen")], shown, str(verdict), origin)
    if verdict == NONE:
        return sided([], shown, NONE, origin)
    if verdict not in VERDICTS:
        raise BadRow(f"its verdict is {str(verdict)[:40]!r}, which is none")
    named = [fields.get("position")] if verdict == CHOSEN else _listed(fields, "tied")
    places = [number(one, "a position") - 1 for one in named]
    if any(place not in range(len(shown)) for place in places):
        raise BadRow("a position is none of the candidates")
    best = [place in places for place in range(len(shown))]
    if verdict == TIE and not any(best):
        best = [True] * len(shown)
    better = [one for one, is_best in zip(shown, best, strict=True) if is_best]
    worse = [one for one, is_best in zip(shown, best, strict=True) if not is_best]
    return sided(better, worse, str(verdict), origin)


def _ranking(fields: Fields, said: Annotation) -> tuple[str, ...]:
    """Return the ranked texts, the best first; empty where the row has no order."""
    shown, places = _listed(fields, "candidates"), [number(one, "a place") - 1 for one in _listed(fields, "ranking")]
    if not places:
        return ()
    if (
        sorted(places) != list(range(len(shown)))
        or said.verdict != CHOSEN
        or (str(shown[int(places[0])]),) != said.better
    ):
        raise BadRow("its ranking does not name every candidate once, the chosen one first")
    return tuple(str(shown[int(place)]) for place in places)


def _remarks(fields: Fields) -> tuple[TextRemark, ...]:
    shown = [text(one, "a candidate") for one in _listed(fields, "candidates")]
    ratings, tags = (_listed(fields, name) or [None] * len(shown) for name in ("ratings", "tags"))
    if not len(ratings) == len(tags) == len(shown):
        raise BadRow("its ratings and tags are not as many as its candidates")
    said = (read_remark(*one) for one in zip(shown, ratings, tags, strict=True))
    return tuple(one for one in said if one.rating is not None or one.tags)


def _listed(fields: Fields, name: str) -> list[object]:
    """Return a list, which a table of texts has as JSON."""
    value = fields.get(name, [])
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, list):
        raise BadRow(f"{name} is not a list")
    return value


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().casefold() == "true")
