"""Tasks of Label Studio with a ranker or a pairwise comparison, in its exports JSON and JSON-MIN.

The list of a task and its ranker are called as the project's labelling configuration has it. Every annotation is one
person's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from models.formats.annotations import (
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
    read_seconds,
    read_time,
    sided,
)
from models.formats.files.column_names import TEXT_NAMES
from models.formats.rows import BadRow, Fields, text

_BUCKETS = ("chosen", "rejected")
_SIDES = ("left", "right")
_TWINS = (("1", "2"), ("a", "b"), ("left", "right"), ("0", "1"), ("first", "second"), ("one", "two"))
_NUMBERED = re.compile(r",\s*\d+\s*$")
_COMMA = re.compile(r"\s*,\s*")
Candidates = Mapping[str, str]
"""The texts of the candidates by their ids."""


def is_labelstudio(fields: Fields) -> bool:
    """Return whether a row is a task with its annotations, or a row of JSON-MIN with the answer of one person."""
    if isinstance(fields.get("data"), dict) and isinstance(fields.get("annotations"), list):
        return True
    return "verdict" not in fields and any(_answer(value) for value in fields.values()) and not _is_nested(fields)


def read_labelstudio(fields: Fields) -> Record:
    """Read a task; raises BadRow if it is none."""
    task = fields.get("data")
    if not isinstance(task, Mapping):
        return _read_minimal(fields)
    annotations = fields.get("annotations")
    if not isinstance(annotations, list):
        raise BadRow("annotations is not a list")
    found = [_read(task, one) for one in annotations]
    meta = fields.get("meta")
    if len(found) == 1 and isinstance(meta, Mapping):
        found = [_keyed(one, read_key(meta.get("judgment"))) for one in found]
    return Record(prompt_of(task, TEXT_NAMES), found)


def _is_nested(fields: Fields) -> bool:
    return any(isinstance(fields.get(name), Mapping | list) for name in ("data", "annotations", "fields", "responses"))


def _answer(value: object) -> str:
    """Return the type of the result that a value of JSON-MIN is, empty if it is none."""
    found = _alone(value)
    if not isinstance(found, Mapping):
        return ""
    return "ranker" if "ranker" in found else "pairwise" if found.get("selected") in _SIDES else ""


def _alone(value: object) -> object:
    """Return the only element of a list, or what it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _read_minimal(fields: Fields) -> Record:
    results = [{"type": kind, "value": _alone(value)} for value in fields.values() if (kind := _answer(value))]
    if not results:
        raise BadRow("no annotation ranks the candidates")
    by = fields.get("annotator")
    annotation = {**fields, "completed_by": by, "result": results}
    return Record(prompt_of(fields, TEXT_NAMES), [_read(fields, annotation)])


def _keyed(annotation: Annotation | str, key: str) -> Annotation | str:
    if isinstance(annotation, str) or annotation.origin.key:
        return annotation
    return replace(annotation, origin=replace(annotation.origin, key=key))


def _read(task: Mapping[str, Any], annotation: object) -> Annotation | str:
    if not isinstance(annotation, Mapping):
        return "an annotation is not an object"
    try:
        origin = Origin(
            _person(annotation),
            read_time(annotation.get("created_at"), "created_at"),
            read_seconds(annotation.get("lead_time"), "lead_time"),
            read_key(annotation.get("judgment")),
        )
        if annotation.get("was_cancelled"):
            found = Annotation(SKIPPED, worse=tuple(_shown(task)), origin=origin)
        else:
            # Others also mark what they test annotators with: only an annotation of this studio's own is a decision.
            decided = bool(origin.key) and annotation.get("ground_truth") is True
            found = replace(_said(task, annotation, origin), decision=decided)
        return _with_more(found, task, annotation)
    except BadRow as reason:
        return str(reason)


def _with_more(found: Annotation, task: Mapping[str, Any], annotation: Mapping[str, Any]) -> Annotation:
    """Return the annotation with what the studio's own exports say beside the ranker; raises BadRow."""
    names, comment = annotation.get("ranking"), read_reason(annotation.get("comment"))
    texts = {name: text for candidates in _lists(task) for name, text in candidates.items()}
    remarks = read_remarks(annotation.get("remarks"), texts)
    if not isinstance(names, list) or not all(str(name) in texts for name in names):
        return replace(found, remarks=remarks, comment=comment)
    return replace(found, ranking=tuple(texts[str(name)] for name in names), remarks=remarks, comment=comment)


def _person(annotation: Mapping[str, Any]) -> str:
    """Return the name of who annotated, which Label Studio writes with the number of the account behind it."""
    name, by = annotation.get("created_username"), annotation.get("completed_by")
    named = read_person(_NUMBERED.sub("", name)) if isinstance(name, str) and not isinstance(by, Mapping) else ""
    return named or read_person(by)


def _shown(task: Mapping[str, Any]) -> list[str]:
    for candidates in _lists(task):
        return list(candidates.values())
    twins = _twins(task)
    return [task[name] for name in twins] if twins else []


def _said(task: Mapping[str, Any], annotation: Mapping[str, Any], origin: Origin) -> Annotation:
    results = annotation.get("result")
    if not isinstance(results, list):
        raise BadRow("result is not a list")
    compared = [one for one in results if isinstance(one, Mapping) and one.get("type") in ("ranker", "pairwise")]
    if not compared:
        raise BadRow("no annotation ranks the candidates")
    if len(compared) > 1:
        raise BadRow(f"one annotation compares the candidates {len(compared)} times")
    (result,) = compared
    value = result.get("value")
    if not isinstance(value, Mapping):
        raise BadRow("value is not an object")
    if result["type"] == "pairwise":
        return _compared(task, result, value.get("selected"), origin)
    return _ranked(task, value.get("ranker"), str(annotation.get("verdict") or ""), origin)


def _compared(task: Mapping[str, Any], result: Mapping[str, Any], selected: object, origin: Origin) -> Annotation:
    selected = _alone(selected)
    if selected not in _SIDES:
        raise BadRow("selected is neither left nor right")
    names = _named_twins(task, result) or _twins(task)
    if not names:
        raise BadRow("the two texts that were compared cannot be told from the others of the task")
    left, right = (text(task[name], name) for name in names)
    return sided(*([left], [right]) if selected == "left" else ([right], [left]), origin=origin)


def _ranked(task: Mapping[str, Any], ranker: object, verdict: str, origin: Origin) -> Annotation:
    if isinstance(ranker, Mapping):
        sides = {str(name): names for name, names in ranker.items()}
    elif isinstance(ranker, list):
        sides = {"": ranker}
    else:
        raise BadRow("ranker is neither an object nor a list")
    if any(not isinstance(names, list) for names in sides.values()):
        raise BadRow("ranker is not of lists of candidates")
    candidates = _candidates(task, [str(name) for names in sides.values() for name in names])
    in_buckets = any(name in sides for name in _BUCKETS)
    ordered = next(iter(sides.values())) if len(sides) == 1 and not in_buckets and "_" not in sides else None
    if ordered is not None:
        found = by_rank([(candidates[str(name)], float(rank)) for rank, name in enumerate(ordered, start=1)], origin)
        placed = ordered
    elif in_buckets:
        better, worse = (sides.get(name, []) for name in _BUCKETS)
        placed = [*better, *worse]
        left = _left(candidates, placed)
        if left and not (better and len(placed) > 1):
            raise BadRow(f"nothing was ranked above anything: {left}")
        found = sided(
            [candidates[str(name)] for name in better], [candidates[str(name)] for name in worse], verdict, origin
        )
    else:
        raise BadRow(f"its buckets are {', '.join(sorted(sides))[:80]}, and not chosen and rejected")
    left = _left(candidates, placed)
    return replace(found, unused=(*found.unused, f"of the ranking, {left}")) if left else found


def _left(candidates: Candidates, placed: Sequence[object]) -> str:
    names = [name for name in candidates if name not in {str(one) for one in placed}]
    return f"{', '.join(names)[:80]} {'was' if len(names) == 1 else 'were'} placed nowhere" if names else ""


def _candidates(task: Mapping[str, Any], named: Sequence[str]) -> Candidates:
    """Return the candidates of the list that holds the named ones; raises BadRow."""
    lists = list(_lists(task))
    for candidates in lists:
        if all(name in candidates for name in named):
            return candidates
    missing = next((name for name in named if not any(name in one for one in lists)), named[0] if named else "")
    raise BadRow(
        f"there is no candidate {missing[:40]!r} in the task" if lists else "the task has no list of candidates"
    )


def _lists(task: Mapping[str, Any]) -> list[Candidates]:
    """Return every list of candidates of the task, the one that is called so first."""
    found: list[Candidates] = []
    for name in sorted(task, key=lambda name: name != "candidates"):
        items = task[name]
        if isinstance(items, list) and items and all(isinstance(one, Mapping) and "id" in one for one in items):
            bodies: dict[str, Any] = {str(one["id"]): one.get("body") or one.get("title") for one in items}
            if all(isinstance(body, str) and body.strip() for body in bodies.values()):
                found.append(bodies)
            elif name == "candidates":
                raise BadRow("candidates is not a list of objects with id and body")
    return found


def _named_twins(task: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the two texts that the result names as compared, None if it names no two texts of the task."""
    names = _COMMA.split(str(result.get("to_name") or ""))
    if len(names) == 2 and all(isinstance(task.get(name), str) for name in names):
        return names[0], names[1]
    return None


def _twins(task: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the names of the two texts that stand side by side, None if they cannot be told.

    They are called alike but for the end, or are the only two beside the prompt.
    """
    names = [name for name, value in task.items() if isinstance(value, str)]
    alike = [pair for pair in combinations(names, 2) if _are_twins(*(name.casefold() for name in pair))]
    if len(alike) == 1:
        return alike[0]
    others = [name for name in names if name.casefold() not in TEXT_NAMES]
    return (others[0], others[1]) if len(others) == 2 and not alike else None


def _are_twins(one: str, other: str) -> bool:
    return any(
        one.endswith(first) and other.endswith(second) and one[: -len(first)] == other[: -len(second)]
        for first, second in _TWINS
    )
