"""Records of Argilla with a ranking, as its server and its client write them and as its data sets lie on the hub.

The question may have any name. The client (2.x, `Record.to_dict`) writes responses by question and a ranking as names
in order, the server by person and with ranks, and a data set on the hub has a column for each. Every response is one
person's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from models.formats.annotations import (
    EDITED,
    FINE,
    NONE,
    PROMPT_MESSAGES,
    SKIPPED,
    Annotation,
    Origin,
    Record,
    by_rank,
    prompt_of,
    read_key,
    read_person,
    read_reason,
    read_remarks,
    read_time,
    sided,
)
from models.formats.files.column_names import TEXT_NAMES
from models.formats.rows import BadRow, Fields, text
from models.formats.schemas.trl import number

MORE = "judgment_remarks"
"""The list among the metadata of the studio's own exports that says more of each response, as JSON.

It has remarks, a comment, and whether it is a decision.
"""
_OF_STUDIO = ("judgment", "verdict", "person", MORE)
_NUMBER = re.compile(r"\d+$")
_OF_HUB = ".responses"


@dataclass(frozen=True, slots=True)
class _Response:
    """Response of one person: the value of the ranking, None if they gave none, and what else is known of it.

    `people` are what the file has for who it was, the surest first; `more` is what the studio's own exports say beside.
    """

    value: object
    status: str
    people: tuple[object, ...]
    at: datetime | None = None
    key: str = ""
    verdict: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def is_argilla(fields: Fields) -> bool:
    """Return whether a row is a record with its responses, or a row of the hub with a column of rankings."""
    responses = fields.get("responses")
    if isinstance(fields.get("fields"), Mapping):
        if isinstance(responses, list):
            return all(isinstance(one, Mapping) for one in responses)
        return isinstance(responses, Mapping)
    return _column_of_hub(fields) != ""


def read_argilla(fields: Fields) -> Record:
    """Read a record; raises BadRow if it is none."""
    texts = fields.get("fields")
    column = _column_of_hub(fields)
    if not isinstance(texts, Mapping):
        if not column:
            raise BadRow("fields is not an object")
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        found = _of_hub(fields, column)
    elif isinstance(fields.get("responses"), Mapping):
        found = _of_client(fields["responses"])
    else:
        found = _of_server(fields.get("responses"))
    shown = _shown(texts, found)
    metadata = fields.get("metadata")
    said = _identified(found, metadata)
    told = metadata.get(PROMPT_MESSAGES) if isinstance(metadata, Mapping) else None
    return Record(prompt_of({**texts, PROMPT_MESSAGES: told}, TEXT_NAMES), [_read(texts, shown, one) for one in said])


def _column_of_hub(fields: Fields) -> str:
    """Return the column of responses that rank, or else the first column of responses; empty if there is none."""
    names = [name for name in fields if name.endswith(_OF_HUB) and f"{name}.users" in fields]
    columns = {name: value for name in names if isinstance(value := fields[name], list)}
    return next((name for name, given in columns.items() if any(map(_is_ranking, given))), next(iter(columns), ""))


def _of_hub(fields: Fields, column: str) -> list[_Response]:
    names = [column, f"{column}.users", *([f"{column}.status"] if f"{column}.status" in fields else [])]
    lists: list[Any] = [fields[name] for name in names]
    if not all(isinstance(one, list) and len(one) == len(lists[0]) for one in lists):
        raise BadRow(f"{column} has not as many values as users")
    values, users, *statuses = lists
    given = statuses[0] if statuses else ["submitted"] * len(values)
    return [_Response(value, str(status), (user,)) for value, user, status in zip(values, users, given, strict=True)]


def _of_client(responses: Any) -> list[_Response]:
    for given in responses.values():
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            raise BadRow("responses is not of lists of objects")
    questions = list(responses.values())
    ranking = next((given for given in questions if any(_is_ranking(one.get("value")) for one in given)), None)
    chosen = ranking if ranking is not None else questions[0] if questions else []
    return [_Response(one.get("value"), _status(one), (one.get("user_id"),), _at(one)) for one in chosen]


def _of_server(responses: object) -> list[_Response]:
    if not isinstance(responses, list) or not all(isinstance(one, Mapping) for one in responses):
        raise BadRow("responses is not a list of objects")
    return [_Response(_value(one), _status(one), (one.get("user_id"),), _at(one)) for one in responses]


def _value(response: Mapping[str, Any]) -> object:
    values = response.get("values")
    answers = values.values() if isinstance(values, Mapping) else ()
    given = [answer.get("value") for answer in answers if isinstance(answer, Mapping)]
    return next((value for value in given if _is_ranking(value)), None)


def _status(response: Mapping[str, Any]) -> str:
    return str(response.get("status") or "submitted")


def _at(response: Mapping[str, Any]) -> datetime | None:
    return read_time(response.get("inserted_at"), "inserted_at")


def _is_ranking(value: object) -> bool:
    """Return whether an answer is a list of names, or of objects with one."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and (
            all(isinstance(one, str) for one in value)
            or all(isinstance(one, Mapping) and "value" in one for one in value)
        )
    )


def _identified(responses: Sequence[_Response], metadata: object) -> Iterator[_Response]:
    """Yield the responses with what the studio's own exports say of each in lists among the metadata."""
    own = metadata if isinstance(metadata, Mapping) else {}
    said = {name: own[name] for name in _OF_STUDIO if isinstance(own.get(name), list)}
    for place, response in enumerate(responses):
        mine = {name: values[place] for name, values in said.items() if len(values) == len(responses)}
        yield replace(
            response,
            key=read_key(mine.get("judgment")),
            verdict=str(mine.get("verdict") or ""),
            more=_object(mine.get(MORE)),
            people=(mine.get("person"), *response.people),
        )


def _object(value: object) -> Mapping[str, Any]:
    """Return the object that a text is the JSON of; an empty one for anything else."""
    try:
        found = json.loads(value) if isinstance(value, str) and value else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(texts: Mapping[str, Any], responses: Sequence[_Response]) -> list[str]:
    """Return the texts that were to be ranked: those that somebody ranked, or else all beside the prompt."""
    ranked = next((_names(one.value) for one in responses if _is_ranking(one.value)), [])
    names = _alike(texts, ranked) or [name for name in texts if name.casefold() not in TEXT_NAMES]
    return [texts[name] for name in names if isinstance(texts.get(name), str)]


def _names(value: Any) -> list[str]:
    return [one if isinstance(one, str) else str(one["value"]) for one in value]


def _read(texts: Mapping[str, Any], shown: Sequence[str], response: _Response) -> Annotation | str:
    found = _said(texts, shown, response)
    if isinstance(found, str) or not response.more:
        return found
    try:
        remarks = read_remarks(response.more.get("remarks"), {name: str(one) for name, one in texts.items()})
        comment, decision = read_reason(response.more.get("comment")), response.more.get("decision") is True
        return replace(found, remarks=remarks, comment=comment, decision=decision)
    except BadRow as reason:
        return str(reason)


def _said(texts: Mapping[str, Any], shown: Sequence[str], response: _Response) -> Annotation | str:
    try:
        person = next((found for one in response.people if (found := read_person(one))), "")
        origin = Origin(person, response.at, None, response.key)
        if response.status == "discarded":
            if response.verdict == NONE:
                return sided([], shown, NONE, origin)
            return Annotation(SKIPPED, worse=tuple(shown), origin=origin)
        if response.status != "submitted":
            by = f" by {person}" if person else ""
            return f"the response{by} is not submitted: its status is {response.status[:20]!r}"
        return _ranked(texts, response.value, response.verdict, origin)
    except BadRow as reason:
        return str(reason)


def _ranked(texts: Mapping[str, Any], value: object, verdict: str, origin: Origin) -> Annotation:
    if not isinstance(value, list) or not _is_ranking(value):
        raise BadRow("there is no ranking")
    names = _names(value)
    ranks = [None if isinstance(one, str) else one.get("rank") for one in value]
    if all(rank is None for rank in ranks):
        ranks = list(range(1, len(names) + 1))  # without ranks the order counts
    places = [
        (text(texts.get(name), name), number(rank, "a rank"))
        for name, rank in zip(names, ranks, strict=True)
        if rank is not None
    ]
    ranked = [name for name, rank in zip(names, ranks, strict=True) if rank is not None]
    found = by_rank(places, origin)
    if verdict in (EDITED, FINE):
        found = sided(found.better, found.worse, verdict, origin)
    left = [name for name in _alike(texts, names) if name not in ranked]
    if not left:
        return found
    said = f"of the ranking, {', '.join(left)[:80]} {'was' if len(left) == 1 else 'were'} placed nowhere"
    return replace(found, unused=(*found.unused, said))


def _alike(texts: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the names of the ranking, and of the fields that are called like them but for a number at the end."""
    stems = {_NUMBER.sub("", name) for name in names if _NUMBER.search(name)}
    others = [name for name in texts if _NUMBER.search(name) and _NUMBER.sub("", name) in stems]
    return list(dict.fromkeys((*names, *others)))
