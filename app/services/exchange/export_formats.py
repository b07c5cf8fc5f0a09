"""One judgment as records of the field's own schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.services.exchange.incoming.beside import METADATA
from app.services.prompts import metadata
from models.formats import WRITERS
from models.formats.schemas.conversation import said_by_assistant, said_by_user
from models.formats.schemas.instructions import STUDIO_INSTRUCTION

INSTRUCTION = STUDIO_INSTRUCTION


class Pair(NamedTuple):
    """A preference row, as far as it is exported; `metadata` are those of its prompt."""

    judgment_id: int
    prompt: str
    chosen: str
    rejected: str
    metadata: Mapping[str, Any] | None = None


Judged = Sequence[Pair]
"""The preference rows of one judgment: of a tie, each of the tied texts against each of the others."""
Record = dict[str, Any]
Render = Callable[[Judged], Iterator[Record]]


def trl(rows: Judged) -> Iterator[Record]:
    """TRL's preferences, of texts."""
    for row in rows:
        yield {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def trl_chat(rows: Judged) -> Iterator[Record]:
    """TRL's preferences, of messages."""
    for row in rows:
        yield {
            "prompt": said_by_user(row.prompt),
            "chosen": said_by_assistant(row.chosen),
            "rejected": said_by_assistant(row.rejected),
        }


def kto(rows: Judged) -> Iterator[Record]:
    """TRL's unpaired preferences: each text once, true if it was chosen."""
    for label, texts in ((True, _chosen(rows)), (False, _rejected(rows))):
        for text in texts:
            yield {"prompt": rows[0].prompt, "completion": text, "label": label}


def seed(rows: Judged) -> Iterator[Record]:
    """The studio's own JSON: a record for each chosen text."""
    for chosen in _chosen(rows):
        yield {"toxic": rows[0].prompt, "chosen": chosen, "rejected": _rejected(rows)}


def llamafactory(rows: Judged) -> Iterator[Record]:
    """LLaMA-Factory's preferences."""
    for row in rows:
        yield {"instruction": INSTRUCTION, "input": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def labelstudio(rows: Judged) -> Iterator[Record]:
    """A task for a `<List name="candidates">` ranked by a `<Ranker name="rank" toName="candidates">`."""
    items = [{"id": f"c{number}", "body": text} for number, text in enumerate(_ranked(rows), start=1)]
    best = len(_chosen(rows))
    result = {
        "type": "ranker",
        "from_name": "rank",
        "to_name": "candidates",
        "value": {
            "ranker": {
                "chosen": [item["id"] for item in items[:best]],
                "rejected": [item["id"] for item in items[best:]],
            }
        },
    }
    yield {
        "data": {"prompt": rows[0].prompt, "candidates": items},
        "annotations": [{"ground_truth": False, "result": [result]}],
        "meta": {"judgment_id": rows[0].judgment_id},
    }


def argilla(rows: Judged) -> Iterator[Record]:
    """A record whose `ranking` question ranks the response fields; the rejected share the second rank."""
    texts = _ranked(rows)
    names = [f"response-{number}" for number in range(1, len(texts) + 1)]
    best = len(_chosen(rows))
    ranking = [{"value": name, "rank": 1 if place < best else 2} for place, name in enumerate(names)]
    yield {
        "fields": {"prompt": rows[0].prompt, **dict(zip(names, texts, strict=True))},
        "responses": [{"values": {"ranking": {"value": ranking}}, "status": "submitted"}],
        "external_id": str(rows[0].judgment_id),
    }


def hh(rows: Judged) -> Iterator[Record]:
    """Anthropic's HH-RLHF: two whole transcripts; raises BadRow for a text that would begin a turn of its own."""
    for record in trl(rows):
        yield WRITERS["hh"].record(record)


def with_metadata(record: Record, format_name: str, told: Mapping[str, Any] | None) -> Record:
    """Return the record with the metadata of its prompt, in the place that its format has for them.

    Where rows are read as tables they are a JSON text, so that the column has one type whatever they hold.
    """
    if format_name == "labelstudio":
        return {**record, "data": {**(told or {}), **record["data"]}}
    if format_name in ("seed", "argilla"):
        return {**record, METADATA: dict(told or {})}
    return {**record, METADATA: metadata.as_text(told)}


def _chosen(rows: Judged) -> list[str]:
    return list(dict.fromkeys(row.chosen for row in rows))


def _rejected(rows: Judged) -> list[str]:
    # Not by their texts: two candidates of a screen that say the same were two.
    first = rows[0].chosen
    return [row.rejected for row in rows if row.chosen == first]


def _ranked(rows: Judged) -> list[str]:
    return [*_chosen(rows), *_rejected(rows)]
