"""Who is in which project, and as what."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import FIRST, AuditEvent, Project, ProjectRole, Role, User, enter
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.people import accounts, api_tokens, invitations
from app.services.projects import memberships
from tests import factories
from tests.studio import rows

PASSWORD = "a calm password"
ANNOTATOR, REVIEWER, ADMIN = memberships.ROLES


@pytest.fixture
def second(session: Session) -> Project:
    return factories.project(session, slug="second")


@pytest.fixture
def admin(session: Session) -> User:
    return factories.user(session, role=Role.ADMIN)


def seats(session: Session, user: User) -> dict[str, ProjectRole]:
    return {seat.slug: seat.role for seat in memberships.seats(session, user.id, studio_admin=user.is_admin)}


def emails(session: Session, project_id: int) -> dict[str, ProjectRole]:
    return {member.user.email: member.role for member in memberships.members(session, project_id)}


@pytest.mark.usefixtures("second")
def test_without_a_row_somebody_is_an_annotator_of_the_first_project(session: Session) -> None:
    user = factories.user(session)
    assert seats(session, user) == {"first": ANNOTATOR}
    assert emails(session, FIRST) == {user.email: ANNOTATOR}


def test_an_admin_of_the_studio_is_one_of_every_project(session: Session, second: Project, admin: User) -> None:
    assert seats(session, admin) == {"first": ADMIN, "second": ADMIN}
    assert emails(session, second.id) == {admin.email: ADMIN}
    with pytest.raises(Conflict, match="is an admin of the studio, and so of every project"):
        memberships.put(session, admin.id, second.id, admin.email, REVIEWER)
    with pytest.raises(Conflict, match="is an admin of the studio, and so of every project"):
        memberships.remove(session, admin.id, second.id, admin.id)


def test_somebody_comes_in_changes_their_role_and_goes(session: Session, second: Project, admin: User) -> None:
    user = factories.user(session)
    enter(session, second.id)
    memberships.put(session, admin.id, second.id, f" {user.email.upper()} ", REVIEWER)
    assert seats(session, user) == {"first": ANNOTATOR, "second": REVIEWER}
    memberships.put(session, admin.id, second.id, user.email, ADMIN)
    assert seats(session, user) == {"first": ANNOTATOR, "second": ADMIN}
    assert api_tokens.scopes_for(session, user) == api_tokens.scopes_of(Role.ADMIN)
    memberships.remove(session, admin.id, second.id, user.id)
    memberships.remove(session, admin.id, FIRST, user.id)
    assert seats(session, user) == {}
    assert memberships.of_person(session, user.id) == []
    with pytest.raises(NotFound, match="They are not in this project"):
        memberships.remove(session, admin.id, FIRST, user.id)
    told = [(entry.action, entry.subject, entry.details.get("role")) for entry in rows(session, AuditEvent)]
    subject = f"user {user.id}"
    assert told == [
        ("member.set", subject, "reviewer"),
        ("member.set", subject, "admin"),
        *[("member.removed", subject, None)] * 2,
    ]


@pytest.mark.parametrize("email", ["nobody@example.org", "a\x00b@example.org", ""])
def test_an_unknown_email_is_refused(session: Session, second: Project, admin: User, email: str) -> None:
    with pytest.raises(NotFound, match="There is no account with that email"):
        memberships.put(session, admin.id, second.id, email, ANNOTATOR)


@pytest.mark.parametrize("role", ["none", "owner", ""])
def test_an_unknown_role_is_refused(session: Session, second: Project, admin: User, role: str) -> None:
    user = factories.user(session)
    with pytest.raises(Invalid, match="The role must be annotator, reviewer or admin"):
        memberships.put(session, admin.id, second.id, user.email, role)


def test_a_new_person_is_in_the_projects_of_the_form_alone(session: Session, second: Project, admin: User) -> None:
    roles = memberships.chosen(session, {str(FIRST): "", str(second.id): "reviewer"})
    user = accounts.add_user(session, admin.id, "new@example.org", PASSWORD, "annotator", projects=roles)
    assert seats(session, user) == {"second": REVIEWER}


def test_an_invitation_leads_to_its_projects(session: Session, second: Project, admin: User) -> None:
    both = {FIRST: ANNOTATOR, second.id: ADMIN}
    for projects, found in ((both, {"first": ANNOTATOR, "second": ADMIN}), (None, {"first": ANNOTATOR})):
        _, token = invitations.invite(session, admin.id, "annotator", "", 7, projects=projects)
        user = invitations.accept(session, token, f"{len(found)}@example.org", "", PASSWORD)
        assert seats(session, user) == found


def test_a_form_without_a_project_or_with_one_that_is_gone_is_refused(session: Session, second: Project) -> None:
    with pytest.raises(Invalid, match="Choose a role in at least one project"):
        memberships.chosen(session, {str(second.id): ""})
    with pytest.raises(Invalid, match="One of these projects is not there any more"):
        memberships.chosen(session, {"99": "annotator"})
