"""From one kind or format to another, ranking, mixing and holding out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.formats import (
    WRITERS,
    Kind,
    Row,
    by_objective,
    mix_rows,
    named_file,
    parse_mix,
    prompt_text,
    rows_of,
    split_by_prompt,
    under,
    without_prompts_of,
    write_records,
)
from models.formats.convert import same_text
from models.formats.files.problems import Problem
from models.formats.schemas.ranking import ranked_pairs
from models.model_errors import DataFileError

ROW = {"prompt": "p", "chosen": "good", "rejected": "bad"}


def pairs_of(row: Row, ranking: str) -> list[tuple[str, str]]:
    return [(one["chosen"], one["rejected"]) for one in rows_of([row], Kind.PREFERENCE, ranking=ranking).rows]


def test_ranked_answers_make_the_pairs_that_were_asked_for() -> None:
    row = {"prompt": "p", "responses": ["a", "b", "c"]}
    assert pairs_of(row, "best-vs-rest") == [("a", "b"), ("a", "c")]
    assert pairs_of(row, "all") == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs_of(row, "adjacent") == [("a", "b"), ("b", "c")]


def test_texts_are_the_same_but_for_white_space_around_them_and_a_text_is_no_conversation() -> None:
    said: list[Any] = [{"role": "assistant", "content": " a "}]
    assert same_text(" a", "a ")
    assert same_text(said, [{"role": "assistant", "content": "a"}])
    assert not same_text(said, [{"role": "user", "content": "a"}])
    assert not same_text("a", said)
    assert not same_text(said, "a")


def test_equal_scores_make_no_pair_and_are_counted() -> None:
    row = {"prompt": "p", "responses": ["b1", "a", "b2"], "scores": [1, 2, 1]}
    assert pairs_of(row, "all") == [("a", "b1"), ("a", "b2")]
    file = rows_of([row, row | {"scores": [1, 1, 1]}], Kind.PREFERENCE, ranking="all")
    assert file.ties == 1
    assert file.notes == ("Pairs of answers with equal scores, of which nothing is learned: 1.",)
    assert file.problem_report() == "1 of 3 rows was left out: line 2 (all its answers have the same score)."


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.sampled_from(["best-vs-rest", "all", "adjacent"]))
def test_a_pair_is_never_of_a_worse_and_a_better_answer(values: list[int], ranking: str) -> None:
    scores = sorted(map(float, values), reverse=True)
    pairs, ties = ranked_pairs(len(scores), scores, ranking)
    assert all(scores[better] > scores[worse] for better, worse in pairs)
    best = scores.count(scores[0])
    compared = {
        "all": len(scores) * (len(scores) - 1) // 2,
        "adjacent": len(scores) - 1,
        "best-vs-rest": best * (len(scores) - best) + best * (best - 1) // 2,
    }
    assert len(pairs) + ties == compared[ranking]


def test_of_two_that_are_equally_the_best_each_stands_against_each_of_the_others() -> None:
    row = {"prompt": "p", "responses": ["a", "b", "c", "d"], "scores": [2, 2, 1, 0]}
    assert pairs_of(row, "best-vs-rest") == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]
    assert rows_of([row], Kind.PREFERENCE).ties == 1


def test_a_preference_yields_labels_a_completion_a_prompt_and_a_ranking() -> None:
    made = {kind: list(rows_of([ROW], kind).rows) for kind in Kind}
    assert made[Kind.UNPAIRED] == [
        {"prompt": "p", "completion": "good", "label": True},
        {"prompt": "p", "completion": "bad", "label": False},
    ]
    assert made[Kind.COMPLETION] == [{"prompt": "p", "completion": "good"}]
    assert made[Kind.PROMPT] == [{"prompt": "p"}]
    assert made[Kind.RANKED] == [{"prompt": "p", "responses": ["good", "bad"]}]


def test_ranked_answers_yield_each_label_once_and_the_best_as_completion() -> None:
    row = {"prompt": "p", "responses": ["a", "b", "c"], "scores": [2, 2, 1]}
    labels = rows_of([row], Kind.UNPAIRED, ranking="all").rows
    assert [(one["completion"], one["label"]) for one in labels] == [("a", True), ("b", True), ("c", False)]
    assert rows_of([row], Kind.COMPLETION).rows == ({"prompt": "p", "completion": "a"},)


def test_answers_labelled_bad_are_no_completions_and_are_counted() -> None:
    rows = [{"prompt": "p", "completion": text, "label": label} for text, label in (("a", True), ("b", False))]
    file = rows_of(rows, Kind.COMPLETION)
    assert file.rows == ({"prompt": "p", "completion": "a"},)
    assert file.notes == ("Answers labelled bad, which are not used as completions: 1.",)


WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip).filter(bool)
TEXT_ROWS = st.builds(
    lambda prompt, answers: {"prompt": prompt, "chosen": answers[0], "rejected": answers[1]},
    WORD,
    st.lists(WORD, min_size=2, max_size=2, unique=True),
)


def _turns(texts: list[str]) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


CHAT_ROWS = st.builds(
    lambda row, earlier: {
        "prompt": [*_turns(earlier[: len(earlier) // 2 * 2]), {"role": "user", "content": row["prompt"]}],
        "chosen": [{"role": "assistant", "content": row["chosen"]}],
        "rejected": [{"role": "assistant", "content": row["rejected"]}],
    },
    TEXT_ROWS,
    st.lists(WORD, max_size=4),
)


def written(rows: list[Row], name: str) -> list[dict[str, Any]]:
    out = list(write_records(zip(rows, range(len(rows)), strict=True), WRITERS[name]))
    records = [record for record in out if not isinstance(record, Problem)]
    assert len(records) == len(out)
    return records


@given(st.lists(TEXT_ROWS, min_size=1, max_size=4), st.sampled_from(["trl", "jsonl", "seed", "llamafactory"]))
def test_text_preferences_survive_a_round_trip(rows: list[Row], name: str) -> None:
    unique = list({json.dumps(row): row for row in rows}.values())
    format = {"trl": "preference", "jsonl": "preference"}.get(name, name)
    assert list(rows_of(written(unique, name), Kind.PREFERENCE, format=format).rows) == unique


@given(st.lists(CHAT_ROWS, min_size=1, max_size=4), st.sampled_from(["trl", "trl-chat", "hh"]))
def test_conversations_survive_a_round_trip(rows: list[Row], name: str) -> None:
    assert list(rows_of(written(rows, name), Kind.PREFERENCE).rows) == rows


@given(CHAT_ROWS)
def test_earlier_turns_survive_the_columns_of_llamafactory(row: Row) -> None:
    (back,) = rows_of(written([row], "llamafactory"), Kind.PREFERENCE).rows
    if len(row["prompt"]) > 1:
        assert back == row
    else:
        assert back == {name: value[0]["content"] for name, value in row.items()}


@given(CHAT_ROWS)
def test_a_chat_survives_a_round_trip(row: Row) -> None:
    answered = {"prompt": row["prompt"], "completion": row["chosen"]}
    assert rows_of(written([answered], "chat"), Kind.COMPLETION).rows == (answered,)


def test_the_rejected_of_one_choice_are_one_record_of_the_studio() -> None:
    rows = [ROW, ROW | {"rejected": "worse"}, ROW | {"chosen": "other"}]
    assert [record["rejected"] for record in written(rows, "seed")] == [["bad", "worse"], ["bad"]]


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("csv", {"prompt": _turns(["a", "b", "c"])}, "a conversation of several turns has no place in this format"),
        ("tsv", {"prompt": "a\tb"}, "a text holds a tab, which parts the columns"),
        ("hh", {"prompt": "a\n\nAssistant: b"}, "a text holds what begins a turn in a transcript"),
        ("hh", {"prompt": [{"role": "system", "content": "s"}]}, "a transcript has no turn of the role system"),
        ("llamafactory", {"prompt": _turns(["a", "b"])},
         "the turns of its prompt do not alternate between user and assistant"),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_refused_with_its_line(name: str, row: Row, reason: str) -> None:
    assert list(write_records([(ROW | row, 7)], WRITERS[name])) == [Problem(7, reason)]


@pytest.mark.parametrize("name", ["trl", "trl-chat", "seed", "llamafactory", "hh", "csv", "jsonl"])
def test_weights_are_written_where_rows_have_them(name: str) -> None:
    rows: list[Row] = [ROW | {"weight": 0.5}, ROW | {"rejected": "worse", "weight": 0.25}, ROW | {"prompt": "q"}]
    records = list(write_records([(row, line) for line, row in enumerate(rows, start=1)], WRITERS[name]))
    assert [record.get("weight") for record in records if isinstance(record, dict)] == [0.5, 0.25, None]


def test_a_mix_uses_up_the_scarcest_objective_and_says_so() -> None:
    rows = {name: [{"prompt": f"{name} {number}"} for number in range(count)] for name, count in (("a", 50), ("b", 9))}
    mixed, said = mix_rows(rows, parse_mix("a=0.75, b=0.25"), seed=1)
    assert said == "The mix has 36 rows: 27 of 50 a, 9 of 9 b."
    assert {row["prompt"] for row in mixed if row["objective"] == "b"} == {row["prompt"] for row in rows["b"]}
    assert len({row["prompt"] for row in mixed}) == 36
    assert mixed == mix_rows(dict(reversed(rows.items())), parse_mix("b=1,a=3"), seed=1)[0]
    assert mixed != mix_rows(rows, parse_mix("a=3,b=1"), seed=2)[0]
    assert {name: len(part) for name, part in by_objective(mixed).items()} == {"a": 27, "b": 9}


@pytest.mark.parametrize("weights", ["a", "a=x", "a=0", "a=-1", "a=nan", "a=inf", "=1", "a=1,", "a=1,a=2"])
def test_weights_that_make_no_mix_are_refused(weights: str) -> None:
    with pytest.raises(DataFileError):
        parse_mix(weights)


def test_a_mix_of_other_objectives_than_the_data_has_is_refused() -> None:
    for rows, weights, message in (
        ({"a": [ROW]}, {"b": 1.0}, "The mix names b, but the objectives of the data are a."),
        ({"": [ROW], "a": [ROW]}, {"a": 1.0}, r"the data are \(rows without an objective\), a."),
        ({"a": [ROW] * 5, "b": [ROW]}, {"a": 1.0, "b": 9.0}, "no row of the objective a is used"),
    ):
        with pytest.raises(DataFileError, match=message):
            mix_rows(rows, weights, seed=1)


def test_an_objective_is_named_before_the_file(tmp_path: Path) -> None:
    assert named_file("helpful=a.jsonl") == ("helpful", "a.jsonl")
    assert named_file("a.jsonl") == ("", "a.jsonl")
    odd = tmp_path / "a=b.jsonl"
    odd.touch()
    assert named_file(str(odd)) == ("", str(odd))
    assert under("x", [ROW]) == [ROW | {"objective": "x"}]


def test_one_prompt_in_so_many_is_held_out_by_its_hash_with_all_its_rows() -> None:
    rows: list[Row] = [{"prompt": f" prompt {number % 400} ", "completion": str(number)} for number in range(800)]
    train, held_out = split_by_prompt(rows, 20)
    hashed = {
        row["prompt"] for row in rows
        if int(hashlib.sha1(row["prompt"].strip().encode()).hexdigest(), 16) % 20 == 0  # noqa: S324
    }  # fmt: skip
    assert {row["prompt"] for row in held_out} == hashed
    assert len(held_out) == 2 * len(hashed) > 0
    assert sorted(train + held_out, key=str) == sorted(rows, key=str)
    assert without_prompts_of(rows, held_out) == train


def test_messages_are_held_out_by_their_text() -> None:
    prompts = [f"prompt {number}" for number in range(200)]
    texts = split_by_prompt([{"prompt": text} for text in prompts])[1]
    chats = split_by_prompt([{"prompt": _turns([text])} for text in prompts])[1]
    assert [row["prompt"] for row in texts] == [prompt_text(row["prompt"]) for row in chats]


def test_few_prompts_are_split_all_the_same_and_one_cannot_be() -> None:
    train, held_out = split_by_prompt([{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"}], 1000)
    assert {row["prompt"] for row in train} | {row["prompt"] for row in held_out} == {"a", "b"}
    assert train
    assert held_out
    assert split_by_prompt([ROW], 0) == ([ROW], [])
    with pytest.raises(
        DataFileError, match=r"^There is one prompt only, so none can be held out: add others or set dev_split to 0\.$"
    ):
        split_by_prompt([ROW, ROW])
