"""Groups: how they are named, who is in them, and what becomes of their assignments."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import FIRST, AuditEvent, ProjectMember, ProjectRole, within, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.prompts.assigning import assignments, groups, standing
from tests import factories
from tests.app.services.prompts.assigning.conftest import assign, next_id, queued
from tests.studio import Person, rows


def test_groups_are_listed_by_name_with_their_members(session: Session, admin: Person, ada: int, ben: int) -> None:
    night = groups.create(session, admin.id, " night team ", [ben, ada, ben])
    day = groups.create(session, admin.id, "Day team")
    assert groups.all_groups(session) == [(day.id, "Day team", []), (night.id, "night team", sorted([ada, ben]))]
    assert groups.get(session, night.id) == night


def test_a_name_is_one_groups_until_that_is_deleted(session: Session, admin: Person) -> None:
    day, night = (groups.create(session, admin.id, name) for name in ("Day", "Night"))
    with pytest.raises(Conflict, match="of that name already"):
        groups.create(session, admin.id, "Day ")
    with pytest.raises(Conflict, match="of that name already"):
        groups.change(session, admin.id, night.id, name="Day")
    for name in ("", "  ", "x" * (groups.LONGEST_NAME + 1), "D\x00y"):
        with pytest.raises(Invalid, match="Give the group a name"):
            groups.change(session, admin.id, night.id, name=name)
    assert groups.change(session, admin.id, day.id, name="Day").name == "Day", "its own name is free for it"
    groups.remove(session, admin.id, day.id)
    assert groups.change(session, admin.id, night.id, name="Day").name == "Day"


def test_a_new_name_leaves_the_members_and_new_members_the_name(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    team = groups.create(session, admin.id, "Team", [ada])
    assert groups.change(session, admin.id, team.id, name="Crew") == (team.id, "Crew", [ada])
    assert groups.change(session, admin.id, team.id, members=[ben]) == (team.id, "Crew", [ben])
    with pytest.raises(Invalid, match="There is no user 0"):
        groups.change(session, admin.id, team.id, members=[ada, 0])
    assert groups.get(session, team.id).members == [ben]
    noted = [(one.action, one.details) for one in rows(session, AuditEvent)]
    assert noted == [
        ("group.created", {"members": [ada]}),
        ("group.changed", {}),
        ("group.changed", {"members": [ben]}),
    ]


def test_who_comes_in_takes_part_in_what_was_assigned_before(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    team = groups.create(session, admin.id, "Team", [ada])
    first, second = queued(session, 2)
    assign(session, admin, [second], group_id=team.id)
    assert (next_id(session, ada), next_id(session, ben)) == (second, first)
    groups.change(session, admin.id, team.id, members=[ben])
    assert (next_id(session, ada), next_id(session, ben)) == (first, second)


def test_with_a_group_go_its_assignments_in_every_project(session: Session, admin: Person, ada: int) -> None:
    second = factories.project(session).id
    with write_transaction(session):
        session.add(ProjectMember(project_id=second, user_id=ada, role=ProjectRole.ANNOTATOR))
    team = groups.create(session, admin.id, "Team", [ada])
    made = {}
    for project in (FIRST, second):
        with within(session, project):
            made[project] = assign(session, admin, queued(session, 2), group_id=team.id)
            assert [one.id for one in standing.of_person(session, ada)] == [made[project]]
    groups.remove(session, admin.id, team.id)
    for project, number in made.items():
        with within(session, project):
            ended = assignments.get(session, number)
            assert (ended.ending, ended.prompts, ended.done, ended.ended_by) == ("withdrawn", 2, 0, admin.id)
            assert standing.standing(session) == ()
    with pytest.raises(NotFound, match="There is no group"):
        groups.get(session, team.id)
