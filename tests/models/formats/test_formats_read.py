"""Every format that people bring: found by itself, read into one shape, and no row lost without a word."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.services.exchange import exports
from app.services.exchange.export_formats import Pair
from models.formats import FORMATS, Kind, Row, RowFile, read_rows, rows_from, rows_of
from models.formats.files.pair_files import read_pair_file
from models.model_errors import DataFileError
from tests import factories

SHARED = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))
HH = SHARED / "hh_rlhf_harmless_sample.jsonl.gz"
INSTRUCTIONS = SHARED / "instructions_sample.jsonl"
PARADETOX = SHARED / "paradetox.tsv"
real_data = pytest.mark.skipif(
    not all(path.is_file() for path in (HH, INSTRUCTIONS, PARADETOX)),
    reason=f"{SHARED} is not there: name the folder of the data in MELLOW_SHARED_DATA",
)

HEARD = "\n\nHuman: Hi\n\nAssistant:"
ASKED = [{"role": "user", "content": "Hi"}]
HELLO = [{"role": "assistant", "content": "Hello!"}]
WHAT = [{"role": "assistant", "content": "What?"}]
PREFERENCE = {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}
CHAT = {"prompt": ASKED, "chosen": HELLO, "rejected": WHAT}


def read(*objects: Any, name: str = "a.jsonl", **wishes: Any) -> RowFile:
    return rows_from("\n".join(json.dumps(one) for one in objects).encode(), name, **wishes)


def reasons(file: RowFile) -> list[str]:
    return [problem.reason for problem in file.problems]


@pytest.mark.parametrize(
    ("found", "given_row", "rows"),
    [
        ("preference", PREFERENCE, [PREFERENCE]),
        ("preference", CHAT, [CHAT]),
        ("preference", {"chosen": ASKED + HELLO, "rejected": ASKED + WHAT}, [CHAT]),
        ("preference", {"prompt": "Hi", "chosen": ASKED + HELLO, "rejected": ASKED + WHAT}, [CHAT]),
        ("preference", {"prompt": "Hi", "chosen": HELLO, "rejected": "What?"}, [CHAT]),
        ("hh", {"chosen": f"{HEARD} Hello!", "rejected": f"{HEARD} What?"}, [CHAT]),
        ("llamafactory", {"instruction": "Hi", "input": "", "chosen": "Hello!", "rejected": "What?"}, [PREFERENCE]),
        ("shp", {"history": "Hi", "human_ref_A": "What?", "human_ref_B": "Hello!", "labels": 0}, [PREFERENCE]),
        ("shp", {"history": "Hi", "human_ref_A": "Hello!", "human_ref_B": "What?", "labels": 1}, [PREFERENCE]),
        ("seed", {"toxic": "Hi", "chosen": "Hello!", "rejected": ["What?"]}, [PREFERENCE]),
        (
            "sharegpt-preference",
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": "Hello!"},
                "rejected": {"from": "gpt", "value": "What?"},
            },
            [CHAT],
        ),
        ("ranked", {"prompt": "Hi", "responses": ["Hello!", "What?"]}, [PREFERENCE]),
        ("ranked", {"prompt": "Hi", "responses": ["What?", "Hello!"], "scores": [1, 2]}, [PREFERENCE]),
        (
            "ultrafeedback",
            {
                "instruction": "Hi",
                "completions": [
                    {"response": "What?", "overall_score": 2.0, "fine-grained_score": 5.0},
                    {"response": "Hello!", "overall_score": 8.5, "fine-grained_score": 1.0},
                ],
            },
            [PREFERENCE],
        ),
        (
            "ultrafeedback",
            {
                "instruction": "Hi",
                "completions": [
                    {"response": "What?", "annotations": {"honesty": {"Rating": "1"}, "help": {"Rating": "N/A"}}},
                    {"response": "Hello!", "annotations": {"honesty": {"Rating": "4"}, "help": {"Rating": "5"}}},
                ],
            },
            [PREFERENCE],
        ),
        (
            "pairs",
            {"source": "Hi", "target": ["Hello!", "Yes"]},
            [
                {"prompt": "Hi", "chosen": "Hello!", "rejected": "Hi"},
                {"prompt": "Hi", "chosen": "Yes", "rejected": "Hi"},
            ],
        ),
    ],
)
def test_every_form_of_a_preference_is_found_and_read(found: str, given_row: Row, rows: list[Row]) -> None:
    file = read(given_row, kind=Kind.PREFERENCE)
    assert (file.format, file.problem_report(), list(file.rows)) == (found, "", rows)


@pytest.mark.parametrize(
    ("found", "given_row", "row"),
    [
        ("completion", {"prompt": "Hi", "completion": "Hello!"}, {"prompt": "Hi", "completion": "Hello!"}),
        (
            "alpaca",
            {"instruction": "Greet.", "input": "Hi", "output": "Yo"},
            {"prompt": "Greet.\n\nHi", "completion": "Yo"},
        ),
        ("chat", {"messages": ASKED + HELLO}, {"prompt": ASKED, "completion": HELLO}),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]},
            {"prompt": ASKED, "completion": HELLO},
        ),
        ("kto", {"prompt": "Hi", "completion": "Hello!", "label": True}, {"prompt": "Hi", "completion": "Hello!"}),
    ],
)
def test_every_form_of_an_answer_is_found_and_read(found: str, given_row: Row, row: Row) -> None:
    file = read(given_row, kind=Kind.COMPLETION)
    assert (file.format, file.rows) == (found, (row,))


@pytest.mark.parametrize("one", FORMATS.values(), ids=lambda one: one.name)
def test_the_example_of_a_format_is_read_as_what_it_says(one: Any) -> None:
    file = read(json.loads(one.example), format=one.name)
    assert (file.kind, file.problems) == (one.kind, ())
    assert file.rows
    if one.name != "ultrafeedback-fine-grained":
        assert read(json.loads(one.example)).format == one.name


@pytest.mark.parametrize("name", ["trl", "seed", "llamafactory"])
def test_what_the_studio_exports_is_read_back(name: str) -> None:
    rows = [Pair(7, "you fool", "you", rejected) for rejected in ("ha", "you idiot")]
    file = read(*exports.PAIR_FORMATS[name](rows), kind=Kind.PREFERENCE)
    assert list(file.rows) == [
        {"prompt": "you fool", "chosen": "you", "rejected": rejected} for rejected in ("ha", "you idiot")
    ]


@pytest.mark.parametrize("name", ["labelstudio", "argilla"])
def test_what_the_studio_exports_with_its_screens_is_read_back(session: Session, name: str) -> None:
    prompt = factories.prompt(session, "you fool")
    screen = factories.generation(session, factories.user(session).id, ["ha", "you", "you idiot"], prompt=prompt)
    factories.judgment(session, screen, candidate_id=screen.candidates[1].id)
    (record,) = json.loads("".join(exports.stream(session, name)))
    assert list(read(record, kind=Kind.PREFERENCE).rows) == [
        {"prompt": "you fool", "chosen": "you", "rejected": rejected} for rejected in ("ha", "you idiot")
    ]


@pytest.mark.parametrize("one", FORMATS.values(), ids=lambda one: one.name)
def test_every_format_is_in_the_guide_with_its_example(one: Any) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "data-formats.md").read_text()
    assert f"| `{one.name}` |" in guide
    assert f"\n    {one.example}\n" in guide


def test_earlier_turns_and_a_system_text_of_llamafactory_are_kept() -> None:
    row = {"instruction": "b", "system": "s", "history": [["q", "a"]], "chosen": "c", "rejected": "r"}
    (made,) = read(row, kind=Kind.PREFERENCE).rows
    assert [(turn["role"], turn["content"]) for turn in made["prompt"]] == [
        ("system", "s"),
        ("user", "q"),
        ("assistant", "a"),
        ("user", "b"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"prompt": "Hi", "chosen": "a"}, "there is no rejected: the fields are prompt, chosen"),
        ({"prompt": "Hi", "chosen": 3, "rejected": "b"}, "chosen is not a text"),
        ({"prompt": " ", "chosen": "a", "rejected": "b"}, "prompt is empty"),
        ({"prompt": "Hi", "chosen": "a", "rejected": " a\n"}, "chosen and rejected are the same"),
        ({"prompt": "Hi", "chosen": "a\0", "rejected": "b"}, "it holds characters that cannot be stored"),
        ({"chosen": "a", "rejected": "b"}, "there is no prompt"),
        ({"prompt": "Hi", "chosen": [{"role": "bot", "content": "a"}], "rejected": "b"},
         "chosen has a message of an unknown role, 'bot'"),
        ({"prompt": "Hi", "chosen": [{"role": "assistant"}], "rejected": "b"},
         "chosen has a message without role and content"),
        ({"prompt": HELLO, "chosen": HELLO, "rejected": WHAT}, "the prompt does not end with the user's turn"),
        ({"chosen": ASKED + HELLO, "rejected": ASKED}, "rejected does not end with the assistant's turn"),
        ({"chosen": ASKED + HELLO, "rejected": [*ASKED, *ASKED, *HELLO]},
         "chosen and rejected differ before their last turns"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_reported_with_its_line(bad: Row, reason: str) -> None:
    file = read(PREFERENCE, PREFERENCE, bad, kind=Kind.PREFERENCE, format="preference")
    assert [(problem.line, problem.reason) for problem in file.problems] == [(3, reason)]
    assert file.duplicates == 1
    assert file.problem_report() == f"1 of 3 rows was left out: line 3 ({reason})."


@pytest.mark.parametrize(
    ("found", "given_row", "row"),
    [
        (
            "preference",
            {"prompt": "Hi", "accepted": "a", "rejected": "b"},
            PREFERENCE | {"chosen": "a", "rejected": "b"},
        ),
        ("completion", {"prompt": "Hi", "response": "a"}, {"prompt": "Hi", "completion": "a"}),
        ("kto", {"prompt": "Hi", "response": "a", "label": 0}, {"prompt": "Hi", "completion": "a", "label": False}),
        (
            "kto",
            {"prompt": "Hi", "response": "a", "accepted": True},
            {"prompt": "Hi", "completion": "a", "label": True},
        ),
        (
            "preference",
            {"prompt": "Hi", "chosen": "a", "rejected": "b", "accepted": "c", "response": "d"},
            {"prompt": "Hi", "chosen": "a", "rejected": "b"},
        ),
    ],
)
def test_what_other_programs_call_accepted_and_response_is_read_as_such(found: str, given_row: Row, row: Row) -> None:
    """As prompts alone they would lose all that was said of the answers."""
    file = read(given_row)
    assert file.format == found
    assert file.rows == (row | {"prompt": "Hi"},)


USER, CALL = {"role": "user", "content": "weather?"}, [{"type": "function", "function": {"name": "weather"}}]
SUN = {"role": "assistant", "content": "It is sunny."}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"messages": [USER, {**SUN, "tool_calls": CALL}]}, "messages calls a tool, which is not supported"),
        ({"messages": [USER, {**SUN, "function_call": CALL[0]}]}, "messages calls a tool, which is not supported"),
        (
            {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": CALL}, USER, SUN]},
            "messages calls a tool, which is not supported",
        ),
        (
            {"messages": [USER, {"role": "tool", "content": "sunny"}, SUN]},
            "messages holds the answer of a tool, which is not supported",
        ),
        ({"messages": [USER, SUN], "tools": CALL}, "tools offers tools to the model, which is not supported"),
        (
            {"messages": [USER, SUN], "tools": '[{"name": "w"}]'},
            "tools offers tools to the model, which is not supported",
        ),
    ],
)
def test_a_conversation_with_tools_is_left_out_and_not_read_without_them(bad: Row, reason: str) -> None:
    plain = {"messages": [USER, {**SUN, "tool_calls": None}], "tools": []}
    found = read(plain, plain, bad, kind=Kind.COMPLETION)
    assert [row["completion"][0]["content"] for row in found.rows] == [SUN["content"]] * 2
    assert [(one.line, one.reason) for one in found.problems] == [(3, reason)]


def test_sharegpt_turns_of_tools_are_left_out_too() -> None:
    plain: Row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]}
    call = {"from": "function_call", "value": "{}"}
    sun = {"from": "gpt", "value": "Sunny.", "tool_calls": CALL}
    bad = [{"conversations": [plain["conversations"][0], turn]} for turn in (call, sun)]
    found = read(plain, plain, plain, *bad, kind=Kind.COMPLETION)
    assert [one.line for one in found.problems] == [4, 5]
    assert all("tool" in one.reason for one in found.problems)


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        (
            f"{HEARD} a\n\nHuman: b\n\nAssistant: c",
            f"{HEARD} x\n\nHuman: b\n\nAssistant: d",
            "differ before their last",
        ),
        (f"{HEARD} a", "\n\nHuman: Hi", "rejected does not end with the assistant's turn"),
        (f"{HEARD} a", HEARD, "rejected has an empty turn of Assistant"),
    ],
)
def test_transcripts_that_are_no_pair_are_refused(chosen: str, rejected: str, reason: str) -> None:
    file = read({"chosen": chosen, "rejected": rejected}, kind=Kind.PREFERENCE)
    assert file.format == "hh"
    assert reason in reasons(file)[0]


def test_more_than_half_bad_is_refused_and_bad_rows_without_end_are_counted() -> None:
    file = read(PREFERENCE, *([PREFERENCE | {"chosen": ""}] * 1500), kind=Kind.PREFERENCE)
    assert (len(file.problems), file.problem_count, file.row_count) == (1000, 1500, 1501)
    with pytest.raises(DataFileError, match=r"cannot be used\. 1,500 of 1,501 rows were left out: "):
        file.check_usable()
    with pytest.raises(DataFileError, match="The file holds no rows"):
        read(kind=Kind.PREFERENCE, format="preference").check_usable()


def test_a_kind_that_cannot_be_made_is_refused_in_one_sentence() -> None:
    with pytest.raises(DataFileError) as caught:
        read({"instruction": "a", "output": "b"}, kind=Kind.PREFERENCE)
    assert str(caught.value) == (
        "The file is in the format alpaca and holds prompts with one answer, of which pairs of a chosen and a rejected "
        "answer cannot be made."
    )


def test_unknown_names_are_refused_with_those_that_are_known() -> None:
    for wish, message in (
        ({"format": "x"}, "There is no format x: it is one of auto, "),
        ({"ranking": "x"}, "There is no ranking x: it is one of best-vs-rest, all, adjacent"),
        ({"columns": {"prompt": "q"}}, "There is no column q: the columns are prompt, chosen, rejected"),
    ):
        with pytest.raises(DataFileError, match=message):
            read(PREFERENCE, kind=Kind.PREFERENCE, **wish)
    with pytest.raises(DataFileError, match="No format is known that has these fields: x, y"):
        read({"x": "a", "y": "b"})


def test_columns_of_other_names_are_read() -> None:
    row = {"Question": "Hi", "good": "Hello!", "bad": "What?", "prompt": "not this"}
    columns = {"prompt": "question", "chosen": "good", "rejected": "bad"}
    assert read(row, kind=Kind.PREFERENCE, columns=columns).rows == (PREFERENCE,)
    table = b"before,after\nyou fool,you\n"
    file = rows_from(table, "a.csv", Kind.COMPLETION, columns={"source": "before", "target": "after"})
    assert file.rows == ({"prompt": "you fool", "completion": "you"},)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([PREFERENCE, PREFERENCE | {"chosen": "Hey"}], indent=1),
        json.dumps({"about": {"data": []}, "data": [PREFERENCE, PREFERENCE | {"chosen": "Hey"}], "n": 2}, indent=1),
        f"{json.dumps(PREFERENCE)}\n{json.dumps(PREFERENCE | {'chosen': 'Hey'})}\n",
    ],
)
def test_a_json_file_is_a_list_or_data_or_lines(text: str) -> None:
    for body, name in ((text.encode(), "a.json"), (gzip.compress(text.encode()), "a.json.gz")):
        file = rows_from(body, name, Kind.PREFERENCE)
        assert [row["chosen"] for row in file.rows] == ["Hello!", "Hey"]
        assert [text.splitlines()[line - 1].strip()[:1] for line in file.lines] == ["{", "{"] or '"data"' in text


def test_a_broken_document_or_archive_is_named_with_its_line() -> None:
    with pytest.raises(DataFileError, match="The file is not whole JSON: what begins in line 3 cannot be read"):
        rows_from(b'[\n{"prompt": "a"},\n{"prompt" "b"}\n]', "a.json")
    with pytest.raises(DataFileError, match="not whole gzip data"):
        rows_from(gzip.compress(b"{}\n")[:-9], "a.jsonl.gz")


def test_a_table_of_preferences_or_labels_is_read_by_its_header() -> None:
    file = rows_from(b'prompt,chosen,rejected\nHi,Hello!,What?\nHi,,a\nHi,b\n"a\nb",c,d\n', "a.csv", Kind.PREFERENCE)
    assert (file.format, file.lines) == ("preference", (2, 5))
    assert reasons(file) == ["there is no chosen: the fields are prompt, rejected", "2 columns instead of 3"]
    labels = rows_from(b"prompt\tcompletion\tlabel\na\tb\ttrue\na\tc\t0\na\td\tmaybe\n", "a.tsv", Kind.UNPAIRED)
    assert [row["label"] for row in labels.rows] == [True, False]
    assert reasons(labels) == ["label is neither true nor false"]


def test_a_table_of_unknown_columns_is_never_taken_for_judgments() -> None:
    table = b"question,better,worse\nHi,Hello!,What?\n"
    with pytest.raises(DataFileError, match="No format is known that has these fields: question, better, worse"):
        rows_from(table, "a.csv", Kind.PREFERENCE)
    assert rows_from(table, "a.csv", Kind.COMPLETION).notes[0].startswith("No known column names were found")
    assert rows_from(b"you fool,you\n", "a.csv", Kind.PREFERENCE, format="pairs").rows[0]["rejected"] == "you fool"


def test_prompts_are_read_once_each_from_anything() -> None:
    file = read(PREFERENCE, PREFERENCE | {"chosen": "Hey"}, PREFERENCE | {"prompt": "Ho"}, kind=Kind.PROMPT)
    assert (file.rows, file.lines, file.row_count) == (({"prompt": "Hi"}, {"prompt": "Ho"}), (1, 3), 3)
    assert file.notes == ("Rows whose prompt stands in an earlier row: 1.",)
    assert rows_from(b"one\n\ntwo, three\n", "a.txt", Kind.PROMPT).rows == ({"prompt": "one"}, {"prompt": "two, three"})
    assert rows_from(b"toxic,id\nyou fool,1\n", "a.csv", Kind.PROMPT).rows == ({"prompt": "you fool"},)


def test_a_conversation_that_waits_for_an_answer_is_a_prompt_and_no_completion() -> None:
    assert read({"messages": ASKED}, kind=Kind.PROMPT).rows == ({"prompt": ASKED},)
    file = read({"messages": ASKED}, {"messages": ASKED + HELLO}, kind=Kind.COMPLETION)
    assert reasons(file) == ["it holds prompts alone, of which prompts with one answer cannot be made"]


def test_a_dataset_fills_missing_fields_with_none_and_is_read_all_the_same() -> None:
    rows = [PREFERENCE | {"messages": None, "instruction": None, "label": None}]
    assert rows_of(rows, Kind.PREFERENCE).rows == (PREFERENCE,)


def test_an_objective_stays_with_every_row_that_is_made() -> None:
    file = read(PREFERENCE | {"objective": "helpful"}, PREFERENCE | {"objective": 3}, kind=Kind.UNPAIRED)
    assert [row["objective"] for row in file.rows] == ["helpful", "helpful"]
    assert reasons(file) == ["objective is not a text"]


UNPAIRED_ROW = {"prompt": "you fool", "completion": "you", "label": True}


@pytest.mark.parametrize(
    ("row", "kind", "weights"),
    [
        (PREFERENCE, Kind.PREFERENCE, [0.5]),
        (PREFERENCE, Kind.UNPAIRED, [0.5, 0.5]),
        (UNPAIRED_ROW, Kind.UNPAIRED, [0.5]),
        ({"prompt": "you fool", "responses": ["a", "b", "c"]}, Kind.PREFERENCE, [0.5, 0.5]),
        (PREFERENCE, Kind.COMPLETION, [None]),
        (PREFERENCE, Kind.PROMPT, [None]),
        (PREFERENCE, Kind.RANKED, [None]),
    ],
)
def test_a_weight_stays_with_every_pair_and_every_marked_text(row: Any, kind: Kind, weights: list[Any]) -> None:
    for written in (0.5, "0.5"):
        file = read(row | {"weight": written}, kind=kind)
        assert [made.get("weight") for made in file.rows] == weights
    table = b"prompt,chosen,rejected,weight\na,b,c,0.25\nd,e,f,\n"
    assert [made.get("weight") for made in rows_from(table, "a.csv", Kind.PREFERENCE).rows] == [0.25, None]


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        (-0.1, "weight is negative"),
        ("heavy", "weight is not a number"),
        (True, "weight is not a number"),
        (float("inf"), "weight is not a number"),
    ],
)
def test_what_is_no_weight_is_refused_with_its_line_where_weights_are_read(weight: Any, reason: str) -> None:
    rows = [PREFERENCE, PREFERENCE | {"weight": 0}, PREFERENCE | {"weight": weight}]
    file = read(*rows, kind=Kind.PREFERENCE)
    assert [(problem.line, problem.reason) for problem in file.problems] == [(3, reason)]
    assert [row.get("weight") for row in file.rows] == [None, 0.0]
    assert read(*rows, kind=Kind.COMPLETION).problem_count == 0


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(str.strip)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["prompt", "chosen", "rejected", "messages", "role", "content", "conversations", "from", "value",
                 "label", "completions", "responses", "fields", "data", "annotations", "instruction", "output",
                 "history"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=4), st.sampled_from(Kind), st.sampled_from(["auto", *FORMATS]))
def test_no_json_at_all_is_a_traceback(values: list[Any], kind: Kind, format: str) -> None:
    try:
        file = read(*values, kind=kind, format=format)
    except DataFileError:
        return
    assert len(file.rows) == len(file.lines)
    assert all(file.rows)


@given(st.binary(max_size=80), st.sampled_from(["a.json", "a.jsonl", "a.csv", "a.tsv", "a.txt", "a.json.gz"]))
def test_no_bytes_at_all_are_a_traceback(body: bytes, name: str) -> None:
    try:
        rows_from(body, name, Kind.PROMPT)
    except DataFileError:
        return


@real_data
def test_real_transcripts_are_read_but_for_those_that_are_no_pair() -> None:
    file = read_rows(HH, Kind.PREFERENCE)
    assert (file.format, len(file.rows), file.row_count) == ("hh", 1794, 1800)
    assert set(reasons(file)) == {
        "chosen has an empty turn of Assistant",
        "chosen and rejected differ before their last turns",
    }
    with gzip.open(HH, "rt", encoding="utf-8") as lines:
        first = json.loads(next(lines))
    row = file.rows[0]
    whole = "".join(
        f"\n\n{'Human' if turn['role'] == 'user' else 'Assistant'}: {turn['content']}"
        for turn in [*row["prompt"], *row["chosen"]]
    )
    assert whole == first["chosen"].rstrip()


@pytest.mark.long
@real_data
def test_real_instructions_and_pairs_are_read_whole() -> None:
    instructions = read_rows(INSTRUCTIONS, Kind.COMPLETION)
    assert (instructions.format, len(instructions.rows), instructions.problems) == ("alpaca", 1500, ())
    pairs, known = read_rows(PARADETOX, Kind.COMPLETION), read_pair_file(PARADETOX)
    assert pairs.notes == (f"Answers that repeat one of the same row, and are used once: {known.duplicates}.",)
    assert [(row["prompt"], row["completion"]) for row in pairs.rows] == list(known.unique_pairs)


SHOWN = {"prompt": "you fool", "candidates": ["ha", "you", "hm"]}


@pytest.mark.parametrize(
    ("said", "best", "others"),
    [
        ({"verdict": "chosen", "position": 2}, ["you"], ["ha", "hm"]),
        ({"verdict": "chosen", "position": "2.0"}, ["you"], ["ha", "hm"]),
        ({"verdict": "edited", "chosen": "mine"}, ["mine"], ["ha", "you", "hm"]),
        ({"verdict": "tie", "tied": [1, 3]}, ["ha", "hm"], ["you"]),
        ({"verdict": "tie", "tied": "[1, 3]", "candidates": '["ha", "you", "hm"]'}, ["ha", "hm"], ["you"]),
    ],
)
def test_of_a_table_of_judgments_the_best_stand_above_the_others(said: Row, best: list[str], others: list[str]) -> None:
    file = read(SHOWN | said)
    pairs = [(one, other) for one in best for other in others]
    assert (file.format, [(row["chosen"], row["rejected"]) for row in file.rows]) == ("judgments", pairs)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"verdict": "none"}, "none of its answers was found good"),
        ({"verdict": "tie", "tied": [1, 2, 3]}, "all its answers have the same score"),
        ({"verdict": "chosen", "position": 4}, "a position is none of the candidates"),
        ({"verdict": "chosen", "position": "²"}, "a position is not a number"),
        ({"verdict": "chosen"}, "a position is not a number"),
        ({"verdict": "best", "position": 1}, "its verdict is 'best', which is none"),
        ({"verdict": "tie", "tied": "both"}, "tied is not a list"),
    ],
)
def test_a_judgment_that_puts_nothing_above_another_is_told(said: Row, reason: str) -> None:
    assert [problem.reason for problem in read(SHOWN | said).problems] == [reason]
