"""Rows that have the fields of a format and not their shape: each is refused by what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from models.formats.catalog import FORMATS
from models.formats.rows import BadRow

CARDS = [{"id": "c1", "body": "a"}, {"id": "c2", "body": "b"}]
THREE = [*CARDS, {"id": "c3", "body": "c"}]
RANKED = {"type": "ranker", "value": {"ranker": {"rank": ["c1", "c2"]}}}
SHOWN = {"prompt": "p", "a": "a", "b": "b"}


def task(*results: object, **data: object) -> dict[str, Any]:
    """A task of Label Studio with two candidates and one annotation."""
    return {"data": {"prompt": "p", "candidates": CARDS} | data, "annotations": [{"result": list(results)}]}


def buckets(chosen: list[str], rejected: list[str]) -> dict[str, Any]:
    """A task of Label Studio whose candidates were put into two buckets."""
    return task({"type": "ranker", "value": {"ranker": {"chosen": chosen, "rejected": rejected}}})


def said_of(name: str, row: dict[str, Any]) -> str:
    """Return why a row, or its only annotation, cannot be used."""
    known = FORMATS[name]
    try:
        (annotation,) = known.record(row).annotations if known.record else known.read(row)  # type: ignore[misc]
    except BadRow as refusal:
        return str(refusal)
    return str(annotation)


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("argilla", {"fields": "x", "responses": []}, "fields is not an object"),
        ("argilla", {"fields": SHOWN, "responses": {"q": ["x"]}}, "responses is not of lists of objects"),
        ("argilla", {"fields": SHOWN, "responses": {"q": "x"}}, "responses is not of lists of objects"),
        ("argilla", {"fields": SHOWN, "responses": "x"}, "responses is not a list of objects"),
        ("argilla", {"fields": SHOWN, "responses": ["x"]}, "responses is not a list of objects"),
        ("argilla", {"fields": SHOWN, "responses": [{"values": {"q": {"value": "good"}}}]}, "there is no ranking"),
        ("argilla", {"q.responses": ["x"], "q.responses.users": []}, "q.responses has not as many values as users"),
        ("labelstudio", {"data": {"prompt": "p"}, "annotations": "x"}, "annotations is not a list"),
        ("labelstudio", {"data": {"prompt": "p"}, "annotations": ["x"]}, "an annotation is not an object"),
        ("labelstudio", {"data": {"prompt": "p"}, "annotations": [{"result": "x"}]}, "result is not a list"),
        ("labelstudio", task(), "no annotation ranks the candidates"),
        ("labelstudio", task({"type": "ranker", "value": "x"}), "value is not an object"),
        ("labelstudio", task(RANKED, RANKED), "one annotation compares the candidates 2 times"),
        ("labelstudio", buckets(["c1"], []), "nothing was ranked above anything: c2 was placed nowhere"),
        ("labelstudio", buckets([], ["c1"]), "nothing was ranked above anything: c2 was placed nowhere"),
        (
            "labelstudio",
            task({"type": "ranker", "value": {"ranker": {"chosen": [], "rejected": ["c1"]}}}, candidates=THREE),
            "nothing was ranked above anything: c2, c3 were placed nowhere",
        ),
        ("labelstudio", task({"type": "pairwise", "value": {"selected": "up"}}), "selected is neither left nor right"),
        ("labelstudio", task(RANKED, candidates=None), "the task has no list of candidates"),
        ("labelstudio", task(RANKED, candidates=[{"id": 1}]), "candidates is not a list of objects with id and body"),
        ("prodigy", {"text": "p", "options": ["x"], "accept": []}, "options is not a list of objects with id"),
        ("prodigy", {"text": "p", "options": [{}], "accept": []}, "options is not a list of objects with id"),
        ("prodigy", {"text": "p", "options": [{"id": 1, "text": "a"}], "accept": []}, "no option was accepted"),
        ("shp", {"history": "h", "human_ref_a": "a", "human_ref_b": "b", "labels": 2}, "labels is neither 0 nor 1"),
        ("shp", {"history": "h", "human_ref_a": " ", "human_ref_b": "b", "labels": 1}, "the preferred answer is empty"),
        ("shp", {"history": "h", "human_ref_a": " ", "human_ref_b": "b", "labels": 0}, "the other answer is empty"),
        ("ultrafeedback", {"instruction": " ", "completions": []}, "the instruction is empty"),
        ("ultrafeedback", {"instruction": "i", "completions": ["x"]}, "completions is not a list of objects"),
        ("ultrafeedback", {"instruction": "i", "completions": [{"response": " "}]}, "response 1 is empty"),
        ("ultrafeedback", {"instruction": "i", "completions": [{"response": "a"}]}, "a completion has no score"),
        (
            "ultrafeedback",
            {"instruction": "i", "completions": [{"response": "a", "annotations": {"helpful": {"Rating": "good"}}}]},
            "a rating is not a number",
        ),
        ("ranked", {"prompt": "p", "responses": "x"}, "responses is not a list"),
        ("ranked", {"responses": ["a", "b"], "scores": [1]}, "there are not as many scores as responses"),
        ("ranked", {"prompt": "p", "responses": ["a", "b"], "scores": [1, "x"]}, "a score is not a number"),
        ("ranked", {"prompt": "p", "responses": ["a"]}, "there are fewer than two answers to rank"),
        ("alpaca", {"instruction": "i", "output": "o", "history": "x"}, "history is not a list"),
        (
            "alpaca",
            {"instruction": "i", "output": "o", "history": [["a"]]},
            "history is not a list of questions with their answers",
        ),
        ("alpaca", {"instruction": "i", "output": "o", "history": [["a", " "]]}, "a turn of history is empty"),
        ("alpaca", {"instruction": "i", "output": "o", "input": 1}, "input is not a text"),
        (
            "preference",
            {"chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]},
            "there is no prompt: chosen and rejected share no turns",
        ),
    ],
)  # fmt: skip
def test_a_row_of_another_shape_is_refused_by_what_is_wrong_with_it(
    name: str, row: dict[str, Any], reason: str
) -> None:
    assert said_of(name, row) == reason


@pytest.mark.parametrize("label", [1, 0])
def test_the_label_of_shp_says_which_of_the_two_is_preferred(label: int) -> None:
    row = {"history": "h", "human_ref_a": "a", "human_ref_b": "b", "labels": label}
    (found,) = FORMATS["shp"].read(row)  # type: ignore[misc]
    assert (found["prompt"], found["chosen"], found["rejected"]) == ("h", *("ab" if label else "ba"))


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        (({"overall_score": 2.0}, {"overall_score": 8.0}), "b"),
        (({"overall_score": 2.0, "fine-grained_score": 9}, {"overall_score": None, "fine-grained_score": 1.0}), "a"),
        (({"annotations": {"x": {"Rating": "1"}, "y": {"Rating": "N/A"}}}, {"fine-grained_score": 2}), "b"),
        (({"annotations": {"x": {"Rating": "1"}, "y": {"Rating": "5"}}}, {"annotations": {"x": {"Rating": 2}}}), "a"),
    ],
)
def test_ultrafeedback_is_ranked_by_the_overall_score_or_else_by_the_finer_ones(
    scores: tuple[dict[str, Any], dict[str, Any]], best: str
) -> None:
    completions = [{"response": name} | score for name, score in zip("ab", scores, strict=True)]
    (found,) = FORMATS["ultrafeedback"].read({"instruction": "i", "completions": completions})  # type: ignore[misc]
    assert found["responses"][0] == best
