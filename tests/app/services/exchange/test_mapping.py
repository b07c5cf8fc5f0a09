"""What the rows of a file mean: its format, its columns, and the choices that its rows hold."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.domain_errors import Invalid, Malformed
from app.services.exchange import imports
from app.services.exchange.mapping import (
    FROM_FORMAT,
    ColumnMapping,
    Found,
    guess,
    is_known,
    prompt_row,
    read_judgments,
)
from app.services.exchange.mapping import look as look_at
from app.services.exchange.rows import FileRow, flat
from app.services.prompts.prompts import PromptRow
from models.formats.annotations import Annotation
from models.formats.rows import BadRow
from tests.app.services.exchange.conftest import look
from tests.studio import Person


def test_columns_are_found_by_the_names_that_the_page_has_for_them(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "Text,Priority,Overlap,Right rewrite,Wrong rewrites\none,1,3,two,three|four\n")
    mapping = imports.preview(session, path, {}, 1000).mapping
    assert (mapping.text, mapping.priority, mapping.overlap) == ("Text", "Priority", "Overlap")
    assert (mapping.gold, mapping.gold_wrong) == ("Right rewrite", "Wrong rewrites")


def test_pairs_of_a_text_and_its_rewrite_are_texts_and_no_judgments(session: Session, write: Any) -> None:
    found = look(session, write("a.tsv", "toxic\tneutral1\tneutral2\nyou fool\tyou\t\nmoron\tperson\thuman\n"))
    assert (found.mapping.text, found.found.judged, found.usable, found.judgments) == ("toxic", False, 2, 0)


def found_in(*objects: dict[str, object]) -> Found:
    return look_at([FileRow(number, flat(one)) for number, one in enumerate(objects, start=1)])


@pytest.mark.parametrize(
    ("fields", "format_name", "judged", "text"),
    [
        ({"Prompt": "a", "chosen": "b", "rejected": "c"}, "preference", True, "Prompt"),
        ({"toxic": "a", "chosen": "b", "rejected": ["c", "d"]}, "seed", True, "toxic"),
        ({"instruction": "Greet.", "input": "a", "chosen": "b", "rejected": "c"}, "llamafactory", True, FROM_FORMAT),
        ({"messages": [{"role": "user", "content": "a"}]}, "chat", False, FROM_FORMAT),
        ({"id": 7, "comment": "a"}, "", False, "comment"),
        ({"id": 7, "said": "a"}, "", False, "said"),
    ],
)
def test_the_format_and_the_column_of_the_text_are_guessed_from_the_first_rows(
    fields: dict[str, object], format_name: str, judged: bool, text: str
) -> None:
    found = found_in(fields)
    assert (found.format, found.judged) == (format_name, judged)
    assert guess(found, "json", True).text == text
    assert is_known(text) == (text != "said")


def test_a_file_whose_sides_are_null_is_one_of_judgments_so_that_each_row_is_listed() -> None:
    row: dict[str, object] = {"prompt": "a", "chosen": "b", "rejected": None}
    found = found_in(row, row)
    assert (found.format, found.judged) == ("preference", True)


def test_a_row_that_cannot_be_read_says_nothing_of_the_columns() -> None:
    rows = [
        FileRow(1, {"text": "one", "of": {"list": 1}}),
        FileRow(2, {"strange": "x"}, "It is broken."),
        FileRow(3, "y"),
    ]
    assert look_at(rows).columns == ("text",)


@pytest.mark.parametrize(
    ("values", "mapping"),
    [
        ({"layout": "csv"}, ColumnMapping("csv")),
        ({"layout": "tsv", "header": "no", "text": "q", "gold": None}, ColumnMapping("tsv", False, "q")),
        ({"layout": "json", "header": True, "overlap": "k"}, ColumnMapping("json", True, overlap="k")),
    ],
)
def test_a_mapping_is_read_from_what_was_sent_and_back(values: dict[str, object], mapping: ColumnMapping) -> None:
    assert ColumnMapping.parse(values) == mapping
    assert ColumnMapping.parse(mapping.as_json()) == mapping


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "layout must be one of csv, tsv, json, jsonl, lines, xlsx, parquet."),
        ({"layout": "csv", "priority": ["p"]}, "priority must be the name of a column."),
        ({"layout": "csv", "gold": "x" * 201}, "gold must be the name of a column."),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        ColumnMapping.parse(values)
    assert str(refusal.value) == sentence


def test_a_row_gives_the_prompt_and_what_the_mapped_columns_say() -> None:
    mapping = ColumnMapping("json", text="data.q", priority="p")
    value = flat({"data": {"q": "12"}, "p": 3, "gold": "not mapped"})
    assert prompt_row(FileRow(4, value), mapping, "") == PromptRow(4, "12", priority=3, metadata={"gold": "not mapped"})
    assert prompt_row(FileRow(5, "a text"), mapping, "") == PromptRow(5, "a text")
    fields: dict[str, object] = {
        "Messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    }
    assert prompt_row(FileRow(6, fields), ColumnMapping("json", text=FROM_FORMAT), "chat").text == "hi"


@pytest.mark.parametrize(
    ("text", "format_name", "reason"),
    [
        ("q", "", "there is nothing under q"),
        ("", "", "no column is named for the text"),
        (FROM_FORMAT, "", "its format is not known"),
        (FROM_FORMAT, "preference", "there is no chosen: the fields are other"),
    ],
)
def test_a_row_without_a_prompt_says_why(text: str, format_name: str, reason: str) -> None:
    with pytest.raises(BadRow, match=f"^{reason}$"):
        prompt_row(FileRow(1, {"other": "x"}), ColumnMapping("json", text=text), format_name)


def sides(value: dict[str, object], format_name: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    found = read_judgments(value, format_name)
    assert isinstance(found, list)
    (one,) = found
    assert isinstance(one, Annotation)
    return one.verdict, one.better, one.worse


def test_the_best_of_a_ranking_is_judged_better_than_each_of_the_rest() -> None:
    value: dict[str, object] = {"prompt": "p", "responses": [" a ", "b", "c"], "scores": [2, 1, 2]}
    assert sides(value, "ranked") == ("tie", ("a", "c"), ("b",))
    del value["scores"]
    assert sides(value, "ranked") == ("chosen", ("a",), ("b", "c"))


def test_an_answer_of_one_turn_is_its_text_and_conversations_that_part_early_are_no_judgments() -> None:
    def side(*said: str) -> list[dict[str, str]]:
        return [
            {"role": "user" if place % 2 else "assistant", "content": content} for place, content in enumerate(said)
        ]

    prompt = [{"role": "user", "content": "p"}]
    value: dict[str, object] = {"prompt": prompt, "chosen": side("a "), "rejected": side("b")}
    assert sides(value, "preference") == ("chosen", ("a",), ("b",))
    with pytest.raises(BadRow, match="differ before their last turns"):
        read_judgments({"prompt": prompt, "chosen": side("a", "x", "y"), "rejected": side("b")}, "preference")
    with pytest.raises(BadRow, match=r"^it is a text alone$"):
        read_judgments("a", "preference")
    with pytest.raises(BadRow, match=r"^chosen and rejected are the same$"):
        read_judgments({"prompt": "p", "chosen": "a", "rejected": " a"}, "preference")
    with pytest.raises(BadRow, match=r"^a label without the key of a judgment is none$"):
        read_judgments({"prompt": "p", "completion": "a", "label": True}, "kto")


def test_rows_of_too_many_different_fields_are_refused() -> None:
    found = [FileRow(line, {f"f{line}-{number}": "x" for number in range(21)}) for line in range(100)]
    assert len(look_at(found[:95]).columns) == 1995
    with pytest.raises(
        Malformed, match=r"^The rows have more than 2,000 different fields: leave out those that are not needed\.$"
    ):
        look_at(found)
