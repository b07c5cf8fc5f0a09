"""What several people said of one text: each is one annotation with pairs of its own, or a line that says why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.formats import FORMATS, Kind, RowFile, rows_from, sentences
from models.formats.annotations import (
    Annotation,
    read_key,
    read_origin,
    read_person,
    read_time,
    sided,
)
from models.formats.rows import BadRow


def read(*objects: Any, **wishes: Any) -> RowFile:
    return rows_from("\n".join(json.dumps(one) for one in objects).encode(), "a.jsonl", **wishes)


def annotations_of(name: str, record: dict[str, Any]) -> list[Annotation | str]:
    reader = FORMATS[name].record
    assert reader is not None
    return reader(record).annotations


CANDIDATES = [{"id": "c1", "body": "a"}, {"id": "c2", "body": "b"}, {"id": "c3", "body": "c"}]


def task(*rankers: Any, **values: Any) -> dict[str, Any]:
    results = [
        {"completed_by": by, "result": [{"type": "ranker", "value": {"ranker": one}}]} for by, one in enumerate(rankers)
    ]
    return {"data": {"prompt": "p", "candidates": CANDIDATES, **values}, "annotations": results}


def test_people_who_disagree_give_each_their_own_pairs_and_people_who_agree_give_them_twice() -> None:
    one, other = {"chosen": ["c1"], "rejected": ["c2", "c3"]}, {"chosen": ["c2"], "rejected": ["c1", "c3"]}
    file = read(task(one, other, one), kind=Kind.PREFERENCE)
    assert [(row["chosen"], row["rejected"]) for row in file.rows] == [
        ("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("a", "b"), ("a", "c"),
    ]  # fmt: skip
    assert (file.judgments, file.people, file.problems) == (3, 3, ())
    assert "It holds 3 judgments by 3 people." in list(sentences(file))


def test_the_judgments_of_a_table_are_counted_by_key_or_row_where_the_table_tells_of_them() -> None:
    pair = {"prompt": "p", "chosen": "a", "rejected": "b"}
    assert (read(pair).judgments, read(pair).people) == (0, 0), "nobody judged, as far as the file says"
    named = read(pair | {"annotator": "Ada"}, pair | {"annotator": "Ben"}, pair | {"annotator": "Ada"})
    assert (named.judgments, named.people) == (3, 2)
    key = "j-" + "a" * 32
    keyed = read(pair | {"judgment": key}, pair | {"rejected": "c", "judgment": key})
    assert (keyed.judgments, keyed.people, len(keyed.rows)) == (1, 0, 2)


@pytest.mark.parametrize(
    ("ranker", "expected"),
    [
        ({"chosen": ["c1"], "rejected": ["c2", "c3"], "_": []}, ("chosen", ("a",), ("b", "c"))),
        ({"chosen": ["c1", "c3"], "rejected": ["c2"]}, ("tie", ("a", "c"), ("b",))),
        ({"chosen": ["c1", "c2", "c3"], "rejected": []}, ("tie", ("a", "b", "c"), ())),
        ({"chosen": [], "rejected": ["c1", "c2", "c3"]}, ("none", (), ("a", "b", "c"))),
        ({"rank": ["c3", "c1", "c2"]}, ("chosen", ("c",), ("a", "b"))),
        (["c3", "c1", "c2"], ("chosen", ("c",), ("a", "b"))),
        ({"good": ["c1"], "bad": ["c2", "c3"]}, "its buckets are bad, good, and not chosen and rejected"),
        ({"rank": ["c1"]}, "there are fewer than two answers to rank"),
        ({"chosen": "c1"}, "ranker is not of lists of candidates"),
        ("c1", "ranker is neither an object nor a list"),
    ],
)
def test_a_ranker_of_label_studio_is_two_sides_or_an_order(ranker: Any, expected: Any) -> None:
    (found,) = annotations_of("labelstudio", task(ranker))
    assert (found if isinstance(found, str) else (found.verdict, found.better, found.worse)) == expected


def test_a_whole_order_makes_the_pairs_that_were_asked_for() -> None:
    file = read(task({"rank": ["c3", "c1", "c2"]}), kind=Kind.PREFERENCE, ranking="all")
    assert [(row["chosen"], row["rejected"]) for row in file.rows] == [("c", "a"), ("c", "b"), ("a", "b")]


def pairwise(selected: str, to_name: str = "", **texts: str) -> dict[str, Any]:
    result = {"type": "pairwise", "to_name": to_name, "value": {"selected": selected}}
    return {"data": texts, "annotations": [{"completed_by": 1, "result": [result]}]}


@pytest.mark.parametrize(
    ("record", "pair"),
    [
        (pairwise("left", prompt="p", answer1="x", answer2="y"), ("x", "y")),
        (pairwise("right", prompt="p", answer1="x", answer2="y", model="m"), ("y", "x")),
        (pairwise("left", prompt="p", response_a="x", response_b="y", note="n"), ("x", "y")),
        (pairwise("right", "second,first", prompt="p", first="x", second="y", third="z"), ("x", "y")),
        (pairwise("left", question="p", human="x", machine="y"), ("x", "y")),
    ],
)
def test_the_pairwise_template_is_a_judgment_of_its_two_texts(record: dict[str, Any], pair: tuple[str, str]) -> None:
    file = read(record, kind=Kind.PREFERENCE)
    assert [(row["prompt"], row["chosen"], row["rejected"]) for row in file.rows] == [("p", *pair)]


def test_texts_of_which_nobody_can_tell_which_were_compared_are_refused() -> None:
    said = "the two texts that were compared cannot be told from the others of the task"
    assert annotations_of("labelstudio", pairwise("left", prompt="p", one="x", more="y", third="z")) == [said]


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ([1, 1, 2], ("tie", ("a", "b"), ("c",))),
        ([2, 1, 3], ("chosen", ("b",), ("a", "c"))),
        ([1, 1, 1], ("tie", ("a", "b", "c"), ())),
        ([None, None, None], ("chosen", ("a",), ("b", "c"))),
    ],
)
def test_ranks_of_argilla_are_the_best_and_those_below(ranks: list[int | None], expected: Any) -> None:
    places = [{"value": f"response-{n}", "rank": rank} for n, rank in enumerate(ranks, start=1)]
    texts = {"prompt": "p", "response-1": "a", "response-2": "b", "response-3": "c"}
    record = {"fields": texts, "responses": [{"values": {"q": {"value": places}}, "user_id": "u1"}]}
    (found,) = annotations_of("argilla", record)
    assert isinstance(found, Annotation)
    assert (found.verdict, found.better, found.worse, found.origin.person) == (*expected, "u1")


def test_of_the_questions_of_a_data_set_on_the_hub_the_ranking_is_read() -> None:
    record = {"prompt": "p", "r-1": "a", "r-2": "b"} | {
        "rating.responses": [4, 5], "rating.responses.users": ["u1", "u2"],
        "order.responses": [["r-2", "r-1"], None], "order.responses.users": ["u1", "u2"],
        "order.responses.status": ["submitted", "discarded"],
    }  # fmt: skip
    found = [one for one in annotations_of("argilla", record) if isinstance(one, Annotation)]
    assert [(one.origin.person, one.verdict, one.better, one.worse) for one in found] == [
        ("u1", "chosen", ("b",), ("a",)),
        ("u2", "skipped", (), ("b", "a")),
    ]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("key", "value"), [("rank", {"ranker": {"chosen": ["c1"], "rejected": ["c2"]}}), ("pw", {"selected": "left"})]
)
def test_a_row_of_the_shorter_export_of_label_studio_is_one_persons(key: str, value: Any, wrapped: bool) -> None:
    texts = {"items": CANDIDATES[:2]} if key == "rank" else {"text1": "a", "text2": "b"}
    record = {"prompt": "p", **texts, key: [value] if wrapped else value, "annotator": 3, "lead_time": 2.5}
    file = read(record, kind=Kind.PREFERENCE)
    assert (file.format, file.people, [(row["chosen"], row["rejected"]) for row in file.rows]) == (
        "labelstudio", 1, [("a", "b")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"accept": ["B"], "answer": "accept"}, ("chosen", ("b",), ("a",))),
        ({"accept": ["A", "B"], "answer": "accept"}, ("tie", ("a", "b"), ())),
        ({"accept": [], "answer": "reject"}, ("none", (), ("a", "b"))),
        ({"accept": [], "answer": "ignore"}, ("skipped", (), ("a", "b"))),
        ({"accept": [], "answer": "accept"}, "no option was accepted"),
        ({"accept": ["C"], "answer": "accept"}, "there is no option 'C'"),
        ({"answer": "maybe"}, "its answer is 'maybe' without a list of what was accepted"),
    ],
)
def test_an_answer_of_prodigy_is_what_was_accepted(values: dict[str, Any], expected: Any) -> None:
    options = [{"id": "A", "text": "a"}, {"id": "B", "text": "b"}]
    (found,) = annotations_of("prodigy", {"text": "p", "options": options, "_session_id": "set-ada", **values})
    assert (found if isinstance(found, str) else (found.verdict, found.better, found.worse)) == expected
    assert isinstance(found, str) or found.origin.person == "set-ada"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Ada  Lovelace", "Ada Lovelace"),
        (7, "annotator 7"),
        ("7", "annotator 7"),
        ({"id": 7, "email": "ada@example.org"}, "ada@example.org"),
        ({"id": 7, "first_name": "Ada", "last_name": "L"}, "Ada L"),
        ({"id": 7}, "annotator 7"),
        (None, ""),
        (True, ""),
        (["Ada"], ""),
        (1234567, "annotator 1234567"),
        (1234568.0, "annotator 1234568"),
        ("1234567", "annotator 1234567"),
        (12345678.5, "annotator 12345678.5"),
        (float("inf"), ""),
        (float("nan"), ""),
        ({"id": 1234567}, "annotator 1234567"),
        ({"first_name": " Ada ", "last_name": None}, "Ada"),
        ({}, ""),
        ({"email": " "}, ""),
    ],
)
def test_a_person_is_called_as_the_file_has_it(value: object, name: str) -> None:
    assert read_person(value) == name


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\ud800", "cannot be stored"),
        ("a\0b", "cannot be stored"),
        ({"first_name": "a\ud800"}, "cannot be stored"),
        ({"username": "a\0b"}, "cannot be stored"),
        ("a" * 201, "more than 200"),
        ({"first_name": "a" * 100, "last_name": "b" * 100}, "more than 200"),
        (10**400, "more than 200"),
        (-(10**5000), "more than 200"),
        ("7" * 195, "more than 200"),
    ],
    ids=lambda value: "",
)
def test_a_name_that_cannot_be_stored_is_refused(value: object, said: str) -> None:
    with pytest.raises(BadRow, match=said):
        read_person(value)


def test_the_other_responses_of_argilla_stay_when_one_name_cannot_be_stored() -> None:
    ranking = [{"value": "a", "rank": 1}, {"value": "b", "rank": 2}]
    given = [{"user_id": who, "values": {"q": {"value": ranking}}} for who in ("Ada", "a\0b")]
    record = {"fields": {"prompt": "p", "a": "good", "b": "bad"}, "responses": given}
    ada, other = annotations_of("argilla", record)
    assert isinstance(ada, Annotation)
    assert ada.origin.person == "Ada"
    assert other == "the name of the person holds characters that cannot be stored"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"completed_by": 4, "created_username": " ada@example.org, 4"}, "ada@example.org"),
        ({"completed_by": {"id": 4, "email": "ada@example.org"}, "created_username": "Ada, 4"}, "ada@example.org"),
        ({"completed_by": 4}, "annotator 4"),
        ({}, ""),
    ],
)
def test_an_annotator_of_label_studio_is_called_by_the_name_that_the_export_has(
    values: dict[str, Any], name: str
) -> None:
    record = task({"rank": ["c1", "c2", "c3"]})
    record["annotations"] = [{"result": record["annotations"][0]["result"], **values}]
    (found,) = annotations_of("labelstudio", record)
    assert isinstance(found, Annotation)
    assert found.origin.person == name


@pytest.mark.parametrize(
    "value", ["2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02T04:04:05+01:00", 1767323045, 1767323045000]
)
def test_a_time_is_read_in_utc(value: object) -> None:
    assert read_time(value, "created_at") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_is_no_time_is_refused_in_a_tool_and_passed_over_in_a_table() -> None:
    with pytest.raises(BadRow, match="created_at is not a time"):
        read_time("yesterday", "created_at")
    origin = read_origin({"created_at": "yesterday", "seconds": "long", "user_id": 3})
    assert (origin.at, origin.seconds, origin.person) == (None, None, "annotator 3")


@pytest.mark.parametrize("value", ["good", 7, "", None, "j-xyz", "0" * 36])
def test_only_keys_of_the_studio_are_keys(value: object) -> None:
    assert read_key(value) == ""
    assert read_key("i-" + "0" * 32)


@pytest.mark.parametrize("sides", [([], []), (["a"], []), (["a"], ["a"])])
def test_sides_of_which_none_is_better_are_no_judgment(sides: tuple[list[str], list[str]]) -> None:
    with pytest.raises(BadRow):
        sided(*sides)


def test_a_verdict_that_its_sides_contradict_is_refused() -> None:
    with pytest.raises(BadRow, match="its verdict 'tie' does not go with 1 chosen and 1 rejected texts"):
        sided(["a"], ["b"], "tie")


NAMES = ["c1", "c2", "c3"]
RANKERS = st.one_of(
    st.permutations(NAMES).map(lambda order: {"rank": order}),
    st.tuples(*[st.sampled_from(["chosen", "rejected", "_"])] * 3).map(
        lambda sides: {
            bucket: [name for name, side in zip(NAMES, sides, strict=True) if side == bucket]
            for bucket in ("chosen", "rejected", "_")
        }
    ),
    st.just({"chosen": ["c9"], "rejected": ["c1"]}),
    st.none(),
)
ANNOTATIONS = st.lists(
    st.fixed_dictionaries(
        {"completed_by": st.integers(1, 3), "was_cancelled": st.booleans(), "ranker": RANKERS},
        optional={"lead_time": st.sampled_from([1.5, None, -1])},
    ),
    max_size=4,
)


@given(st.lists(ANNOTATIONS, min_size=1, max_size=4))
def test_every_annotation_of_label_studio_gives_pairs_or_a_line_and_counts_once(
    tasks: list[list[dict[str, Any]]],
) -> None:
    records = []
    for given_ones in tasks:
        record = task(*(one["ranker"] for one in given_ones))
        for made, one in zip(record["annotations"], given_ones, strict=True):
            made |= {name: value for name, value in one.items() if name != "ranker"}
        records.append(record)
    file = read(*records, kind=Kind.PREFERENCE, format="labelstudio")
    problems = [problem.line for problem in file.problems]
    for line, record in enumerate(records, start=1):
        found = annotations_of("labelstudio", record)
        assert len(found) == len(record["annotations"]), "each person's answer is one"
        usable = [one for one in found if isinstance(one, Annotation)]
        teaching = [one for one in usable if one.better and one.worse]
        assert file.lines.count(line) == sum(
            len(one.worse) if one.ranks else len(one.better) * len(one.worse) for one in teaching
        )
        silent = len(found) - len(teaching) + sum(len(one.unused) for one in teaching)
        assert problems.count(line) == silent + (not found)
    assert file.judgments == sum(
        isinstance(one, Annotation) for record in records for one in annotations_of("labelstudio", record)
    )


RESPONSES = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u1", "u2", "u3"]),
            "status": st.sampled_from(["submitted", "submitted", "discarded", "draft"]),
            "ranks": st.lists(st.one_of(st.integers(1, 3), st.none()), min_size=3, max_size=3),
        }
    ),
    max_size=4,
)


@given(RESPONSES)
def test_every_response_of_argilla_gives_pairs_or_a_line_and_counts_once(given_ones: list[dict[str, Any]]) -> None:
    responses = [
        {
            "user_id": one["user_id"],
            "status": one["status"],
            "values": {"q": {"value": [{"value": f"r-{n}", "rank": rank} for n, rank in enumerate(one["ranks"])]}},
        }
        for one in given_ones
    ]
    record = {"fields": {"prompt": "p", "r-0": "a", "r-1": "b", "r-2": "c"}, "responses": responses}
    found = annotations_of("argilla", record)
    assert len(found) == len(given_ones)
    file = read(record, kind=Kind.PREFERENCE, format="argilla")
    teaching = [one for one in found if isinstance(one, Annotation) and one.better and one.worse]
    assert len(file.rows) == sum(len(one.better) * len(one.worse) for one in teaching)
    assert file.problem_count == (len(found) - len(teaching) + sum(len(one.unused) for one in teaching) + (not found))
