"""The studio's own forms: its JSON of judged texts, and what it exports for Label Studio and Argilla."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.formats.rows import BadRow, Fields, Row, required, text
from models.formats.schemas.conversation import preference
from models.formats.schemas.trl import number, ranked


def read_seed(fields: Fields) -> list[Row]:
    """`{"toxic" or "prompt", "chosen", "rejected": [text, …]}`: a pair for each rejected text."""
    prompt = required(fields, "toxic" if "toxic" in fields else "prompt")
    rejected = required(fields, "rejected")
    if not isinstance(rejected, list):
        rejected = [rejected]
    if not rejected:
        raise BadRow("rejected is empty")
    chosen = text(required(fields, "chosen"), "chosen")
    return [preference(text(prompt, "toxic"), chosen, text(one, "rejected")) for one in rejected]


def read_labelstudio(fields: Fields) -> list[Row]:
    """A task with one ranker of candidates: each that was put under chosen, against each under rejected."""
    task = _mapping(required(fields, "data"), "data")
    bodies = {item["id"]: item["body"] for item in _items(task.get("candidates"), "candidates", ("id", "body"))}
    results = [
        result
        for annotation in _items(required(fields, "annotations"), "annotations", ("result",))
        for result in _items(annotation["result"], "result", ("value",))
        if result.get("type") == "ranker"
    ]
    if not results:
        raise BadRow("no annotation ranks the candidates")
    rows = []
    for result in results:
        ranker = _mapping(_mapping(result["value"], "value").get("ranker"), "ranker")
        sides = [_named(bodies, ranker.get(name), name) for name in ("chosen", "rejected")]
        rows += [preference(task.get("prompt"), better, worse) for better in sides[0] for worse in sides[1]]
    if not rows:
        raise BadRow("nothing was ranked above anything")
    return rows


def read_argilla(fields: Fields) -> list[Row]:
    """A record whose submitted `ranking` orders its response fields; rank 1 is the best, equal ranks are ties."""
    record = _mapping(required(fields, "fields"), "fields")
    rows = []
    for response in _items(_listed(required(fields, "responses")), "responses", ("values",)):
        if response.get("status", "submitted") != "submitted":
            continue
        ranking = _mapping(_mapping(response["values"], "values").get("ranking"), "ranking")
        places = _items(ranking.get("value"), "ranking", ("value", "rank"))
        texts = [text(record.get(str(place["value"])), str(place["value"])) for place in places]
        rows.append(ranked(record.get("prompt"), texts, [-number(place["rank"], "a rank") for place in places]))
    if not rows:
        raise BadRow("no response was submitted")
    return rows


def _listed(responses: object) -> object:
    """The responses as Argilla's server writes them, each with its values; its client writes them by question."""
    if not isinstance(responses, Mapping):
        return responses
    return [
        {"values": {question: {"value": one.get("value")}}, "status": one.get("status") or "submitted"}
        for question, given in responses.items()
        for one in _items(given, question, ("value",))
    ]


def _named(bodies: Mapping[object, object], names: object, side: str) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) and name in bodies for name in names):
        raise BadRow(f"{side} is not a list of candidates")
    return [text(bodies[name], f"candidate {name}") for name in names]


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRow(f"{name} is not an object")
    return value


def _items(value: object, name: str, keys: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """A list of objects that have these keys."""
    if not isinstance(value, list):
        raise BadRow(f"{name} is not a list")
    if not all(isinstance(item, Mapping) and all(key in item for key in keys) for item in value):
        raise BadRow(f"{name} is not a list of objects with {' and '.join(keys)}")
    return value
