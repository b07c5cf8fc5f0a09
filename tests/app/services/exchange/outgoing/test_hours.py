"""Hours and counts: what is counted for whom on which day, and how the files are written."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import FIRST, ProjectRole, within
from app.domain_errors import Invalid
from app.schemas.reading import read_query
from app.services.exchange.outgoing import hours
from app.services.exchange.outgoing.hours import HoursQuery
from app.services.projects import memberships
from app.services.prompts.assigning import groups
from tests import factories
from tests.app.routes.desk.test_api import problem
from tests.studio import Person, make_person

DAYS = {"since": "2026-11-01", "until": "2026-11-02"}
MORNING = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def judged(session: Session, person: int, *, gold: bool = False, right: int = 0, **values: object) -> int:
    answer = {"gold_answer": "right"} if gold else {}
    screen = factories.generation(session, person, gold=gold, prompt=factories.prompt(session, **answer))
    if gold:
        session.execute(
            text('UPDATE candidates SET "right" = (position = :place) WHERE generation_id = :screen'),
            {"place": right, "screen": screen.id},
        )
        session.commit()
    return factories.judgment(session, screen, pairs=False, **{"created_at": MORNING, **values}).id


def found(session: Session, **query: str) -> list[hours.Row]:
    return list(hours.rows(session, read_query(HoursQuery, {**DAYS, **query})))


def test_a_day_says_what_was_judged_and_for_how_long(session: Session, annotator: Person) -> None:
    judged(session, annotator.id, seconds=10.0)
    judged(session, annotator.id, seconds=500.0)  # away from the desk: two minutes count
    judged(session, annotator.id, verdict="skipped", candidate_id=None, seconds=3.0, flagged=True)
    judged(session, annotator.id, undone_at=MORNING, seconds=60.0)
    judged(session, annotator.id, gold=True, right=0)
    judged(session, annotator.id, gold=True, right=1)
    judged(session, annotator.id, created_at=MORNING + timedelta(days=1), seconds=1.5)
    judged(session, annotator.id, created_at=MORNING + timedelta(days=2))
    first, second = found(session)
    assert first == {
        "person": annotator.email,
        "account": annotator.id,
        "imported": False,
        "day": "2026-11-01",
        "judgments": 5,
        "chosen": 4,
        "edited": 0,
        "fine": 0,
        "tie": 0,
        "none": 0,
        "skipped": 1,
        "flagged": 1,
        "undone": 1,
        "decisions": 0,
        "checks_right": 1,
        "checks_wrong": 1,
        "timed": 3,
        "seconds": 133.0,
    }
    assert (second["day"], second["judgments"], second["seconds"]) == ("2026-11-02", 1, 1.5)
    assert tuple(first) == hours.COLUMNS


def test_a_day_begins_at_the_midnight_of_the_time_zone(session: Session, annotator: Person) -> None:
    judged(session, annotator.id, created_at=datetime(2026, 11, 1, 23, 30, tzinfo=UTC))
    assert [row["day"] for row in found(session)] == ["2026-11-01"]
    assert [row["day"] for row in found(session, time_zone="Europe/Berlin")] == ["2026-11-02"]
    assert [row["day"] for row in found(session, since="2024-01-01", until="2026-11-01")] == ["2026-11-01"]


def test_who_is_named_by_a_file_has_rows_of_their_own(app: Flask, session: Session, annotator: Person) -> None:
    other = make_person(app, session)
    judged(session, annotator.id)
    judged(session, annotator.id, imported=True, annotator="Eve", seconds=4.0)
    judged(session, annotator.id, imported=True)  # nobody is named
    judged(session, other.id)
    assert [(row["person"], row["imported"]) for row in found(session)] == [
        (annotator.email, False),
        (other.email, False),
        ("Eve", True),
    ]
    assert [row["person"] for row in found(session, person=str(other.id))] == [other.email]
    assert [(row["person"], row["seconds"]) for row in found(session, annotator="Eve")] == [("Eve", 4.0)]


def test_no_cell_of_the_csv_is_a_formula(app: Flask, session: Session, admin: Person) -> None:
    mallory = make_person(app, session, name="=HYPERLINK(1)")
    judged(session, mallory.id, seconds=2.0)
    answer = admin.call("GET", "/hours?since=2026-11-01&until=2026-11-02")
    row = next(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert (row["person"], row["spreadsheet_safe"], row["seconds"]) == ("'=HYPERLINK(1)", "yes", "2.0")
    answer = admin.call("GET", "/hours?since=2026-11-01&until=2026-11-02&format=jsonl")
    assert json.loads(answer.text)["person"] == "=HYPERLINK(1)"


def test_an_annotator_takes_out_their_own_and_nobody_elses(app: Flask, session: Session, annotator: Person) -> None:
    judged(session, annotator.id)
    judged(session, make_person(app, session).id)
    answer = annotator.call("GET", "/me/hours?since=2026-11-01&until=2026-11-02&format=jsonl")
    assert [json.loads(line)["account"] for line in answer.text.splitlines()] == [annotator.id]
    assert annotator.call("GET", "/hours").status_code == 403
    assert annotator.call("GET", "/me/hours?person=1").status_code == 422


def test_an_admin_of_a_project_is_told_of_the_work_in_it_and_of_nobody_else(app: Flask, session: Session) -> None:
    second = factories.project(session).id
    leader, member, stranger = people = [make_person(app, session) for _ in range(3)]
    roles = (ProjectRole.ADMIN, ProjectRole.ANNOTATOR, ProjectRole.NONE)
    for person, role in zip(people, roles, strict=True):
        memberships.begin(session, person.id, {FIRST: ProjectRole.ANNOTATOR, second: role})
    group = groups.create(session, leader.id, "Evenings", [member.id, stranger.id])
    for person in people:
        judged(session, person.id, seconds=50.0)
        judged(session, leader.id, imported=True, annotator="Eve", seconds=9.0)
    with within(session, second):
        judged(session, member.id, seconds=4.0)

    def asked(path: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {leader.token}"}
        return app.test_client().get(f"/p/second/api/v1{path}", headers=headers)

    days = "since=2026-11-01&until=2026-11-02&format=jsonl"
    told = [json.loads(line) for line in asked(f"/hours?{days}").text.splitlines()]
    assert [(row["account"], row["judgments"], row["seconds"]) for row in told] == [(member.id, 1, 4.0)]
    assert asked(f"/hours?{days}&annotator=Eve").text == ""
    assert problem(asked(f"/hours?{days}&person={stranger.id}")) == (404, f"There is no user {stranger.id}.")
    assert asked("/groups").json == [{"id": group.id, "name": "Evenings", "members": [member.id]}]
    assert problem(leader.call("GET", f"/hours?{days}"))[0] == 403
    page = leader.browser().get(f"/p/second/admin/people/hours?person={stranger.id}")
    assert (page.status_code, stranger.email in page.text) == (404, False)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "2026-11-03"}, "since must not be after until, and at most 3660 days before it."),
        ({"since": "1999-01-01"}, "since must not be after until, and at most 3660 days before it."),
        ({"time_zone": "Mars"}, "time_zone must be the name of a time zone, such as Europe/Berlin."),
        ({"person": "1", "annotator": "Eve"}, "Name a person or an annotator, not both."),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_sentence(
    session: Session, query: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        found(session, **query)


def test_a_person_who_is_not_there_is_refused_before_the_file_begins(admin: Person) -> None:
    assert problem(admin.call("GET", "/hours?person=99")) == (404, "There is no user 99.")
