"""From one kind of row to another: what can be made of what, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.formats.rows import BadRow, Kind, Row, Text, kind_of, row_key
from models.formats.schemas.ranking import ranked_pairs

MAKES: Mapping[Kind, frozenset[Kind]] = {
    Kind.PREFERENCE: frozenset(Kind),
    Kind.RANKED: frozenset(Kind),
    Kind.UNPAIRED: frozenset({Kind.UNPAIRED, Kind.COMPLETION, Kind.PROMPT}),
    Kind.COMPLETION: frozenset({Kind.COMPLETION, Kind.PROMPT}),
    Kind.PROMPT: frozenset({Kind.PROMPT}),
}
"""Conversion of rows between kinds. A label or a rank that nobody gave is never made up."""


def to_kind(row: Row, kind: Kind, ranking: str) -> tuple[list[Row], int]:
    """The rows of `kind` that one row yields, and how many pairs of its answers are ties; raises BadRow.

    No rows come of an answer that is labelled bad when completions are asked for.
    """
    has = kind_of(row)
    if kind not in MAKES[has]:
        raise BadRow(f"it holds {NOUNS[has]}, of which {NOUNS[kind]} cannot be made")
    if kind in _COMPARED:
        _check_different(row)
    made, ties = _made(row, has, kind, ranking)
    for one in made:
        _check_different(one)
    kept = ("objective", "weight") if kind in WEIGHED else ("objective",)
    beside = {name: row[name] for name in kept if name in row}
    return [one | beside for one in made], ties


WEIGHED = (Kind.PREFERENCE, Kind.UNPAIRED)
"""The kinds of rows that may have a weight."""
_COMPARED = (Kind.PREFERENCE, Kind.UNPAIRED, Kind.RANKED)
NOUNS: Mapping[Kind, str] = {
    Kind.PREFERENCE: "pairs of a chosen and a rejected answer",
    Kind.UNPAIRED: "answers labelled good or bad",
    Kind.COMPLETION: "prompts with one answer",
    Kind.PROMPT: "prompts alone",
    Kind.RANKED: "ranked answers",
}


def _made(row: Row, has: Kind, kind: Kind, ranking: str) -> tuple[list[Row], int]:
    prompt = {"prompt": row["prompt"]}
    if kind is Kind.PROMPT:
        return [prompt], 0
    if has is kind:
        return [{name: value for name, value in row.items() if name not in ("objective", "weight")}], 0
    if has is Kind.RANKED:
        return _of_ranked(row, kind, ranking)
    if kind is Kind.RANKED:
        return [prompt | {"responses": [row["chosen"], row["rejected"]]}], 0
    if kind is Kind.UNPAIRED:
        answers = ((row["chosen"], True), (row["rejected"], False))
        return [prompt | {"completion": answer, "label": label} for answer, label in answers], 0
    if has is Kind.UNPAIRED:
        return ([prompt | {"completion": row["completion"]}] if row["label"] else []), 0
    return [prompt | {"completion": row["chosen"]}], 0


def _of_ranked(row: Row, kind: Kind, ranking: str) -> tuple[list[Row], int]:
    prompt, responses, scores = {"prompt": row["prompt"]}, row["responses"], row.get("scores")
    if kind is Kind.COMPLETION:
        return [prompt | {"completion": responses[0]}], 0
    if kind is Kind.UNPAIRED:
        best = [place == 0 or (scores is not None and scores[place] == scores[0]) for place in range(len(responses))]
        if all(best):
            raise BadRow("all its answers have the same score")
        return [prompt | {"completion": one, "label": label} for one, label in zip(responses, best, strict=True)], sum(
            best
        ) - 1
    pairs, ties = ranked_pairs(len(responses), scores, ranking)
    if not pairs:
        raise BadRow("all its answers have the same score")
    return [prompt | {"chosen": responses[a], "rejected": responses[b]} for a, b in pairs], ties


def _check_different(row: Row) -> None:
    if "chosen" in row and same_text(row["chosen"], row["rejected"]):
        raise BadRow("chosen and rejected are the same")


def same_text(one: Text, other: Text) -> bool:
    """Return whether two texts are equal but for outer white space."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    return row_key(_stripped(one)) == row_key(_stripped(other))


def _stripped(value: Text) -> object:
    if isinstance(value, str):
        return value.strip()
    return [(message["role"], message["content"].strip()) for message in value]


def sole_prompts(rows: Sequence[Row]) -> list[int]:
    """The places of the rows with a prompt that no earlier row has."""
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        places.setdefault(row_key(_stripped(row["prompt"])), place)
    return list(places.values())
