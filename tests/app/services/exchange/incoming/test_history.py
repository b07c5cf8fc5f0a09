"""Imports as they are recorded, and a whole one taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, FileImport, Judgment, Prompt, Verdict
from app.domain_errors import Conflict, Malformed, NotFound
from app.services.desk import judgments
from app.services.exchange import exports, imports
from app.services.exchange.incoming import history
from app.services.exchange.incoming.history import Undone
from app.services.exchange.incoming.import_plan import ImportPlan
from tests import factories
from tests.app.services.exchange.conftest import LONGEST, look, queued, store
from tests.studio import Person, rows

JUDGED = '{"prompt": "one", "chosen": "a", "rejected": "b"}\n{"prompt": "two", "chosen": "c", "rejected": "d"}\n'


def latest(session: Session) -> FileImport:
    return history.page(session).imports[0].record


def test_an_import_is_recorded_with_who_did_it_and_what_became_of_it(
    session: Session, admin: Person, write: Any
) -> None:
    store(session, admin, write("a.jsonl", JUDGED + '{"prompt": ""}\n'), judgments=True, source="a list")
    (one,) = history.page(session).imports
    assert history.as_json(one) == {
        "id": one.record.id,
        "file_name": "a.jsonl",
        "source": "a list",
        "person": {"id": admin.id, "name": admin.email},
        "added": 2,
        "duplicates": 0,
        "rejected": 1,
        "judgments": 2,
        "created_at": one.record.created_at.isoformat(),
        "undone_at": None,
    }
    history.undo(session, admin.id, one.record.id)
    (undone,) = history.page(session).imports
    assert history.as_json(undone)["undone_at"] == undone.record.undone_at.isoformat()  # type: ignore[union-attr]


def test_an_import_that_broke_off_is_recorded_with_what_was_stored(session: Session, admin: Person, write: Any) -> None:
    whole = [json.dumps(f"text {number}") for number in range(600)]
    path = write("a.json", "[" + ",".join(whole) + ", {")
    with pytest.raises(Malformed):
        list(imports.run(session, admin.id, path, ImportPlan.parse({"layout": "json"}, "a.json"), LONGEST))
    assert latest(session).added == 500
    assert history.undo(session, admin.id, latest(session).id) == Undone(500, 0, 0)


def test_imports_are_listed_the_newest_first_page_by_page(session: Session, admin: Person, write: Any) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        store(session, admin, write(name, name))
    first = history.page(session, size=2)
    assert [one.record.file_name for one in first.imports] == ["c.txt", "b.txt"]
    second = history.page(session, first.before, size=2)
    assert ([one.record.file_name for one in second.imports], second.before) == (["a.txt"], None)


def test_undoing_takes_prompts_out_of_the_queue_withdraws_judgments_and_says_so(
    session: Session, admin: Person, write: Any
) -> None:
    factories.prompt(session, "other", queued=True)
    store(session, admin, write("a.jsonl", JUDGED), judgments=True)
    number = latest(session).id
    assert history.undo(session, admin.id, number) == Undone(2, 2, 0)
    assert queued(session) == ["other"]
    assert all(row.undone_at for row in rows(session, Judgment))
    assert list(exports.stream(session, "trl")) == []
    event = rows(session, AuditEvent)[-1]
    assert (event.action, event.subject, event.user_id) == ("import.undone", "a.jsonl", admin.id)
    assert event.details == {"number": number, "prompts": 2, "judgments": 2}


def test_undoing_twice_does_nothing_more(session: Session, admin: Person, write: Any) -> None:
    store(session, admin, write("a.jsonl", JUDGED), judgments=True)
    number = latest(session).id
    history.undo(session, admin.id, number)
    first = latest(session).undone_at
    assert history.undo(session, admin.id, number) == Undone(0, 0, 0)
    assert latest(session).undone_at == first
    assert [event.action for event in rows(session, AuditEvent)] == ["prompts.imported", "import.undone"]


def test_what_people_judged_here_stays(session: Session, admin: Person, annotator: Person, write: Any) -> None:
    store(session, admin, write("a.txt", "one\ntwo\n"))
    prompt = rows(session, Prompt)[0]
    factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    assert history.undo(session, admin.id, latest(session).id) == Undone(2, 0, 1)
    assert (queued(session), len(list(exports.stream(session, "trl")))) == ([], 1)


def test_a_prompt_that_was_done_does_not_come_back_when_its_judgment_is_undone_later(
    session: Session, admin: Person, annotator: Person, write: Any
) -> None:
    store(session, admin, write("a.txt", "one\n"))
    prompt = rows(session, Prompt)[0]
    judgment = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    prompt.queued, prompt.retired_at = False, judgment.created_at
    session.commit()
    history.undo(session, admin.id, latest(session).id)
    judgments.undo(session, annotator.id, judgment.id)
    assert queued(session) == []


def test_a_prompt_of_another_import_comes_back_if_it_was_done_by_the_withdrawn_judgment(
    session: Session, admin: Person, write: Any
) -> None:
    store(session, admin, write("a.txt", "one\n"))
    store(session, admin, write("b.jsonl", JUDGED), judgments=True, queue=False)
    first = rows(session, Prompt)[0]
    first.queued, first.retired_at = False, rows(session, Judgment)[0].created_at
    session.commit()
    history.undo(session, admin.id, latest(session).id)
    assert queued(session) == ["one"]


def test_the_same_file_can_be_imported_again_after_it_was_undone(session: Session, admin: Person, write: Any) -> None:
    path = write("a.jsonl", JUDGED)
    store(session, admin, path, judgments=True)
    before = list(exports.stream(session, "trl"))
    history.undo(session, admin.id, latest(session).id)
    report = store(session, admin, path, judgments=True).report
    assert (report.added, report.judgments) == (2, 2)
    assert list(exports.stream(session, "trl")) == before


CHECKS = "text,gold,lang\none,{},{}\ntwo,{},{}\n"


def said(session: Session) -> list[tuple[Any, ...]]:
    session.expire_all()
    return [(row.text, row.gold_answer, row.gold_wrong, row.metadata_) for row in rows(session, Prompt)]


def test_a_corrected_file_says_what_it_says_after_the_wrong_one_was_undone(
    session: Session, admin: Person, write: Any
) -> None:
    path = write("a.csv", "text,gold,gold_wrong,lang\none,wrong,worse,fr\ntwo,wrong,worse,fr\n")
    assert store(session, admin, path).report.checks == 2
    history.undo(session, admin.id, latest(session).id)
    assert said(session) == [("one", None, None, None), ("two", None, None, None)]
    store(session, admin, write("b.csv", CHECKS.format("wrong too", "it", "wrong too", "it")))
    history.undo(session, admin.id, latest(session).id)
    assert said(session) == [("one", None, None, None), ("two", None, None, None)]
    report = store(session, admin, write("c.csv", CHECKS.format("right", "de", "", "en"))).report
    assert (report.added, report.checks, report.rejected) == (2, 1, [])
    assert said(session) == [("one", "right", None, {"lang": "de"}), ("two", None, None, {"lang": "en"})]


def test_metadata_that_came_with_judgments_alone_are_undone_with_them(
    session: Session, admin: Person, write: Any
) -> None:
    row = {"prompt": "one", "chosen": "a", "rejected": "b"}
    store(session, admin, write("a.jsonl", json.dumps(row | {"lang": "fr"})), judgments=True, queue=False)
    history.undo(session, admin.id, latest(session).id)
    store(session, admin, write("b.jsonl", json.dumps(row | {"lang": "it"})), judgments=True, queue=False)
    history.undo(session, admin.id, latest(session).id)
    path = write("c.jsonl", json.dumps(row | {"lang": "de"}))
    report = store(session, admin, path, judgments=True, queue=False).report
    assert (report.judgments, report.rejected) == (1, [])
    assert said(session) == [("one", None, None, {"lang": "de"})]


def test_what_was_judged_here_or_was_here_before_keeps_its_check_and_its_metadata(
    session: Session, admin: Person, annotator: Person, write: Any
) -> None:
    factories.prompt(session, "one", metadata_={"lang": "nl"}, gold_answer="old")
    store(session, admin, write("a.csv", CHECKS.format("", "", "right", "de") + "three,right,de\n"))
    screen = factories.generation(session, annotator.id, ["right", "b"], prompt=rows(session, Prompt)[1], gold=True)
    judgments.undo(session, annotator.id, factories.judgment(session, screen).id)
    history.undo(session, admin.id, latest(session).id)
    assert said(session) == [
        ("one", "old", None, {"lang": "nl"}),
        ("two", "right", None, {"lang": "de"}),
        ("three", None, None, None),
    ]


def test_what_another_file_queued_again_is_left_to_it(session: Session, admin: Person, write: Any) -> None:
    store(session, admin, write("a.csv", CHECKS.format("right", "de", "", "en")))
    first = latest(session).id
    prompt = rows(session, Prompt)[0]
    prompt.queued = False
    session.commit()
    store(session, admin, write("b.csv", "text,gold,lang\none,better,de\n"))
    history.undo(session, admin.id, first)
    assert said(session) == [("one", "better", None, {"lang": "de"}), ("two", None, None, None)]


def test_a_judgment_that_was_changed_here_is_not_withdrawn(session: Session, admin: Person, write: Any) -> None:
    store(session, admin, write("a.jsonl", JUDGED), judgments=True)
    imported = rows(session, Judgment)[0]
    tie = judgments.JudgmentRequest(imported.generation_id, Verdict.TIE)
    judgments.judge_again(session, admin.id, tie)
    assert history.undo(session, admin.id, latest(session).id) == Undone(2, 1, 1)
    assert [row.verdict for row in rows(session, Judgment) if row.undone_at is None] == ["tie"]


def test_an_import_that_is_undone_while_it_runs_stores_nothing_more(
    session: Session, admin: Person, write: Any
) -> None:
    path = write("a.txt", "".join(f"text {number}\n" for number in range(1_203)))
    running = imports.run(session, admin.id, path, ImportPlan.parse({"layout": "lines"}, "a.txt"), LONGEST)
    next(running)
    assert history.undo(session, admin.id, latest(session).id) == Undone(500, 0, 0)
    with pytest.raises(Conflict) as refusal:
        list(running)
    assert str(refusal.value) == "The import was undone while it ran: what was left of the file is not stored."
    assert (queued(session), len(rows(session, Prompt))) == ([], 500)


def test_judgments_that_wait_for_more_rows_are_not_stored_once_their_import_is_undone(
    session: Session, admin: Person, write: Any
) -> None:
    row = {"prompt": "one", "chosen": "a", "rejected": "b", "judgment": f"i-{7:032}", "verdict": "chosen"}
    path = write("a.jsonl", json.dumps(row))
    plan = ImportPlan.parse(look(session, path).mapping.as_json() | {"judgments": True}, "a.jsonl")
    running = imports.run(session, admin.id, path, plan, LONGEST)
    next(running)
    assert history.undo(session, admin.id, latest(session).id) == Undone(1, 0, 0)
    with pytest.raises(Conflict):
        list(running)
    assert rows(session, Judgment) == []
    assert [event.action for event in rows(session, AuditEvent)] == ["import.undone", "prompts.imported"]


def test_an_import_that_there_is_not_cannot_be_undone(session: Session, admin: Person) -> None:
    with pytest.raises(NotFound) as refusal:
        history.undo(session, admin.id, 7)
    assert str(refusal.value) == "There is no import 7."
