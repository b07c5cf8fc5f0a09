"""Answers of Prodigy's `choice` interface: a text, its options, and which of them one person accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.formats.annotations import SKIPPED, Annotation, Origin, Record, read_key, read_person, read_time, sided
from models.formats.rows import BadRow, Fields, required, text


def read_prodigy(fields: Fields) -> Record:
    """Read an answer; one that was ignored is a skip, and rejecting the options means that none is good."""
    options = required(fields, "options")
    if not isinstance(options, list) or not all(isinstance(one, Mapping) and "id" in one for one in options):
        raise BadRow("options is not a list of objects with id")
    texts = {str(one["id"]): text(one.get("text"), f"option {one['id']}") for one in options}
    return Record(fields.get("text"), [_read(fields, texts)])


def _read(fields: Fields, texts: Mapping[str, str]) -> Annotation | str:
    try:
        origin = Origin(
            _person(fields), read_time(fields.get("_timestamp"), "_timestamp"), None, read_key(fields.get("judgment"))
        )
        answer = fields.get("answer", "accept")
        if answer == "ignore":
            return Annotation(SKIPPED, worse=tuple(texts.values()), origin=origin)
        accepted: Any = [] if answer == "reject" else fields.get("accept")
        if answer not in ("accept", "reject") or not isinstance(accepted, list):
            return f"its answer is {str(answer)[:40]!r} without a list of what was accepted"
        if answer == "accept" and not accepted:
            return "no option was accepted"
        names = [str(one) for one in accepted]
        strange = next((name for name in names if name not in texts), None)
        if strange is not None:
            return f"there is no option {strange[:40]!r}"
        return sided(
            [texts[name] for name in names], [one for name, one in texts.items() if name not in names], origin=origin
        )
    except BadRow as reason:
        return str(reason)


def _person(fields: Fields) -> str:
    return read_person(fields.get("_annotator_id")) or read_person(fields.get("_session_id"))
