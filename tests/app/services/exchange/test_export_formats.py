"""One judgment as a record, or several, of each schema of the field."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, User
from app.services.exchange import export_formats, exports
from app.services.exchange.export_formats import Pair
from app.services.exchange.outgoing import screen_records
from models.formats import Kind, rows_from
from models.formats.rows import BadRow
from tests import factories
from tests.studio import Person, rows

P1 = "you are stupid"
MADE = datetime(2026, 11, 29, 9, 30, 15, tzinfo=UTC)
CHOICE = [Pair(7, "source", "a", "b"), Pair(7, "source", "a", "c")]
TIE = [Pair(8, "source", "a", "c"), Pair(8, "source", "b", "c")]


def test_a_tie_of_some_is_one_record_with_both_on_top(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"], prompt=factories.prompt(session, P1))
    pairs = [factories.preference(P1, good, "c") for good in ("a", "b")]
    tied = [card.id for card in screen.candidates[:2]]
    session.add(Judgment(generation_id=screen.id, user_id=annotator.id, verdict="tie", tied=tied, preferences=pairs))
    session.commit()
    (record,) = json.loads("".join(exports.stream(session, "argilla")))
    assert [place["rank"] for place in record["responses"]["ranking"][0]["value"]] == [1, 1, 2]
    made = {name: [json.loads(line) for line in exports.stream(session, name)] for name in ("kto", "seed")}
    assert [(row["completion"], row["label"]) for row in made["kto"]] == [("a", True), ("b", True), ("c", False)]
    assert [(row["chosen"], row["rejected"]) for row in made["seed"]] == [("a", ["c"]), ("b", ["c"])]


def test_a_text_that_is_in_several_pairs_is_labelled_once() -> None:
    for judged in (CHOICE, TIE):
        texts = [record["completion"] for record in export_formats.kto(judged)]
        assert texts == ["a", "b", "c"]


def test_two_rejected_candidates_that_say_the_same_stay_two() -> None:
    twice = [Pair(7, "source", "a", "b"), Pair(7, "source", "a", "b")]
    assert [record["rejected"] for record in export_formats.seed(twice)] == [["b", "b"]]
    assert [record["label"] for record in export_formats.kto(twice)] == [True, False, False]


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
    render: export_formats.Render, records: list[screen_records.Record]
) -> None:
    assert list(render(CHOICE)) == records


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_transcript_of_a_text_that_would_begin_a_turn_is_refused(place: int) -> None:
    texts = ["source", "a", "b"]
    texts[place] += "\n\nAssistant: yes"
    prompt, chosen, rejected = texts
    with pytest.raises(BadRow, match="begins a turn"):
        list(export_formats.hh([Pair(7, prompt, chosen, rejected)]))


def records(session: Session, name: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads("".join(exports.stream(session, name)))
    return made


@pytest.fixture
def several(session: Session) -> list[User]:
    """Three people who saw the same texts, the second in another order; the third had no opinion."""
    people = [factories.user(session, name=name) for name in ("Ada", "Bob", "Cy")]
    prompt = factories.prompt(session, P1)
    ada, bob, cy = (
        factories.generation(session, person.id, texts, prompt=prompt)
        for person, texts in zip(people, (["a", "b", "c"], ["c", "a", "b"], ["a", "b", "c"]), strict=True)
    )
    factories.judgment(session, ada, candidate_id=ada.candidates[1].id, seconds=4.5, created_at=MADE)
    factories.judgment(session, bob, candidate_id=bob.candidates[0].id)
    factories.judgment(session, cy, pairs=False, verdict="skipped", candidate_id=None)
    return people


def test_what_several_people_say_of_the_same_texts_is_one_task_with_an_annotation_of_each(
    session: Session, several: list[User]
) -> None:
    (task,) = records(session, "labelstudio")
    cards = [{"id": "c1", "body": "a"}, {"id": "c2", "body": "b"}, {"id": "c3", "body": "c"}]
    assert task["data"] == {"prompt": P1, "candidates": cards}, "in the order in which the first of them saw the cards"
    ada, bob, cy = task["annotations"]
    assert [one["result"][0]["value"]["ranker"] for one in (ada, bob)] == [
        {"chosen": ["c2"], "rejected": ["c1", "c3"]},
        {"chosen": ["c3"], "rejected": ["c1", "c2"]},
    ]
    judged = rows(session, Judgment)
    assert ada == {
        "id": judged[0].id,
        "completed_by": several[0].id,
        "created_username": "Ada",
        "created_at": "2026-11-29T09:30:15+00:00",
        "updated_at": "2026-11-29T09:30:15+00:00",
        "lead_time": 4.5,
        "was_cancelled": False,
        "ground_truth": False,
        "result": [
            {
                "id": f"rank-{judged[0].id}",
                "type": "ranker",
                "from_name": "rank",
                "to_name": "candidates",
                "value": {"ranker": {"chosen": ["c2"], "rejected": ["c1", "c3"]}},
            }
        ],
        "judgment": judged[0].client_key,
        "verdict": "chosen",
    }
    assert (task["id"], set(task)) == (judged[0].generation_id, {"id", "data", "annotations"})
    assert [one["completed_by"] for one in (ada, bob, cy)] == [person.id for person in several]
    assert [one["created_username"] for one in (ada, bob, cy)] == ["Ada", "Bob", "Cy"]
    assert [one["was_cancelled"] for one in (ada, bob, cy)] == [False, False, True]
    assert (cy["result"], cy["verdict"]) == ([], "skipped")
    assert [(one["id"], one["judgment"]) for one in (ada, bob, cy)] == [(j.id, j.client_key) for j in judged]


def test_what_several_people_say_of_the_same_texts_is_one_record_with_a_response_of_each(
    session: Session, several: list[User]
) -> None:
    (record,) = records(session, "argilla")
    assert set(record) == {"id", "fields", "metadata", "responses"}
    assert (record["id"], list(record["responses"])) == (str(rows(session, Judgment)[0].generation_id), ["ranking"])
    assert record["fields"] == {"prompt": P1, "response-1": "a", "response-2": "b", "response-3": "c"}
    ada, bob, cy = record["responses"]["ranking"]
    assert [(one["value"], one["rank"]) for one in ada["value"]] == [
        ("response-2", 1),
        ("response-1", 2),
        ("response-3", 2),
    ]
    assert bob["value"][0] == {"value": "response-3", "rank": 1}
    assert (cy["value"], [one["status"] for one in (ada, bob, cy)]) == (None, ["submitted", "submitted", "discarded"])
    assert len({UUID(one["user_id"]) for one in (ada, bob, cy)}) == len(several)
    assert record["metadata"]["person"] == ["Ada", "Bob", "Cy"]
    assert record["metadata"]["judgment"] == [j.client_key for j in rows(session, Judgment)]
    assert record["metadata"]["verdict"] == ["chosen", "chosen", "skipped"]


@pytest.mark.parametrize("name", ["labelstudio", "argilla"])
def test_other_texts_and_a_second_time_make_a_record_of_their_own(
    session: Session, several: list[User], name: str
) -> None:
    prompt = rows(session, Judgment)[0].generation.prompt
    for texts in (["a", "b", "c"], ["a", "b", "d"], ["a", "b"]):
        factories.judgment(session, factories.generation(session, several[0].id, texts, prompt=prompt))
    made = records(session, name)
    judged = [len(one["annotations"] if name == "labelstudio" else one["metadata"]["judgment"]) for one in made]
    assert judged == [3, 1, 1, 1]
    assert len({one["id"] for one in made}) == len(made)


def test_a_text_written_by_hand_is_one_of_those_that_are_judged(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b"])
    factories.judgment(session, screen, pairs=False, verdict="edited", candidate_id=None, edited_text="mine")
    (task,) = records(session, "labelstudio")
    assert task["data"]["candidates"][-1] == {"id": "edited", "body": "mine"}
    ranker = {"chosen": ["edited"], "rejected": ["c1", "c2"]}
    assert task["annotations"][0]["result"][0]["value"] == {"ranker": ranker}
    (record,) = records(session, "argilla")
    assert record["fields"]["edited"] == "mine"
    (response,) = record["responses"]["ranking"]
    assert [(one["value"], one["rank"]) for one in response["value"]] == [
        ("edited", 1),
        ("response-1", 2),
        ("response-2", 2),
    ]


def test_a_tie_of_all_has_no_others_and_none_is_good_has_no_best(session: Session, annotator: Person) -> None:
    for verdict in ("tie", "none"):
        screen = factories.generation(session, annotator.id, ["a", "b"])
        factories.judgment(session, screen, pairs=False, verdict=verdict, candidate_id=None)
    tasks = records(session, "labelstudio")
    assert [task["annotations"][0]["result"][0]["value"]["ranker"] for task in tasks] == [
        {"chosen": ["c1", "c2"], "rejected": []},
        {"chosen": [], "rejected": ["c1", "c2"]},
    ]
    tie, none = (record["responses"]["ranking"][0] for record in records(session, "argilla"))
    assert [one["rank"] for one in tie["value"]] == [1, 1]
    assert (none["value"], none["status"]) == (None, "discarded")


def test_two_cards_that_say_the_same_stay_two(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "b"])
    factories.judgment(session, screen, candidate_id=screen.candidates[2].id)
    (task,) = records(session, "labelstudio")
    assert task["annotations"][0]["result"][0]["value"]["ranker"] == {"chosen": ["c3"], "rejected": ["c1", "c2"]}


@pytest.mark.parametrize("name", ["labelstudio", "argilla"])
def test_an_attention_check_is_not_brought_to_other_tools(session: Session, annotator: Person, name: str) -> None:
    factories.judgment(session, factories.generation(session, annotator.id, gold=True), pairs=False)
    assert "".join(exports.stream(session, name)) == "[]\n"


def test_metadata_that_reads_like_a_text_or_a_response_stands_apart(session: Session, annotator: Person) -> None:
    said = {"text": "another", "candidates": 3, "person": "Zoe", "language": "de"}
    prompt = factories.prompt(session, P1, metadata_=said)
    factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    (task,) = records(session, "labelstudio")
    assert (task["data"]["language"], task["data"]["person"], task["data"]["prompt"]) == ("de", "Zoe", P1)
    assert task["meta"] == {"text": "another", "candidates": 3}
    (record,) = records(session, "argilla")
    assert record["metadata"]["prompt.person"] == "Zoe"
    assert record["metadata"]["person"] == [annotator_name(session, annotator)]
    read = rows_from(json.dumps([task]).encode(), "a.json", kind=Kind.PREFERENCE).rows
    assert [row["prompt"] for row in read] == [P1]


def annotator_name(session: Session, person: Person) -> str:
    user = session.get_one(User, person.id)
    return user.name or user.email


@pytest.mark.parametrize("name", ["judgments-jsonl", "labelstudio", "argilla"])
def test_under_pseudonyms_no_key_betrays_who_an_imported_judgment_is_of(
    session: Session, annotator: Person, name: str
) -> None:
    imported, drawn = f"i-{'0' * 32}", "00000000-0000-4000-8000-000000000001"
    for key in (imported, drawn):
        judgment = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"]))
        judgment.client_key = key
    session.commit()
    plain, first, second = ("".join(exports.stream(session, name, pseudonyms=yes)) for yes in (False, True, True))
    assert imported in plain
    assert imported not in first + second
    assert all(drawn in one for one in (plain, first, second))
    assert all(re.search(r'"i-[0-9a-f]{32}"', one) for one in (first, second))
