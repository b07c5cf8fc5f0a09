"""Test which fields beside the text are kept, under which names, and which a format needs for itself."""

from __future__ import annotations

import pytest

from app.services.exchange.incoming import beside
from app.services.exchange.rows import flat


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"text": "x", "language": "de", "id": 7, "tags": ["a"], "ok": False}, ["language", "id", "tags", "ok"]),
        ({"text": "x", "url": "", "note": None, "language": "de"}, ["language"]),
        ({"text": "x", "by": {"name": "Ada", "id": 1}}, ["by.name", "by.id"]),
        ({"text": "x", "metadata": {"language": "de"}, "data": {"id": 1}}, ["language", "id"]),
        ({"text": "x", "metadata": {"by": {"name": "Ada"}}}, ["by"]),
        ({"text": "x", "id": 1, "meta": {"id": 2}}, ["id", "meta.id"]),
        ({"text": "x", "metadata": '{"language": "de", "id": 1}'}, ["language", "id"]),
        ({"text": "x", "metadata": "{broken"}, ["metadata"]),
        ({"text": "x", "source": "a forum", "label": "rude"}, ["source", "label"]),
    ],
)
def test_every_field_beside_the_text_is_kept(row: dict[str, object], kept: list[str]) -> None:
    assert list(beside.metadata_of(flat(row), {"text"}, "")) == kept


@pytest.mark.parametrize("taken", [{"text", "by"}, {"text", "by.name", "by.id"}])
def test_what_is_left_out_is_not_kept_with_all_that_is_in_it(taken: set[str]) -> None:
    row = flat({"text": "x", "id": 1, "by": {"name": "Ada", "id": 1}})
    assert beside.metadata_of(row, taken, "") == {"id": 1}


@pytest.mark.parametrize(
    ("format_name", "row"),
    [
        ("preference", {"prompt": "x", "chosen": "a", "rejected": "b", "language": "de"}),
        ("pairs", {"toxic": "x", "neutral1": "a", "neutral2": "b", "language": "de"}),
        ("llamafactory", {"instruction": "x", "input": "", "system": "s", "chosen": "a", "language": "de"}),
    ],
)
def test_the_answers_of_a_format_are_no_metadata(format_name: str, row: dict[str, object]) -> None:
    assert beside.metadata_of(row, {"prompt"}, format_name) == {"language": "de"}


def test_the_bookkeeping_of_a_tool_is_offered_and_left_out_unless_wanted() -> None:
    task = flat(
        {
            "id": 3,
            "data": {"prompt": "x", "language": "de", "candidates": []},
            "annotations": [{"result": []}],
            "meta": {"judgment_id": 1, "batch": 2},
            "total_annotations": 1,
        }
    )
    fields = beside.fields_of([task], "labelstudio")
    assert fields == ["id", "data.language", "meta.batch", "total_annotations"]
    left_out = beside.bookkeeping(fields, "labelstudio")
    assert left_out == ("id", "total_annotations")
    assert beside.metadata_of(task, left_out, "labelstudio") == {"language": "de", "batch": 2}
    assert beside.bookkeeping(fields, "preference") == ()


def test_who_judged_and_when_is_offered_and_left_out_unless_wanted() -> None:
    pair: dict[str, object] = {"prompt": "x", "chosen": "a", "rejected": "b", "language": "de"}
    row = pair | {"Annotator": "Ada", "created_at": "2026-11-29", "judgment": "i-1", "verdict": "chosen"}
    fields = beside.fields_of([row], "preference")
    assert fields == ["language", "Annotator", "created_at"]
    assert beside.bookkeeping(fields, "preference") == ("Annotator", "created_at")
    assert beside.bookkeeping(fields, "") == ()
