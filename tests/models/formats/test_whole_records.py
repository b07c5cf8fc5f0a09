"""What each form writes and reads, whole: every field, every role, every name of a column."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from models.formats import WRITERS, Kind, Row, mix_rows, parse_mix, rows_of, write_records
from models.formats.catalog import FORMATS
from models.formats.detect import FORMAT_NAMES, check_name, detect
from models.formats.files.column_names import is_known
from models.formats.files.dialects import ONE_COLUMN, Dialect, dialect_of
from models.formats.files.pair_columns import Columns, Layout, layout_of, table_layout
from models.formats.files.problems import Problem
from models.formats.rows import BadRow
from models.formats.schemas.instructions import STUDIO_INSTRUCTION
from models.model_errors import DataFileError, PairFileError

TEXTS: Row = {"prompt": "p", "chosen": "good", "rejected": "bad"}
SYSTEM, ASKED = {"role": "system", "content": "s"}, {"role": "user", "content": "q"}
GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
TURNS = [SYSTEM, ASKED, GOOD, {"role": "user", "content": "q2"}]
CHAT: Row = {"prompt": TURNS, "chosen": [GOOD], "rejected": [BAD], "objective": "kind", "weight": 0.5}
BESIDE = {"objective": "kind", "weight": 0.5}


def written(name: str, *rows: Row) -> list[Any]:
    return list(write_records([(row, line) for line, row in enumerate(rows, start=1)], WRITERS[name]))


@pytest.mark.parametrize(
    ("name", "row", "record"),
    [
        ("trl", TEXTS, TEXTS),
        ("trl", CHAT, CHAT),
        ("trl-chat", TEXTS, {"prompt": [ASKED | {"content": "p"}], "chosen": [GOOD], "rejected": [BAD]}),
        ("trl-chat", CHAT, CHAT),
        ("chat", {"prompt": "q", "completion": "good"}, {"messages": [ASKED, GOOD]}),
        ("chat", {"prompt": TURNS, "completion": [GOOD]}, {"messages": [*TURNS, GOOD]}),
        ("hh", TEXTS, {"chosen": "\n\nHuman: p\n\nAssistant: good", "rejected": "\n\nHuman: p\n\nAssistant: bad"}),
        ("seed", TEXTS | BESIDE, {"toxic": "p", "chosen": "good", "rejected": ["bad"]} | BESIDE),
        (
            "seed",
            {"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]},
            {"toxic": "q", "chosen": "good", "rejected": ["bad"]},
        ),
        ("llamafactory", TEXTS, {"instruction": "p", "input": "", "chosen": "good", "rejected": "bad"}),
        (
            "llamafactory",
            CHAT,
            {
                "instruction": "q2",
                "input": "",
                "system": "s",
                "history": [["q", "good"]],
                "chosen": "good",
                "rejected": "bad",
            }
            | BESIDE,
        ),
        ("alpaca", {"prompt": [ASKED], "completion": [GOOD]}, {"instruction": "q", "input": "", "output": "good"}),
        ("csv", TEXTS, TEXTS),
        ("tsv", TEXTS, TEXTS),
        ("csv", CHAT, Problem(1, "a conversation of several turns has no place in this format")),
        ("tsv", TEXTS | {"chosen": "a\tb"}, Problem(1, "a text holds a tab, which parts the columns")),
        ("hh", CHAT, Problem(1, "a transcript has no turn of the role system")),
        ("hh", TEXTS | {"chosen": "a\n\nHuman: b"}, Problem(1, "a text holds what begins a turn in a transcript")),
        (
            "alpaca",
            {"prompt": [ASKED, ASKED], "completion": "a"},
            Problem(1, "the turns of its prompt do not alternate between user and assistant"),
        ),
    ],
)
def test_a_row_is_written_with_all_that_the_form_has_a_place_for(name: str, row: Row, record: Any) -> None:
    assert written(name, row) == [record]


def test_the_studios_json_gathers_what_was_rejected_for_one_choice_and_nothing_else() -> None:
    others = [TEXTS | {"rejected": "worse"}, TEXTS | {"chosen": "better"}, TEXTS | {"chosen": "better", "weight": 0.5}]
    assert written("seed", TEXTS, *others, TEXTS | {"prompt": "q"}) == [
        {"toxic": "p", "chosen": "good", "rejected": ["bad", "worse"]},
        {"toxic": "p", "chosen": "better", "rejected": ["bad"]},
        {"toxic": "p", "chosen": "better", "rejected": ["bad"], "weight": 0.5},
        {"toxic": "q", "chosen": "good", "rejected": ["bad"]},
    ]
    assert written("seed") == []


def test_every_form_that_is_written_has_its_kind_and_its_endings() -> None:
    assert {name: (writer.kind, tuple(writer.extensions)) for name, writer in WRITERS.items()} == {
        **dict.fromkeys(
            ("trl", "trl-chat", "seed", "llamafactory", "hh"), (Kind.PREFERENCE, ("jsonl", "ndjson", "json"))
        ),
        **dict.fromkeys(("completion", "chat", "alpaca"), (Kind.COMPLETION, ("jsonl", "ndjson", "json"))),
        "kto": (Kind.UNPAIRED, ("jsonl", "ndjson", "json")),
        "prompt": (Kind.PROMPT, ("jsonl", "ndjson", "json")),
        "ranked": (Kind.RANKED, ("jsonl", "ndjson", "json")),
        "csv": (Kind.PREFERENCE, ("csv",)),
        "tsv": (Kind.PREFERENCE, ("tsv",)),
        "jsonl": (None, ("jsonl", "ndjson", "json")),
    }


def reading(name: str, row: Row) -> Any:
    """The only row that a row is read as, or why it cannot be."""
    try:
        (found,) = FORMATS[name].read(row)  # type: ignore[misc]
    except BadRow as reason:
        return str(reason)
    return found


@pytest.mark.parametrize(
    ("name", "row", "found"),
    [
        ("alpaca", {"instruction": " i ", "input": " x ", "output": "o"}, {"prompt": "i\n\nx", "completion": "o"}),
        (
            "alpaca",
            {"instruction": STUDIO_INSTRUCTION, "input": "x", "output": "o"},
            {"prompt": "x", "completion": "o"},
        ),
        (
            "alpaca",
            {"instruction": STUDIO_INSTRUCTION, "output": "o"},
            {"prompt": STUDIO_INSTRUCTION, "completion": "o"},
        ),
        (
            "llamafactory",
            {"instruction": "q2", "system": "s", "history": [["q", "good"]], "chosen": "good", "rejected": "bad"},
            {"prompt": TURNS, "chosen": [GOOD], "rejected": [BAD]},
        ),
        ("alpaca", {"instruction": "i", "output": "o", "system": 1}, "system is not a text"),
        ("chat", {"messages": [ASKED]}, {"prompt": [ASKED]}),
        ("chat", {"messages": [ASKED, GOOD]}, {"prompt": [ASKED], "completion": [GOOD]}),
        ("chat", {"messages": [GOOD]}, "messages holds no answer to a user's turn"),
        ("chat", {"messages": [ASKED, SYSTEM]}, "messages holds no answer to a user's turn"),
        ("chat", {"messages": [GOOD, GOOD]}, "the prompt does not end with the user's turn"),
        ("chat", {"messages": [ASKED | {"role": "judge"}]}, "messages has a message of an unknown role, 'judge'"),
        (
            "sharegpt",
            {"system": "s", "conversations": [{"from": "human", "value": "q"}, {"role": "gpt", "content": "good"}]},
            {"prompt": [SYSTEM, ASKED], "completion": [GOOD]},
        ),
        (
            "sharegpt-preference",
            {
                "conversations": [{"from": "human", "value": "q"}],
                "chosen": "good",
                "rejected": [{"from": "gpt", "value": "bad"}],
            },
            {"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]},
        ),
        ("sharegpt", {"conversations": "x"}, "conversations is not a list of turns"),
        ("sharegpt", {"conversations": ["x"]}, "conversations has a turn that is not an object"),
        (
            "hh",
            {"chosen": "Human: q\n\nAssistant: good", "rejected": "\n\nHuman: q\n\nAssistant: bad\n"},
            {"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]},
        ),
        ("hh", {"chosen": "Humans: q", "rejected": "x"}, "chosen does not begin with a turn of Human or Assistant"),
        ("seed", {"toxic": "p", "chosen": "good", "rejected": "bad"}, TEXTS),
        ("seed", {"prompt": "p", "chosen": "good", "rejected": ["bad"]}, TEXTS),
        ("seed", {"toxic": "p", "chosen": "good", "rejected": []}, "rejected is empty"),
        (
            "kto",
            {"prompt": "p", "completion": "c", "label": " Yes "},
            {"prompt": "p", "completion": "c", "label": True},
        ),
        ("kto", {"prompt": "p", "completion": "c", "label": 0}, {"prompt": "p", "completion": "c", "label": False}),
        ("kto", {"prompt": "p", "completion": "c", "label": "maybe"}, "label is neither true nor false"),
        ("prompt", {"source": "p"}, {"prompt": "p"}),
        ("prompt", {"x": "p"}, "there is no prompt: the fields are x"),
        ("prompt", {}, "there is no prompt: the fields are none"),
        (
            "ranked",
            {"prompt": "p", "responses": ["a", "b", "c"], "scores": [1, "3", 3.0]},
            {"prompt": "p", "responses": ["b", "c", "a"], "scores": [3.0, 3.0, 1.0]},
        ),
        ("ranked", {"prompt": "p", "responses": ["a", " "]}, "response 2 is empty"),
        ("preference", {"prompt": "p", "chosen": 1, "rejected": "b"}, "chosen is not a text"),
        ("preference", {"chosen": "a", "rejected": "b"}, "there is no prompt"),
        (
            "preference",
            {"prompt": [ASKED], "chosen": [ASKED], "rejected": [BAD]},
            "chosen does not end with the assistant's turn",
        ),
        (
            "preference",
            {"prompt": "q", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            {"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]},
        ),
        (
            "preference",
            {"prompt": [SYSTEM], "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            {"prompt": [SYSTEM, ASKED], "chosen": [GOOD], "rejected": [BAD]},
        ),
        (
            "preference",
            {"prompt": [ASKED], "chosen": [ASKED, GOOD], "rejected": [GOOD, BAD]},
            "chosen and rejected differ before their last turns",
        ),
    ],
)
def test_a_row_is_read_as_one_of_trls_shapes_or_refused_by_what_is_wrong(name: str, row: Row, found: Any) -> None:
    assert reading(name, row) == found


@pytest.mark.parametrize("name", [*FORMATS])
def test_the_example_of_each_format_is_known_as_that_format(name: str) -> None:
    row = {key.casefold(): value for key, value in json.loads(FORMATS[name].example).items()}
    assert detect([row]) == ("ultrafeedback" if name == "ultrafeedback-fine-grained" else name)
    assert rows_of([row], FORMATS[name].kind, format=name).problems == ()


def test_formats_are_told_by_what_most_rows_have_and_an_unknown_name_is_refused() -> None:
    assert detect([]) == detect([{"x": 1}]) == ""
    assert detect([{"x": 1}, {"x": 2}, TEXTS]) == "preference"
    assert detect([{"prompt": "p"}, TEXTS, TEXTS]) == "preference"
    assert detect([{"source": "a", "target": "b"}]) == "pairs"
    with pytest.raises(DataFileError) as refusal:
        check_name("x")
    assert str(refusal.value) == f"There is no format x: it is one of {', '.join(FORMAT_NAMES)}."
    assert (FORMAT_NAMES[0], FORMAT_NAMES[-2:]) == ("auto", ("pairs", "prompt"))


@pytest.mark.parametrize(
    "name", ["Prompt", " text ", "neutral", "neutral2", "rewrite_1", "REFERENCE3", "target_10", "overlap"]
)
def test_names_of_columns_are_known_in_any_case_and_with_a_number(name: str) -> None:
    assert is_known(name)
    assert not is_known(f"my {name}")
    assert not is_known("neutral2x")


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("", Dialect(ONE_COLUMN)),
        ("sep=;\na;b\n1;2\n", Dialect(";", separator_line=True)),
        ('"SEP=|"\na|b\n', Dialect("|", separator_line=True)),
        ("prompt,chosen\na,b\n", Dialect(",")),
        ("prompt;chosen\na, b, c;d, e, f\ng;h\n", Dialect(";")),
        ("prompt|chosen\na|b\n", Dialect("|")),
        ("prompt\tchosen\na\tb\n", Dialect("\t")),
        ("A report,\nof today,\nprompt,chosen\na,b\n", Dialect(",", titles=2)),
        ("prompt\na, b\nc\n", Dialect(",")),
        ("Well, no.\nOh, yes, and more.\nNo\n", Dialect(ONE_COLUMN, header=False)),
        ("one,2\nthree,4\n", Dialect(",", header=False)),
        ("name,count\none,2\nthree,4\n", Dialect(",")),
        ("a,a\nb,c\n", Dialect(",", header=False)),
    ],
)
def test_a_dialect_is_told_by_the_first_lines(text: str, dialect: Dialect) -> None:
    lines = io.StringIO(text)
    assert dialect_of(lines, ",") == dialect
    assert lines.tell() == 0


@pytest.mark.parametrize(
    ("header", "columns", "found", "note"),
    [
        (["Source", "x", "target"], Columns(), (Layout((0,), (2,), 3), True), ""),
        (["toxic", "neutral2", "neutral_1"], Columns(), (Layout((0,), (1, 2), 3), True), ""),
        (["input", "instruction", "output"], Columns(), (Layout((1, 0), (2,), 3), True), ""),
        (["a", "b", "target"], Columns("b", "a"), (Layout((1,), (0,), 3), True), ""),
        (["one", "two"], Columns(), (Layout((0,), (1,), 2), True), "line 1 is read as their header (one, two)"),
        (["you fool!", "you"], Columns(), (Layout((0,), (1,), 2), False), "line 1 is read as a pair"),
    ],
)
def test_the_columns_of_a_pair_are_told_by_the_header(
    header: list[str], columns: Columns, found: Any, note: str
) -> None:
    notes: list[str] = []
    assert table_layout(header, columns, notes) == found
    said = f"No known column names were found, so the first two columns are source and target; {note}."
    assert notes == ([said] if note else [])


def test_columns_of_a_pair_that_are_not_there_are_refused_with_those_that_are() -> None:
    for header, columns, sentence in (
        (["a"], Columns(), "Line 1 has one column: a file of pairs has two or more, or one object a line in .jsonl."),
        (["a", "b"], Columns("a", "A "), "The column a cannot be both the source and the target."),
        (
            ["a", "b"],
            Columns("c"),
            "There is no source column c with a target column of a known name: the columns are a, b.",
        ),
        (
            ["a", "b"],
            Columns("", "c"),
            "There is no source column of a known name with a target column c: the columns are a, b.",
        ),
    ):
        with pytest.raises(PairFileError) as refusal:
            table_layout(header, columns, [])
        assert str(refusal.value) == sentence
    assert layout_of({"Text": 1, "rewrite": 2}, Columns()) == Layout(("Text",), ("rewrite",))
    assert layout_of({}, Columns()).problem == (
        "There is no known pair of columns, such as source and target: the columns are none"
    )


def test_a_mix_draws_the_same_rows_by_the_same_seed_and_says_how_many() -> None:
    rows = {name: [{"prompt": f"{name} {number}"} for number in range(6)] for name in ("a", "b")}
    mixed, said = mix_rows(rows, {"a": 1.0, "b": 0.5}, seed=3)
    assert said == "The mix has 9 rows: 6 of 6 a, 3 of 6 b."
    assert mixed == mix_rows(rows, {"b": 0.5, "a": 1.0}, seed=3)[0]
    assert sorted(row["prompt"] for row in mixed if row["objective"] == "a") == [f"a {number}" for number in range(6)]
    assert [row["prompt"] for row in mixed] != [
        row["prompt"] for row in mix_rows(rows, {"a": 1.0, "b": 0.5}, seed=4)[0]
    ]
    assert parse_mix(" a = 0.5 ,b=2") == {"a": 0.5, "b": 2.0}
    for wrong, sentence in (
        ("a", "'a' is not an objective and a weight above 0, such as helpful=0.5."),
        ("=1", "'=1' is not an objective and a weight above 0, such as helpful=0.5."),
        ("a=0", "'a=0' is not an objective and a weight above 0, such as helpful=0.5."),
        ("a=1,a=2", "The objective a has two weights."),
    ):
        with pytest.raises(DataFileError) as refusal:
            parse_mix(wrong)
        assert str(refusal.value) == sentence
    with pytest.raises(DataFileError) as refusal:
        mix_rows({"a": rows["a"], "": rows["b"]}, {"a": 1, "c": 2}, 0)
    assert str(refusal.value) == (
        "The mix names a, c, but the objectives of the data are (rows without an objective), a."
    )
    with pytest.raises(DataFileError) as refusal:
        mix_rows({"a": rows["a"], "b": rows["b"][:1]}, {"a": 0.1, "b": 1}, 0)
    assert str(refusal.value) == "By these weights no row of the objective a is used: the others are too scarce."
