"""Projects: names, addresses, and the archive."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import FIRST, AuditEvent, Project, Role, User
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.projects import memberships, projects
from app.services.projects.projects import Text
from tests import factories
from tests.studio import rows


@pytest.fixture
def admin(session: Session) -> User:
    return factories.user(session, role=Role.ADMIN)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Short answers", "short-answers"), ("Über  Grüße!", "uber-grue"), ("礼貌", "project"), ("x" * 60, "x" * 40)],
)
def test_a_name_suggests_an_address(name: str, slug: str) -> None:
    assert projects.suggested(name) == slug


def test_an_address_that_is_suggested_is_free(session: Session, admin: User) -> None:
    added = [projects.add(session, admin.id, "", Text("Answers", "")) for _ in range(3)]
    assert [project.slug for project in added] == ["answers", "answers-2", "answers-3"]
    with pytest.raises(Conflict, match="There is a project with the address answers already"):
        projects.add(session, admin.id, "answers", Text("Others", ""))


@pytest.mark.parametrize("slug", ["With Space", "UPPER", "a--b", "-a", "a/b", "ä", "x" * 41])
def test_an_address_that_cannot_be_is_refused(session: Session, admin: User, slug: str) -> None:
    with pytest.raises(Invalid, match="The address may have at most 40 small letters"):
        projects.add(session, admin.id, slug, Text("Answers", ""))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (Text(" ", ""), "Give the project a name of at most 100 characters"),
        (Text("x" * 101, ""), "Give the project a name of at most 100 characters"),
        (Text("x\x00", ""), "Give the project a name of at most 100 characters"),
        (Text("x", "y" * 301), "The instruction must be a text of at most 300 characters"),
    ],
)
def test_a_name_or_an_instruction_that_cannot_be_stored_is_refused(
    session: Session, admin: User, text: Text, sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        projects.change(session, admin.id, FIRST, text)


def test_what_is_changed_is_stored_and_told(session: Session, admin: User) -> None:
    projects.change(session, admin.id, FIRST, Text(" Rewriting ", "Take the kindest."))
    projects.change(session, admin.id, FIRST, Text("Rewriting", "Take the kindest."))
    (project,) = rows(session, Project)
    assert (project.name, project.instruction) == ("Rewriting", "Take the kindest.")
    (told,) = rows(session, AuditEvent)
    assert (told.action, told.subject) == ("project.changed", f"project {FIRST}")
    assert told.details == {"slug": "first", "name": "Rewriting", "instruction": "Take the kindest."}


def test_an_archived_project_is_found_by_nobody_until_it_is_restored(session: Session, admin: User) -> None:
    second = factories.project(session, slug="second")

    def found() -> list[str]:
        return [seat.slug for seat in memberships.seats(session, admin.id, studio_admin=True)]

    projects.set_archived(session, admin.id, second.id, True)
    projects.set_archived(session, admin.id, second.id, True)
    assert found() == ["first"]
    projects.set_archived(session, admin.id, second.id, False)
    assert found() == ["first", "second"]
    assert [entry.action for entry in rows(session, AuditEvent)] == ["project.archived", "project.restored"]


def test_the_first_project_stays(session: Session, admin: User) -> None:
    with pytest.raises(Conflict, match="The first project stays"):
        projects.set_archived(session, admin.id, FIRST, True)


def test_a_project_that_is_not_there_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound, match="There is no project 99"):
        projects.get(session, 99)
    with pytest.raises(NotFound, match="There is no project x"):
        projects.by_slug(session, "x\x00")
