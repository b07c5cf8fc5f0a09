"""Judgments gathered from rows, whatever the rows hold: each is one or has a line that says why it is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.exchange.gathered_judgments import Gathered
from app.services.exchange.imported_judgments import JudgedRow
from app.services.exchange.rows import FileRow
from app.services.prompts.prompts import ImportReport

LONGEST = 10
WORD = st.sampled_from(["a", "b", "c", " a ", "", "x" * 11, None])
TABLE_ROWS = st.lists(
    st.fixed_dictionaries(
        {"prompt": st.sampled_from(["p", "q"]), "chosen": WORD, "rejected": WORD},
        optional={"annotator": st.sampled_from(["Ada", "Ben", 7])},
    ),
    max_size=8,
)
SIDES = st.lists(st.sampled_from(["chosen", "rejected", "_"]), min_size=3, max_size=3)
TASKS = st.lists(st.lists(st.tuples(SIDES, st.booleans(), st.integers(1, 2)), max_size=3), max_size=5)


def gathered(
    format_name: str, rows: list[dict[str, Any]], prompt: str = "prompt"
) -> tuple[list[JudgedRow], ImportReport]:
    report = ImportReport()
    collected = Gathered(format_name, LONGEST, report)
    for line, row in enumerate(rows, start=1):
        collected.add(FileRow(line, row), row.get(prompt, "p"))
    return collected.take(rest=True), report


@given(TABLE_ROWS)
def test_every_row_of_a_table_is_one_judgment_of_its_person_or_one_line(rows: list[dict[str, Any]]) -> None:
    judged, report = gathered("preference", rows)
    assert sorted([one.line for one in judged] + [one["line"] for one in report.rejected]) == list(
        range(1, len(rows) + 1)
    )
    for one in judged:
        row = rows[one.line - 1]
        assert (one.text, one.chosen, one.rejected) == (
            row["prompt"],
            (row["chosen"].strip(),),
            (row["rejected"].strip(),),
        )
        assert one.origin.person == {"Ada": "Ada", "Ben": "Ben", 7: "annotator 7"}.get(row.get("annotator", ""), "")


@given(TASKS)
def test_every_annotation_is_one_judgment_of_its_person_or_one_line(
    tasks: list[list[tuple[list[str], bool, int]]],
) -> None:
    rows = []
    for said in tasks:
        candidates = [{"id": f"c{place}", "body": text} for place, text in enumerate("abc")]
        made = [
            {
                "completed_by": by,
                "was_cancelled": cancelled,
                "result": [
                    {
                        "type": "ranker",
                        "value": {
                            "ranker": {
                                side: [f"c{place}" for place, one in enumerate(sides) if one == side]
                                for side in ("chosen", "rejected", "_")
                            }
                        },
                    }
                ],
            }
            for sides, cancelled, by in said
        ]
        rows.append({"data": {"prompt": "p", "candidates": candidates}, "annotations": made})
    judged, report = gathered("labelstudio", rows)
    refused = [one["line"] for one in report.rejected if one["reason"].startswith("Its judgment cannot")]
    for line, said in enumerate(tasks, start=1):
        here = [one for one in judged if one.line == line]
        assert len(here) + refused.count(line) == max(1, len(said))
        assert sum(one.verdict == "skipped" for one in here) == sum(cancelled for _, cancelled, _ in said)
        assert len({one.key for one in here}) == len(here), "no two of a record are taken for one"


@st.composite
def keyed(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, set[tuple[str, str]]]]:
    """Rows of judgments of several pairs, in any order, and the pairs of each key."""
    pairs: dict[str, set[tuple[str, str]]] = {}
    for number in range(draw(st.integers(1, 4))):
        texts = draw(st.permutations(["a", "b", "c", "d"]))
        best = draw(st.integers(1, 2))
        pairs[f"j-{number:032x}"] = {(good, bad) for good in texts[:best] for bad in texts[best:]}
    rows = [
        {"prompt": f"p{key[-1]}", "chosen": good, "rejected": bad, "judgment": key}
        for key, of in pairs.items()
        for good, bad in of
    ]
    return draw(st.permutations(rows)), pairs


@given(keyed())
def test_rows_of_one_key_are_one_judgment_in_whatever_order_they_come(
    file: tuple[list[dict[str, Any]], dict[str, set[tuple[str, str]]]],
) -> None:
    rows, pairs = file
    judged, report = gathered("preference", rows)
    assert report.rejected == []
    assert {one.key: {(good, bad) for good in one.chosen for bad in one.rejected} for one in judged} == pairs
    assert len(judged) == len(pairs)


TABLE: dict[str, Any] = {"prompt": "p", "candidates": ["a", "b"], "verdict": "chosen", "position": 1}
PAIR: dict[str, Any] = {"prompt": "p", "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("format_name", "row", "why"),
    [
        ("judgments", TABLE | {"person": "a\ud800"}, "the name of the person holds characters that cannot be stored"),
        ("judgments", TABLE | {"reason": "x\ud800"}, "the reason holds characters that cannot be stored"),
        ("judgments", TABLE | {"reason": "x\0"}, "the reason holds characters that cannot be stored"),
        ("judgments", TABLE | {"seconds": 10**400}, "seconds is not a number"),
        ("judgments", TABLE | {"person": 10**400}, "the name of the person has more than 200 characters"),
        ("preference", PAIR | {"annotator": "a\0"}, "the name of the person holds characters that cannot be stored"),
        (
            "preference",
            PAIR | {"annotator": {"first_name": "a" * 201}},
            "the name of the person has more than 200 characters",
        ),
    ],
    ids=["name", "reason", "reason with NUL", "seconds", "number of a person", "name in a pair", "long name"],
)
def test_what_cannot_be_stored_beside_a_judgment_is_said_of_its_line(
    format_name: str, row: dict[str, Any], why: str
) -> None:
    judged, report = gathered(format_name, [TABLE if format_name == "judgments" else PAIR, row])
    assert [one.line for one in judged] == [1]
    assert report.rejected == [{"line": 2, "reason": f"Its judgment cannot be taken over: {why}."}]


def test_seconds_of_another_tool_that_are_no_number_are_passed_over() -> None:
    (judged,), report = gathered("preference", [PAIR | {"seconds": 10**400}])
    assert (judged.origin.seconds, report.rejected) == (None, [])


def test_people_with_long_numbers_are_told_apart() -> None:
    judged, _ = gathered("preference", [PAIR | {"annotator": number} for number in (1234567, 1234568)])
    assert [one.origin.person for one in judged] == ["annotator 1234567", "annotator 1234568"]
    assert judged[0].key != judged[1].key


KEY = "j-" + "0" * 32


@pytest.mark.parametrize(
    ("format_name", "rows", "lines"),
    [
        ("preference", [PAIR, "a text"], [(2, "it is a text alone")]),
        ("labelstudio", [{"data": {"prompt": "p"}, "annotations": []}], [(1, "nobody has judged it")]),
        ("preference", [PAIR | {"chosen": "x" * 11}], [(1, "The text has 11 characters and may have at most 10")]),
        (
            "preference",
            [PAIR | {"judgment": KEY}, PAIR | {"prompt": "q", "judgment": KEY}],
            [(2, "another row of the same judgment has another text")],
        ),
        (
            "preference",
            [PAIR, PAIR | {"judgment": KEY, "verdict": "tie"}],
            [(2, "its verdict 'tie' does not go with 1 chosen and 1 rejected texts")],
        ),
        (
            "preference",
            [PAIR | {"judgment": KEY, "verdict": "fine"}],
            [(1, "its verdict is 'fine', and what it chooses is not the prompt")],
        ),
    ],
)
def test_a_judgment_that_cannot_be_taken_over_is_told_with_the_line_where_it_begins(
    format_name: str, rows: list[Any], lines: list[tuple[int, str]]
) -> None:
    report = ImportReport()
    collected = Gathered(format_name, LONGEST, report)
    for line, row in enumerate(rows, start=1):
        collected.add(FileRow(line, row), row["prompt"] if isinstance(row, dict) and "prompt" in row else "p")
    collected.take(rest=True)
    assert [(one["line"], one["reason"]) for one in report.rejected] == [
        (line, f"Its judgment cannot be taken over: {reason}.") for line, reason in lines
    ]


def test_judgments_are_taken_as_soon_as_no_more_of_their_rows_come() -> None:
    collected = Gathered("preference", LONGEST, ImportReport())
    assert collected.add(FileRow(1, PAIR | {"judgment": KEY}), "p") == ["a"]
    assert (collected.open_texts(), collected.take()) == ({"p"}, [])
    assert collected.add(FileRow(2, PAIR | {"rejected": "c", "judgment": KEY}), "p") == ["a"]
    assert collected.take() == []
    (judged,) = collected.take()
    assert (judged.line, judged.key, judged.text, judged.chosen, judged.rejected) == (1, KEY, "p", ("a",), ("b", "c"))
    assert (collected.open_texts(), collected.take(rest=True)) == (set(), [])


def test_equal_judgments_of_one_record_are_counted_and_parts_that_are_not_used_are_told() -> None:
    ranker = {"type": "ranker", "value": {"ranker": {"chosen": ["c1"], "rejected": ["c2"]}}}
    cards = [{"id": f"c{place}", "body": text} for place, text in enumerate("abc", start=1)]
    annotations = [{"completed_by": 1, "result": [ranker]}] * 2
    judged, report = gathered(
        "labelstudio", [{"data": {"prompt": "p", "candidates": cards}, "annotations": annotations}]
    )
    assert [one.nth for one in judged] == [0, 1]
    assert judged[0].key != judged[1].key
    assert [(one["line"], one["reason"]) for one in report.rejected] == [
        (1, "Part of its judgment is not used: of the ranking, c3 was placed nowhere.")
    ] * 2
