"""Records of Label Studio and Argilla as those tools write them, brought to the shape that models.formats reads.

Label Studio calls the list of a task and its ranker as the project's labelling configuration does, and Argilla its
question as the data set's settings do; Argilla's own client (2.x, `Record.to_dict`) writes the responses by question
and a ranking as the names in order, its server and older versions by person and with ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.formats.files.column_names import TEXT_NAMES

Fields = Mapping[str, object]
_SIDES = ("left", "right")


def known_shape(fields: Fields) -> Fields:
    """The same record, its parts under the names that models.formats looks for; anything else is left as it is."""
    if isinstance(fields.get("data"), dict) and isinstance(fields.get("annotations"), list):
        return _labelstudio(fields)
    if isinstance(fields.get("fields"), dict) and isinstance(fields.get("responses"), list | dict):
        return _argilla(fields)
    return fields


def with_prompt(fields: Fields, text: str) -> Fields:
    """The record with that text for its prompt, wherever its format keeps it."""
    for part in ("data", "fields"):
        inner = fields.get(part)
        if isinstance(inner, dict):
            return {**fields, part: {**inner, "prompt": text}}
    return {**fields, "prompt": text}


def _labelstudio(fields: Fields) -> Fields:
    task: Any = fields["data"]
    annotations: Any = fields["annotations"]
    if "candidates" not in task:
        lists = (value for value in task.values() if _is_list_of(value, ("id", "body")))
        candidates = next(lists, None) or _compared(task)
        task = task if candidates is None else {**task, "candidates": candidates}
    kept = [
        {**one, "result": [_bucketed(_as_ranker(result)) for result in one["result"]]}
        for one in annotations
        if isinstance(one, dict) and isinstance(one.get("result"), list) and not one.get("was_cancelled")
    ]
    return {**fields, "data": task, "annotations": kept}


def _compared(task: Mapping[str, object]) -> list[dict[str, object]] | None:
    """The two texts that the Pairwise template shows beside the prompt, None if there are more or fewer."""
    texts = [text for name, text in task.items() if isinstance(text, str) and name.casefold() not in TEXT_NAMES]
    return [{"id": side, "body": text} for side, text in zip(_SIDES, texts, strict=True)] if len(texts) == 2 else None


def _as_ranker(result: Any) -> Any:
    """The result of a pairwise comparison as that of a ranker; any other as it is."""
    value = result.get("value") if isinstance(result, dict) and result.get("type") == "pairwise" else None
    selected = value.get("selected") if isinstance(value, dict) else None
    if selected not in _SIDES:
        return result
    rejected = [side for side in _SIDES if side != selected]
    return {**result, "type": "ranker", "value": {"ranker": {"chosen": [selected], "rejected": rejected}}}


def _bucketed(result: Any) -> Any:
    """The result of a ranker without buckets, which orders all items under one name, as the best and the others."""
    value = result.get("value") if isinstance(result, dict) else None
    ranker = value.get("ranker") if isinstance(value, dict) else None
    if not isinstance(ranker, dict) or "chosen" in ranker or len(ranker) != 1:
        return result
    (order,) = ranker.values()
    if not isinstance(order, list) or len(order) < 2:
        return result
    return {**result, "value": {"ranker": {"chosen": order[:1], "rejected": order[1:]}}}


def _argilla(fields: Fields) -> Fields:
    responses: Any = fields["responses"]
    if isinstance(responses, dict):
        responses = [
            {"values": {question: {"value": one.get("value")}}, "status": one.get("status") or "submitted"}
            for question, given in responses.items()
            if isinstance(given, list)
            for one in given
            if isinstance(one, dict)
        ]
    return {**fields, "responses": [_ranking(one) for one in responses if isinstance(one, dict)]}


def _ranking(response: dict[str, Any]) -> dict[str, Any]:
    """The response with its ranking under `ranking`, as values with ranks."""
    values = response.get("values")
    if not isinstance(values, dict):
        return response
    for answer in values.values():
        places = answer.get("value") if isinstance(answer, dict) else None
        if isinstance(places, list) and len(places) > 1:
            places = [_ranked(place, rank) for rank, place in enumerate(places, start=1)]
        if _is_list_of(places, ("value", "rank")):
            return {**response, "values": {"ranking": {"value": places}}}
    return response


def _ranked(place: object, rank: int) -> object:
    """A name of a ranking with its rank; without one its place in the list counts."""
    if isinstance(place, str):
        return {"value": place, "rank": rank}
    if isinstance(place, dict) and "value" in place and place.get("rank") is None:
        return {**place, "rank": rank}
    return place


def _is_list_of(value: object, names: tuple[str, ...]) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(one, dict) and all(name in one for name in names) for one in value)
    )
