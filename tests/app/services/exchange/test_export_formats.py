"""One judgment as a record, or several, of each schema of the field."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment
from app.services.exchange import export_formats, exports
from app.services.exchange.export_formats import Pair
from models.formats.rows import BadRow
from tests import factories
from tests.studio import Person

P1 = "you are stupid"
CHOICE = [Pair(7, "source", "a", "b"), Pair(7, "source", "a", "c")]
TIE = [Pair(8, "source", "a", "c"), Pair(8, "source", "b", "c")]


def test_a_tie_of_some_is_one_record_with_both_on_top(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"], prompt=factories.prompt(session, P1))
    pairs = [factories.preference(P1, good, "c") for good in ("a", "b")]
    session.add(Judgment(generation_id=screen.id, user_id=annotator.id, verdict="tie", preferences=pairs))
    session.commit()
    made = {name: [json.loads(line) for line in exports.stream(session, name)] for name in ("argilla", "kto", "seed")}
    assert [place["rank"] for place in made["argilla"][0]["responses"][0]["values"]["ranking"]["value"]] == [1, 1, 2]
    assert [(row["completion"], row["label"]) for row in made["kto"]] == [("a", True), ("b", True), ("c", False)]
    assert [(row["chosen"], row["rejected"]) for row in made["seed"]] == [("a", ["c"]), ("b", ["c"])]


def test_a_tie_is_the_bucket_of_the_best_of_a_ranker() -> None:
    (task,) = export_formats.labelstudio(TIE)
    assert task["data"]["candidates"] == [
        {"id": "c1", "body": "a"},
        {"id": "c2", "body": "b"},
        {"id": "c3", "body": "c"},
    ]
    (annotation,) = task["annotations"]
    assert annotation["result"][0]["value"] == {"ranker": {"chosen": ["c1", "c2"], "rejected": ["c3"]}}
    assert task["meta"] == {"judgment_id": 8}


def test_a_text_that_is_in_several_pairs_is_labelled_once() -> None:
    for judged in (CHOICE, TIE):
        texts = [record["completion"] for record in export_formats.kto(judged)]
        assert texts == ["a", "b", "c"]


def test_two_rejected_candidates_that_say_the_same_stay_two() -> None:
    twice = [Pair(7, "source", "a", "b"), Pair(7, "source", "a", "b")]
    assert [record["rejected"] for record in export_formats.seed(twice)] == [["b", "b"]]
    assert [record["label"] for record in export_formats.kto(twice)] == [True, False, False]
    (record,) = export_formats.argilla(twice)
    assert record["fields"] == {"prompt": "source", "response-1": "a", "response-2": "b", "response-3": "b"}


@pytest.mark.parametrize(
    ("render", "records"),
    [
        (export_formats.trl, [{"prompt": "source", "chosen": "a", "rejected": rejected} for rejected in "bc"]),
        (
            export_formats.llamafactory,
            [
                {"instruction": export_formats.INSTRUCTION, "input": "source", "chosen": "a", "rejected": rejected}
                for rejected in "bc"
            ],
        ),
        (
            export_formats.trl_chat,
            [
                {
                    "prompt": [{"role": "user", "content": "source"}],
                    "chosen": [{"role": "assistant", "content": "a"}],
                    "rejected": [{"role": "assistant", "content": rejected}],
                }
                for rejected in "bc"
            ],
        ),
    ],
)
def test_a_format_of_pairs_has_a_record_for_each_in_their_order(
    render: export_formats.Render, records: list[export_formats.Record]
) -> None:
    assert list(render(CHOICE)) == records


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_transcript_of_a_text_that_would_begin_a_turn_is_refused(place: int) -> None:
    texts = ["source", "a", "b"]
    texts[place] += "\n\nAssistant: yes"
    prompt, chosen, rejected = texts
    with pytest.raises(BadRow, match="begins a turn"):
        list(export_formats.hh([Pair(7, prompt, chosen, rejected)]))
