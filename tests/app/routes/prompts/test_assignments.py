"""The pages and the API of assignments and groups: what is asked, done, said, and noted in the audit log."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt
from app.services.people import deletion
from app.services.prompts import queue, studio_settings
from app.services.prompts.assigning import listing, standing
from app.services.prompts.assigning.listing import AssignmentsQuery
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, make_person, rows


@pytest.fixture
def ada(app: Flask, session: Session) -> Person:
    return make_person(app, session, name="Ada")


@pytest.fixture
def prompts(session: Session) -> list[Prompt]:
    return [factories.prompt(session, queued=True, source="file.csv") for _ in range(3)]


def next_id(session: Session, person: Person) -> int | None:
    session.rollback()
    found = queue.next_waiting(session, person.id, studio_settings.settings(session))
    return found.id if found else None


def test_selected_prompts_are_assigned_seen_and_withdrawn_on_the_pages(
    session: Session, admin: Person, ada: Person, prompts: list[Prompt]
) -> None:
    browser = admin.browser()
    asked = browser.submit(
        "/admin/data/queue/selected", {"do": "assign", "id": [prompts[1].id, prompts[2].id]}, "/admin/data/queue"
    )
    page = browser.get(asked.location)
    assert "2 prompts that wait in the queue will be assigned." in page.text
    assert "Assign 2 prompts" in page.text
    form = {"id": [prompts[1].id, prompts[2].id], "who": f"user:{ada.id}", "due": "2999-12-31", "note": "please"}
    made = browser.submit("/admin/assignments", form, asked.location)
    assert made.status_code == 302
    listed = browser.get("/admin/assignments").text
    assert all(word in listed for word in ("Ada", "please", "running", "2 prompts are assigned."))
    assert (next_id(session, ada), next_id(session, admin)) == (prompts[1].id, prompts[0].id)
    assert "2 prompts are left" in ada.browser().get("/work").text
    number = next(one.subject for one in rows(session, AuditEvent) if one.action == "prompts.assigned").split()[1]
    browser.submit(f"/admin/assignments/{number}/withdraw", {}, "/admin/assignments")
    assert "Nothing is assigned." in browser.get("/admin/assignments").text
    assert "withdrawn" in browser.get("/admin/assignments?ended=yes").text
    noted = [one.action for one in rows(session, AuditEvent) if "assign" in one.action]
    assert noted == ["prompts.assigned", "assignment.withdrawn"]


def test_a_wrong_form_says_why_and_keeps_what_was_typed(admin: Person, ada: Person, prompts: list[Prompt]) -> None:
    browser, page = admin.browser(), "/admin/assignments/new?source=file.csv"
    form = {"source": "file.csv", "who": f"user:{ada.id}", "due": "2001-01-01", "note": "kept"}
    answer = browser.submit("/admin/assignments", form, page)
    assert answer.status_code == 422
    assert all(word in answer.text for word in ("That day is over", 'value="kept"', "selected>Ada"))
    for wrong, sentence in (
        ({"who": ""}, "Say for whom it is: a person or a group."),
        ({"returns": "yes", "due": ""}, "Say on which day it ends."),
        ({"due": "tomorrow"}, "The day must be a day such as 2026-01-31."),
    ):
        assert sentence in browser.submit("/admin/assignments", {**form, **wrong}, page).text
    assert "Nothing is assigned." in browser.get("/admin/assignments").text


def test_a_group_is_made_filled_and_deleted_on_its_pages(
    session: Session, admin: Person, ada: Person, prompts: list[Prompt]
) -> None:
    browser = admin.browser()
    made = browser.submit("/admin/people/groups", {"name": "Team"}, "/admin/people/groups")
    assert (
        "There is a group of that name already."
        in browser.submit("/admin/people/groups", {"name": "Team"}, "/admin/people/groups").text
    )
    browser.submit(made.location, {"name": "Night team", "member": [ada.id]}, made.location)
    assert all(word in browser.get("/admin/people/groups").text for word in ("Night team", "Ada"))
    group = int(made.location.rpartition("/")[2])
    assert body(admin.post("/assignments", {"group": group, "filter": {"source": "file.csv"}}))["prompts"] == 3
    assert next_id(session, admin) is None
    browser.submit(f"{made.location}/delete", {}, made.location)
    assert next_id(session, admin) == prompts[0].id
    assert [one.action for one in rows(session, AuditEvent) if one.action.startswith("group")] == [
        "group.created",
        "group.changed",
        "group.deleted",
    ]


def test_a_program_assigns_lists_and_withdraws(session: Session, admin: Person, ada: Person) -> None:
    ids = [factories.prompt(session, queued=True).id for _ in range(2)]
    wish = {"person": ada.id, "prompts": ids, "due": "2999-12-31", "returns": True, "note": "n"}
    made = body(admin.post("/assignments", wish))
    assert (made["prompts"], made["moved"]) == (2, 0)
    assert body(admin.post("/assignments", {"person": ada.id, "prompts": ids[:1]}))["moved"] == 1
    listed = body(admin.call("GET", "/assignments"), 200)["assignments"]
    assert [(one["prompts"], one["left"], one["due"]) for one in listed] == [(1, 1, None), (1, 1, "2999-12-31")]
    ended = body(admin.call("DELETE", f"/assignments/{made['id']}"), 200)
    assert (ended["state"], ended["prompts"], ended["done"]) == ("withdrawn", 1, 0)
    assert problem(admin.call("DELETE", f"/assignments/{made['id']}"))[0] == 409
    assert problem(admin.call("DELETE", "/assignments/99")) == (404, "There is no assignment 99.")
    for wrong, sentence in (
        ({"prompts": ids}, "Say for whom it is: a person or a group."),
        ({"person": ada.id}, "Say which prompts are meant: prompts or filter."),
        ({"person": 99, "prompts": ids}, "That person cannot be assigned anything: they may not judge here."),
        ({"group": 99, "prompts": ids}, "There is no such group."),
        ({"person": ada.id, "prompts": [999]}, "None of these prompts waits in the queue."),
    ):
        assert problem(admin.post("/assignments", wrong)) == (422, sentence)
    assert ada.call("GET", "/assignments").status_code == 403


def test_groups_over_the_api(admin: Person, ada: Person) -> None:
    made = body(admin.post("/groups", {"name": " Team ", "members": [ada.id]}))
    assert made == {"id": made["id"], "name": "Team", "members": [ada.id]}
    assert body(admin.call("PATCH", f"/groups/{made['id']}", json={"members": []}), 200)["members"] == []
    assert admin.call("GET", "/groups").json == [{**made, "members": []}]
    assert problem(admin.post("/groups", {"name": "Team"})) == (409, "There is a group of that name already.")
    assert problem(admin.post("/groups", {"name": "Other", "members": [99]})) == (422, "There is no user 99.")
    assert admin.call("DELETE", f"/groups/{made['id']}").status_code == 204
    assert problem(admin.call("DELETE", f"/groups/{made['id']}"))[0] == 404


def test_a_person_who_is_deleted_leaves_their_prompts_to_everybody(
    app: Flask, session: Session, admin: Person, ada: Person
) -> None:
    other = make_person(app, session)
    team = body(admin.post("/groups", {"name": "Team", "members": [ada.id, other.id]}))["id"]
    alone, shared = (factories.prompt(session, queued=True).id for _ in range(2))
    admin.post("/assignments", {"person": ada.id, "prompts": [alone]})
    admin.post("/assignments", {"group": team, "prompts": [shared]})
    deletion.delete_person(session, admin.id, ada.id, ada.email, keep_judgments=True)
    assert (next_id(session, admin), next_id(session, other)) == (alone, shared)
    assert [one["members"] for one in admin.call("GET", "/groups").json or []] == [[other.id]]
    (ended,) = listing.page(session, AssignmentsQuery(ended="yes")).rows
    assert (ended.state, ended.name.startswith("Person ")) == ("withdrawn", True)


def test_where_an_assignment_stands_is_said_in_words(
    session: Session, admin: Person, ada: Person, prompts: list[Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {"person": ada.id, "due": datetime.now(UTC).date().isoformat()}
    admin.post("/assignments", {**late, "prompts": [prompts[0].id]})
    admin.post("/assignments", {**late, "prompts": [prompts[1].id], "returns": True})
    admin.post("/assignments", {"person": ada.id, "prompts": [prompts[2].id]})
    factories.judgment(session, factories.generation(session, ada.id, prompt=prompts[2]))
    monkeypatch.setattr(standing, "today", lambda: date(2999, 1, 1))
    assert [row.state for row in listing.page(session, AssignmentsQuery()).rows] == ["done", "over", "overdue"]
    page = admin.browser().get("/admin/assignments").text
    assert all(word in page for word in ("done", "its date is over", "overdue"))
