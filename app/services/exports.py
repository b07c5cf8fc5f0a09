"""Standing preferences as JSON Lines in the field's own schemas, streamed: memory does not grow with the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Judgment, Preference
from models.formats.instructions import STUDIO_INSTRUCTION

INSTRUCTION = STUDIO_INSTRUCTION
_ROWS_AT_ONCE = 1_000

_Judged = list[Preference]  # the rows of one judgment


def stream(session: Session, format_name: str) -> Iterator[str]:
    """The lines of an export; `format_name` is a key of FORMATS."""
    render = FORMATS[format_name]
    rows = session.scalars(
        select(Preference)
        .join(Judgment)
        .where(Judgment.undone_at.is_(None))
        .order_by(Preference.judgment_id, Preference.id)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for _, group in groupby(rows, key=lambda row: row.judgment_id):
        judged = list(group)
        for record in render(judged):
            yield json.dumps(record, ensure_ascii=False) + "\n"
        for row in judged:
            session.expunge(row)


def _trl(rows: _Judged) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def _seed(rows: _Judged) -> Iterator[dict[str, Any]]:
    yield {"toxic": rows[0].prompt, "chosen": rows[0].chosen, "rejected": [row.rejected for row in rows]}


def _llamafactory(rows: _Judged) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"instruction": INSTRUCTION, "input": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def _labelstudio(rows: _Judged) -> Iterator[dict[str, Any]]:
    """A task for a `<List name="candidates">` ranked by a `<Ranker name="rank" toName="candidates">`."""
    items = [{"id": f"c{number}", "body": text} for number, text in enumerate(_ranked(rows), start=1)]
    result = {
        "type": "ranker",
        "from_name": "rank",
        "to_name": "candidates",
        "value": {"ranker": {"chosen": [items[0]["id"]], "rejected": [item["id"] for item in items[1:]]}},
    }
    yield {
        "data": {"prompt": rows[0].prompt, "candidates": items},
        "annotations": [{"ground_truth": False, "result": [result]}],
        "meta": {"judgment_id": rows[0].judgment_id},
    }


def _argilla(rows: _Judged) -> Iterator[dict[str, Any]]:
    """A record whose `ranking` question ranks the response fields; the rejected share the second rank."""
    texts = _ranked(rows)
    names = [f"response-{number}" for number in range(1, len(texts) + 1)]
    ranking = [{"value": name, "rank": 1 if name == names[0] else 2} for name in names]
    yield {
        "fields": {"prompt": rows[0].prompt, **dict(zip(names, texts, strict=True))},
        "responses": [{"values": {"ranking": {"value": ranking}}, "status": "submitted"}],
        "external_id": str(rows[0].judgment_id),
    }


def _ranked(rows: _Judged) -> list[str]:
    return [rows[0].chosen, *(row.rejected for row in rows)]


FORMATS: dict[str, Callable[[_Judged], Iterator[dict[str, Any]]]] = {
    "trl": _trl,
    "seed": _seed,
    "llamafactory": _llamafactory,
    "labelstudio": _labelstudio,
    "argilla": _argilla,
}
