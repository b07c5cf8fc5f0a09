"""Files of Label Studio, Argilla and Prodigy: what each person said becomes a judgment with their name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Candidate, Judgment, Preference
from app.services.people import agreement
from tests.app.services.exchange.conftest import look, store
from tests.studio import Person, rows

LABEL_STUDIO = {
    "id": 7,
    "data": {"prompt": "you fool", "answers": [{"id": "a", "body": "you are wrong"}, {"id": "b", "body": "you idiot"}]},
    "annotations": [
        {
            "id": 12,
            "completed_by": 1,
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 3.5,
            "result": [
                {
                    "id": "x1",
                    "type": "ranker",
                    "origin": "manual",
                    "from_name": "rank",
                    "to_name": "answers",
                    "value": {"ranker": {"_": [], "chosen": ["a"], "rejected": ["b"]}},
                }
            ],
        },
    ],
    "predictions": [],
    "meta": {},
}


LABEL_STUDIO_ORDER = LABEL_STUDIO | {
    "annotations": [{"result": [{"type": "ranker", "value": {"ranker": {"rank": ["a", "b"]}}}]}]
}


ARGILLA_SERVER = {
    "fields": {"prompt": "you fool", "first": "you are wrong", "second": "you idiot"},
    "responses": [
        {
            "values": {"order": {"value": [{"value": "first", "rank": 1}, {"value": "second", "rank": 2}]}},
            "status": "submitted",
            "user_id": "6c1cbdbf-1b1f-4f7a-b94c-6a2a8bd5a3a4",
        }
    ],
    "external_id": "9",
}


ARGILLA_CLIENT = {
    "id": "9",
    "fields": {"prompt": "you fool", "first": "you are wrong", "second": "you idiot"},
    "metadata": {},
    "suggestions": {},
    "responses": {"order": [{"value": ["first", "second"], "user_id": "6c1cbdbf-1b1f-4f7a-b94c-6a2a8bd5a3a4"}]},
    "vectors": {},
    "status": "completed",
}


@pytest.mark.parametrize(
    "record",
    [LABEL_STUDIO, LABEL_STUDIO_ORDER, ARGILLA_SERVER, ARGILLA_CLIENT],
    ids=["label-studio-buckets", "label-studio-order", "argilla-server", "argilla-client"],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_files_of_label_studio_and_argilla_bring_their_judgments(
    session: Session, admin: Person, write: Any, record: dict[str, Any], name: str
) -> None:
    path = write(name, json.dumps([record] if name == "a.json" else record))
    found = look(session, path)
    assert (found.found.judged, found.judgments, found.usable) == (True, 1, 1)
    assert found.sample[0]["text"] == "you fool"
    assert found.sample[0]["chosen"] == ["you are wrong"]
    for new in (1, 0):
        report = store(session, admin, path, judgments=True, source="elsewhere").report
        assert report.judgments == new, "the same judgment is taken over once"
    (judgment,) = rows(session, Judgment)
    assert (judgment.user_id, judgment.verdict) == (admin.id, "chosen")
    assert [(row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)] == [
        ("you fool", "you are wrong", "you idiot")
    ]
    assert {row.version_number for row in rows(session, Candidate)} == {None}
    assert judgment.generation.sampling == {"imported_from": "elsewhere"}


def task(*annotations: dict[str, Any], prompt: str = "you fool", **data: Any) -> dict[str, Any]:
    candidates = [{"id": f"c{place}", "body": text} for place, text in enumerate(("a", "b", "c"), start=1)]
    return {"data": {"prompt": prompt, "candidates": candidates} | data, "annotations": list(annotations)}


def annotation(by: Any, chosen: list[str], rejected: list[str], **values: Any) -> dict[str, Any]:
    ranker = {"type": "ranker", "value": {"ranker": {"chosen": chosen, "rejected": rejected}}}
    return {
        "completed_by": by,
        "result": [ranker],
        "created_at": "2026-01-02T03:04:05.000000Z",
        "lead_time": 5.1,
    } | values


def response(by: str, *ranks: int | None, **values: Any) -> dict[str, Any]:
    ranking = [{"value": f"response-{place}", "rank": rank} for place, rank in enumerate(ranks, start=1)]
    return {"user_id": by, "values": {"ranking": {"value": ranking}}, "status": "submitted"} | values


def record(*responses: dict[str, Any], **fields: str) -> dict[str, Any]:
    texts = {f"response-{place}": text for place, text in enumerate(("a", "b", "c"), start=1)}
    return {"fields": {"prompt": "you fool", **texts, **fields}, "responses": list(responses)}


def said(session: Session) -> list[tuple[str | None, str, list[str]]]:
    """Who said what, and which texts they found best."""
    found = []
    for judgment in rows(session, Judgment):
        cards = {card.id: card.text for card in judgment.generation.candidates}
        best = [judgment.candidate_id] if judgment.candidate_id else judgment.tied or []
        found.append((judgment.annotator, str(judgment.verdict), sorted(cards[one] for one in best)))
    return found


def test_each_persons_annotation_is_a_judgment_with_their_name_time_and_seconds(
    session: Session, admin: Person, write: Any
) -> None:
    ada, ben = {"id": 1, "first_name": "Ada", "email": "ada@example.org"}, {"id": 2, "email": "ben@example.org"}
    path = write(
        "a.json",
        json.dumps(
            [
                task(
                    annotation(ada, ["c1"], ["c2", "c3"]),
                    annotation(ben, ["c2"], ["c1", "c3"]),
                    annotation(3, ["c1"], ["c2", "c3"]),
                )
            ]
        ),
    )
    found = look(session, path)
    assert (found.judgments, found.people, found.problems) == (3, 3, [])
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, report.judgments_known, report.rejected) == (3, 0, [])
    assert said(session) == [
        ("Ada", "chosen", ["a"]),
        ("ben@example.org", "chosen", ["b"]),
        ("annotator 3", "chosen", ["a"]),
    ]
    assert {(one.seconds, one.created_at) for one in rows(session, Judgment)} == {
        (5.1, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    }
    measured = agreement.measured(session)
    assert (measured.alpha.units, measured.alpha.ratings) == (1, 3)
    assert [(pair.one, pair.other, pair.same.part) for pair in measured.pairs] == [
        ("Ada", "annotator 3", 1),
        ("Ada", "ben@example.org", 0),
        ("annotator 3", "ben@example.org", 0),
    ]


def test_what_was_cancelled_or_discarded_is_a_skip(session: Session, admin: Person, write: Any) -> None:
    cancelled = annotation(1, [], [], was_cancelled=True, result=[])
    discarded = response("u1", status="discarded", values={})
    for name, one in (("a.json", task(cancelled)), ("b.json", record(discarded))):
        report = store(session, admin, write(name, json.dumps([one])), judgments=True).report
        assert (report.judgments, report.rejected) == (1, [])
    assert said(session) == [("annotator 1", "skipped", []), ("u1", "skipped", [])]
    assert rows(session, Preference) == []
    assert [len(one.generation.candidates) for one in rows(session, Judgment)] == [3, 3]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", [record(response("u1", 1, 1, 2))], ("tie", ["a", "b"], [("a", "c", 0.5), ("b", "c", 0.5)])),
        (
            "a.json",
            [record(response("u1", 2, 1, 3))],
            ("chosen", ["b"], [("a", "c", 1.0), ("b", "a", 0.5), ("b", "c", 0.5)]),
        ),
        ("a.json", [record(response("u1", 1, 1, 1))], ("tie", [], [])),
        (
            "a.json",
            [task(annotation(1, ["c1", "c2"], ["c3"]))],
            ("tie", ["a", "b"], [("a", "c", 0.5), ("b", "c", 0.5)]),
        ),
        ("a.json", [task(annotation(1, [], ["c1", "c2", "c3"]))], ("none", [], [])),
        (
            "a.json",
            [
                {
                    "data": {"prompt": "you fool", "answer1": "a", "answer2": "b", "model": "m"},
                    "annotations": [{"result": [{"type": "pairwise", "value": {"selected": "right"}}]}],
                }
            ],
            ("chosen", ["b"], [("b", "a", 1.0)]),
        ),
        (
            "a.json",
            [
                {
                    "prompt": "you fool",
                    "items": [{"id": 1, "body": "a"}, {"id": 2, "body": "b"}],
                    "rank": {"ranker": {"chosen": ["2"], "rejected": ["1"]}},
                    "annotator": 4,
                }
            ],
            ("chosen", ["b"], [("b", "a", 1.0)]),
        ),
        (
            "a.jsonl",
            {
                "prompt": "you fool",
                "response-1": "a",
                "response-2": "b",
                "ranking.responses": [["response-2", "response-1"]],
                "ranking.responses.users": ["u1"],
                "ranking.responses.status": ["submitted"],
            },
            ("chosen", ["b"], [("b", "a", 1.0)]),
        ),
        (
            "a.jsonl",
            {
                "text": "you fool",
                "options": [{"id": "A", "text": "a"}, {"id": "B", "text": "b"}],
                "accept": ["B"],
                "answer": "accept",
            },
            ("chosen", ["b"], [("b", "a", 1.0)]),
        ),
    ],
)
def test_ties_pairs_and_the_forms_of_other_exports_are_read_as_what_they_say(
    session: Session, admin: Person, write: Any, name: str, content: Any, expected: Any
) -> None:
    path = write(name, json.dumps(content))
    assert look(session, path).judgments == 1
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, report.rejected) == (1, [])
    ((_, verdict, best),) = said(session)
    pairs = sorted((row.chosen, row.rejected, row.weight) for row in rows(session, Preference))
    assert (verdict, best, pairs) == expected
    assert rows(session, Judgment)[0].generation.prompt.text == "you fool"


def test_people_who_agree_in_a_table_count_each_for_themselves(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "annotator,prompt,chosen,rejected\nann,p,a,b\nbob,p,a,b\ncat,p,b,a\nann,p,a,b\n")
    found = look(session, path)
    assert (found.judgments, found.people, found.judgments_known) == (4, 3, 1)
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, report.judgments_known) == (3, 1)
    again = store(
        session, admin, write("b.csv", "annotator,prompt,chosen,rejected\ndan,p,a,b\nann,p,a,b\n"), judgments=True
    )
    assert (again.report.judgments, again.report.judgments_known) == (1, 1)
    assert [who for who, *_ in said(session)] == ["ann", "bob", "cat", "dan"]


LONG = "x" * 1001
CANNOT = "Its judgment cannot be taken over: "
UNUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"prompt": "p", "chosen": "a", "rejected": " a "}, [f"{CANNOT}chosen and rejected are the same."]),
    (
        {"prompt": "p", "chosen": "a", "rejected": None},
        [f"{CANNOT}there is no rejected: the fields are prompt, chosen."],
    ),
    ({"prompt": "p", "chosen": "a", "rejected": ""}, [f"{CANNOT}rejected is empty."]),
    (
        {"prompt": "p", "chosen": LONG, "rejected": "b"},
        [f"{CANNOT}The text has 1001 characters and may have at most 1000."],
    ),
    (
        {"toxic": "p", "chosen": "a", "rejected": ["a", "b"]},
        ["Part of its judgment is not used: chosen and rejected are the same."],
    ),
    (task(), [f"{CANNOT}nobody has judged it."]),
    (task(annotation(1, [], [])), [f"{CANNOT}nothing was ranked above anything: c1, c2, c3 were placed nowhere."]),
    (task(annotation(1, ["c1"], [])), [f"{CANNOT}nothing was ranked above anything: c2, c3 were placed nowhere."]),
    (task(annotation(1, ["c1"], ["c2"])), ["Part of its judgment is not used: of the ranking, c3 was placed nowhere."]),
    (task(annotation(1, ["c9"], ["c2"])), [f"{CANNOT}there is no candidate 'c9' in the task."]),
    (task({"completed_by": 1, "result": []}), [f"{CANNOT}no annotation ranks the candidates."]),
    (task(annotation(1, ["c1"], ["c2", "c3"], lead_time=-1)), [f"{CANNOT}lead_time is negative."]),
    (
        record(response("u1", 1, 2, None)),
        ["Part of its judgment is not used: of the ranking, response-3 was placed nowhere."],
    ),
    (
        record(response("u1", 1, 2, 3), response("u2", 1, 2, 3, status="draft")),
        [f"{CANNOT}the response by u2 is not submitted: its status is 'draft'."],
    ),
]


@pytest.mark.parametrize(("row", "reasons"), UNUSED)
def test_what_is_not_taken_over_is_listed_with_its_line_in_the_preview_and_when_it_is_stored(
    session: Session, admin: Person, write: Any, row: dict[str, Any], reasons: list[str]
) -> None:
    usable = [{"prompt": "q", "chosen": "a", "rejected": "b"}] * 3 if "prompt" in row else []
    path = write("a.jsonl", "".join(json.dumps(one) + "\n" for one in (row, row, *usable)))
    listed = [{"line": line, "reason": reason} for line in (1, 2) for reason in reasons]
    assert look(session, path).problems == listed
    progress = store(session, admin, path, judgments=True)
    assert progress.as_json()["rejected"] == listed
    assert (progress.report.unused_count, progress.report.rejected_count) == (len(listed), 0)
