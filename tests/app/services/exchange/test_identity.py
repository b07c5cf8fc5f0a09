"""Judgments that leave a studio in a file and come back, or into another one: each is there once and says the same."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Judgment, Preference, Prompt, Verdict
from app.domain_errors import Malformed
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.exchange import exports, imports
from app.services.exchange.incoming.import_plan import ImportPlan
from tests import factories
from tests.app.services.exchange.conftest import LONGEST, look, queued, store
from tests.studio import Person, rows

WITH_SCREENS = [name for name in exports.FORMATS if name not in exports.PAIR_FORMATS]
"""The formats that carry every verdict; of those of pairs, all carry what yields pairs, and KTO "none is good"."""


@pytest.fixture
def judged(session: Session, annotator: Person, admin: Person) -> None:
    """Every verdict, by two people, on texts of which some read alike."""
    gestures: list[dict[str, Any]] = [
        {"verdict": Verdict.CHOSEN, "candidate_id": 1},
        {"verdict": Verdict.EDITED, "edited_text": 'by "hand",\nin two lines'},
        {"verdict": Verdict.FINE},
        {"verdict": Verdict.TIE, "tied": (0, 2)},
        {"verdict": Verdict.TIE},
        {"verdict": Verdict.NONE},
        {"verdict": Verdict.SKIPPED, "reason": "no idea"},
    ]
    for number, gesture in enumerate(gestures):
        for person in (annotator, admin):
            prompt = (
                rows(session, Prompt)[number] if person is admin else factories.prompt(session, f"you fool {number}")
            )
            screen = factories.generation(session, person.id, ["a", "b, c", "d"], prompt=prompt)
            cards = [card.id for card in screen.candidates]
            given = dict(gesture)
            if "candidate_id" in given:
                given["candidate_id"] = cards[given["candidate_id"]]
            given["tied"] = tuple(cards[place] for place in given.get("tied", ()))
            judgments.judge(session, person.id, JudgmentRequest(screen.id, **given))


def content(session: Session) -> dict[str, tuple[Any, ...]]:
    """Return the content of each standing judgment, by its key."""
    found: dict[str, tuple[Any, ...]] = {}
    for one in rows(session, Judgment):
        cards = {card.id: card.text for card in one.generation.candidates}
        best = {one.candidate_id, *(one.tied or ())} & set(cards)
        pairs = sorted((row.prompt, row.chosen, row.rejected, row.weight) for row in one.preferences)
        found[one.client_key] = (
            str(one.verdict),
            one.generation.prompt.text,
            sorted(cards.values()),
            sorted(cards[number] for number in best),
            one.edited_text,
            pairs,
        )
    return found


def exported(session: Session, name: str) -> bytes:
    return b"".join(exports.content(session, name))


def carried(session: Session, name: str) -> dict[str, tuple[Any, ...]]:
    """Return the content of the judgments that the format can carry."""
    every = content(session)
    if name in WITH_SCREENS:
        return every
    return {key: one for key, one in every.items() if one[5] or (one[0], name) == ("none", "kto")}


def text_of(name: str, path: Path, session: Session) -> dict[str, str]:
    """The column of the text: what the studio gave to LLaMA-Factory stands under input."""
    return {"text": "input" if name == "llamafactory" else look(session, path).mapping.text}


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("name", exports.FORMATS)
def test_another_studio_stores_each_judgment_once_and_exports_the_same_again(
    session: Session, elsewhere: Session, write: Any, name: str
) -> None:
    mine = carried(session, name)
    path = write(f"a.{exports.FORMATS[name].extension}", exported(session, name))
    admin = factories.user(elsewhere).id
    assert look(elsewhere, path, **text_of(name, path, elsewhere)).judgments == len(mine)
    for new, known in ((len(mine), 0), (0, len(mine))):
        report = store(elsewhere, admin, path, judgments=True, queue=False, **text_of(name, path, elsewhere)).report
        assert (report.judgments, report.judgments_known, report.rejected) == (new, known, [])
    assert content(elsewhere) == mine
    if name in exports.PAIR_FORMATS:  # the others hold what is another studio's: ids, and the order of its cards
        again = exported(elsewhere, name)
        assert sorted(again.splitlines()) == sorted(exported(session, name).splitlines())


@pytest.mark.parametrize("name", [name for name in exports.FORMATS if name != "kto"])
def test_an_export_brings_the_same_pairs_into_another_studio(
    session: Session, elsewhere: Session, admin: Person, write: Any, name: str
) -> None:
    for number in range(3):
        prompt = factories.prompt(session, f"you fool {number}")
        factories.judgment(session, factories.generation(session, admin.id, ["a", "b", "c"], prompt=prompt))
    path = write(f"a.{exports.FORMATS[name].extension}", exported(session, name))
    column = text_of(name, path, elsewhere)
    report = store(elsewhere, factories.user(elsewhere).id, path, queue=False, judgments=True, **column).report
    assert (report.rejected, queued(elsewhere)) == ([], [])
    mine, theirs = (
        sorted((row.prompt, row.chosen, row.rejected) for row in rows(one, Preference)) for one in (session, elsewhere)
    )
    assert theirs == mine


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("name", exports.FORMATS)
def test_the_same_studio_skips_what_it_holds_and_says_how_much(
    session: Session, admin: Person, write: Any, name: str
) -> None:
    before = content(session)
    path = write(f"a.{exports.FORMATS[name].extension}", exported(session, name))
    column = text_of(name, path, session)
    found = look(session, path, **column)
    assert found.judgments == found.judgments_known > 0
    report = store(session, admin, path, judgments=True, queue=False, **column).report
    assert (report.judgments, report.judgments_known, report.rejected) == (0, found.judgments, [])
    assert content(session) == before


@pytest.mark.usefixtures("judged")
def test_rows_of_a_judgment_may_stand_in_any_order_near_each_other(
    session: Session, elsewhere: Session, write: Any
) -> None:
    lines = exported(session, "trl").decode().splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    store(elsewhere, factories.user(elsewhere).id, write("a.jsonl", "".join(lines)), judgments=True)
    assert content(elsewhere) == {key: one for key, one in content(session).items() if one[5]}


def pair(number: int, rejected: str) -> dict[str, str]:
    key = f"j-{number:032x}"
    return {"prompt": f"p {number}", "chosen": "a", "rejected": rejected, "judgment": key, "verdict": "chosen"}


APART = (
    "Its judgment began more than 500 rows above and is stored without this row: "
    "the rows of a judgment must stand near each other."
)


@pytest.mark.long
def test_rows_of_a_judgment_that_stand_far_apart_are_listed_and_never_make_two(elsewhere: Session, write: Any) -> None:
    key = "j-" + "0" * 32
    first = {"prompt": "p", "chosen": "a", "rejected": "b", "judgment": key, "verdict": "chosen"}
    others = [{"prompt": f"p {number}", "chosen": "a", "rejected": "b"} for number in range(1_200)]
    path = write("a.jsonl", "".join(json.dumps(one) + "\n" for one in (first, *others, first | {"rejected": "c"})))
    refusals = [{"line": 1_202, "reason": APART}]
    found = look(elsewhere, path)
    assert (found.judgments, found.judgments_known, found.unused, found.problems) == (1_201, 0, 1, refusals)
    report = store(elsewhere, factories.user(elsewhere).id, path, judgments=True).report
    assert (report.judgments, report.judgments_known, report.rejected) == (1_201, 0, refusals)
    assert content(elsewhere)[key][5] == [("p", "a", "b", 1.0)]


@pytest.mark.long
@pytest.mark.parametrize("second", ["b", "c"])
def test_a_preview_counts_judgments_as_the_import_will(
    session: Session, admin: Person, write: Any, second: str
) -> None:
    """Rows that come again far below are known where they say the same, and listed where they do not."""
    records = [pair(number, rejected) for rejected in ("b", second) for number in range(1_001)]
    path = write("a.jsonl", "\n".join(map(json.dumps, records)))
    found = look(session, path)
    report = store(session, admin, path, judgments=True).report
    new = found.judgments - found.judgments_known
    assert (new, found.judgments_known, found.unused) == (
        1_001,
        1_001 if second == "b" else 0,
        0 if second == "b" else 1_001,
    )
    assert (report.judgments, report.judgments_known, report.unused_count) == (new, found.judgments_known, found.unused)
    assert found.problems == report.rejected[: len(found.problems)]
    assert {one["reason"] for one in report.rejected} == ({APART} if second == "c" else set())


@pytest.mark.parametrize("change", [{"chosen": "z"}, {"prompt": "another"}, {"verdict": "edited"}])
def test_a_judgment_that_is_here_and_says_something_else_stays_and_is_listed(
    session: Session, admin: Person, write: Any, change: dict[str, str]
) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    before = content(session)
    record = json.loads(exported(session, "trl")) | change
    path = write("a.jsonl", json.dumps(record))
    assert look(session, path).problems == [
        {"line": 1, "reason": "Its judgment is here already and says something else: the one that is here stays."}
    ]
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, report.judgments_known, report.unused_count) == (0, 0, 1)
    assert content(session) == before


def test_a_prompt_that_is_said_to_be_fine_must_be_what_is_chosen(session: Session, admin: Person, write: Any) -> None:
    path = write("a.jsonl", json.dumps(TABLE | {"verdict": "fine", "position": None, "chosen": "another"}))
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, rows(session, Judgment)) == (0, [])
    (refused,) = report.rejected
    assert "its verdict is 'fine', and what it chooses is not the prompt" in refused["reason"]


def test_a_judgment_that_was_undone_here_does_not_come_back(session: Session, admin: Person, write: Any) -> None:
    judgment = factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    path = write("a.jsonl", exported(session, "trl"))
    judgments.undo(session, admin.id, judgment.id)
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, report.judgments_known) == (0, 1)


def test_a_word_in_a_column_called_judgment_is_no_key(session: Session, admin: Person, write: Any) -> None:
    path = write("a.csv", "prompt,chosen,rejected,judgment\np,a,b,good\nq,a,b,good\n")
    assert store(session, admin, path, judgments=True).report.judgments == 2


TABLE = {
    "judgment": "00000000-0000-4000-8000-000000000001",
    "prompt": "you fool",
    "candidates": ["a", "b", "c"],
    "verdict": "chosen",
    "position": 2,
    "tied": [],
    "chosen": "b",
    "person": "Ada",
    "created_at": "2026-01-02T03:04:05+00:00",
    "seconds": 2.5,
    "version": 1,
    "versions": [1, 1, 1],
    "source": "a list",
    "reason": None,
    "flagged": False,
    "gold": False,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("chosen", ["b"], None)),
        ({"verdict": "tie", "tied": [1, 3], "position": None, "chosen": None}, ("tie", ["a", "c"], None)),
        ({"verdict": "tie", "tied": [1, 2, 3], "position": None, "chosen": None}, ("tie", [], None)),
        ({"verdict": "none", "position": None, "chosen": None}, ("none", [], None)),
        ({"verdict": "edited", "position": None, "chosen": "by hand"}, ("edited", [], "by hand")),
        ({"verdict": "fine", "position": None, "chosen": "you fool"}, ("fine", [], None)),
        (
            {"verdict": "skipped", "position": None, "chosen": None, "reason": "why", "flagged": True},
            ("skipped", [], None),
        ),
    ],
)
@pytest.mark.parametrize("layout", ["jsonl", "csv"])
def test_a_row_of_the_table_of_judgments_is_the_judgment_it_was(
    session: Session, admin: Person, write: Any, change: dict[str, Any], expected: Any, layout: str
) -> None:
    row = TABLE | change
    if layout == "csv":
        cells = [
            json.dumps(one) if isinstance(one, list | bool) else "" if one is None else str(one) for one in row.values()
        ]
        lines = [",".join(row), ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)]
        path = write("a.csv", "\r\n".join(lines) + "\r\n")
    else:
        path = write("a.jsonl", json.dumps(row))
    found = look(session, path)
    assert (found.found.format, found.judgments, found.people, found.gold) == ("judgments", 1, 1, 0)
    report = store(session, admin, path, judgments=True).report
    assert (report.judgments, report.rejected) == (1, [])
    (judgment,) = rows(session, Judgment)
    cards = {card.id: card.text for card in judgment.generation.candidates}
    best = sorted(cards[one] for one in {judgment.candidate_id, *(judgment.tied or ())} & set(cards))
    assert (judgment.verdict, best, judgment.edited_text) == expected
    assert (judgment.client_key, judgment.annotator, judgment.seconds) == (TABLE["judgment"], "Ada", 2.5)
    assert judgment.created_at.isoformat() == TABLE["created_at"]
    assert (judgment.reason, judgment.flagged) == (row["reason"], row["flagged"])
    assert sorted(cards.values()) == ["a", "b", "c"]


def test_an_attention_check_is_not_taken_over_and_makes_no_check(session: Session, admin: Person, write: Any) -> None:
    report = store(session, admin, write("a.jsonl", json.dumps(TABLE | {"gold": True})), judgments=True).report
    reason = "it is an attention check, which tells of a person and not of texts"
    assert report.rejected == [{"line": 1, "reason": f"Its judgment cannot be taken over: {reason}."}]
    assert rows(session, Prompt)[0].gold_answer is None


def test_records_of_several_people_with_a_key_and_a_verdict_each_are_read(
    session: Session, admin: Person, write: Any
) -> None:
    """Their records hold several people's answers, each with the key and the verdict of the judgment that it is."""
    keys = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
    names = {"prompt": "you fool", "response-1": "a", "response-2": "b", "edited": "by hand"}
    ranking = [{"value": "edited", "rank": 1}, {"value": "response-1", "rank": 2}, {"value": "response-2", "rank": 2}]
    record = {
        "id": "1",
        "fields": names,
        "metadata": {"judgment": keys[:2], "verdict": ["edited", "none"], "person": ["Ada", "Ben"]},
        "responses": {
            "ranking": [
                {"value": ranking, "user_id": "u1", "status": "submitted"},
                {"value": None, "user_id": "u2", "status": "discarded"},
            ]
        },
    }
    ranker = {"type": "ranker", "value": {"ranker": {"chosen": ["edited"], "rejected": ["c1"]}}}
    task = {
        "id": 1,
        "data": {"prompt": "you fool", "candidates": [{"id": "c1", "body": "a"}, {"id": "edited", "body": "by hand"}]},
        "annotations": [
            {"created_username": "Ada", "result": [ranker], "judgment": keys[2], "verdict": "edited"},
            {"created_username": "Ben", "result": [], "was_cancelled": True, "judgment": keys[3], "verdict": "skipped"},
        ],
    }
    for name, one in (("a.json", record), ("b.json", task)):
        assert store(session, admin, write(name, json.dumps([one])), judgments=True).report.rejected == []
    found = rows(session, Judgment)
    assert [(one.client_key, one.annotator, str(one.verdict), one.edited_text) for one in found] == [
        (keys[0], "Ada", "edited", "by hand"),
        (keys[1], "Ben", "none", None),
        (keys[2], "Ada", "edited", "by hand"),
        (keys[3], "Ben", "skipped", None),
    ]


@pytest.mark.long
@pytest.mark.parametrize("broken_off", ["file", "client"])
def test_an_import_that_breaks_off_stores_whole_judgments_and_the_repeated_one_the_others(
    session: Session, admin: Person, write: Any, broken_off: str
) -> None:
    batches = [pair(number, "b") for number in (*range(1000, 1500), *range(500))]
    whole = json.dumps([*batches, pair(499, "c"), pair(500, "b")])
    wish = ImportPlan.parse({"layout": "json", "text": "prompt", "judgments": True}, "a.json")
    if broken_off == "file":
        with pytest.raises(Malformed):
            list(imports.run(session, admin.id, write("a.json", f"{whole[:-1]}, {{"), wish, LONGEST))
    else:
        running = imports.run(session, admin.id, write("a.json", whole), wish, LONGEST)
        assert [next(running).rows, next(running).rows] == [500, 1000]
        running.close()
    assert [row.client_key for row in rows(session, Judgment)] == [f"j-{number:032x}" for number in range(1000, 1500)]
    assert rows(session, AuditEvent)[0].details["judgments"] == 500
    report = store(session, admin, write("b.json", whole), judgments=True).report
    assert (report.judgments, report.judgments_known, report.rejected) == (501, 500, [])
    (split,) = (row for row in rows(session, Judgment) if row.client_key == pair(499, "")["judgment"])
    assert sorted(one.rejected for one in split.preferences) == ["b", "c"]
