"""Whom the queue serves what is assigned: the assignees before anything else, and nobody else while it holds."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.db import Prompt, Verdict
from app.services.desk import judgments
from app.services.prompts import queue, reservations, studio_settings
from app.services.prompts.assigning import groups
from tests import factories
from tests.app.services.prompts.assigning.conftest import TODAY, assign, judge, next_id, queued
from tests.studio import Person


def test_what_is_assigned_comes_before_the_rest_for_its_person_and_to_nobody_else(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    first, second, third = queued(session, 3)
    assign(session, admin, [second], ada)
    assert (next_id(session, ada), next_id(session, ben)) == (second, first)
    judge(session, ben, first)
    assert next_id(session, ben) == third
    judge(session, ada, second)
    assert next_id(session, ada) == third


def test_the_earliest_due_comes_first_and_what_has_no_date_last(session: Session, admin: Person, ada: int) -> None:
    ids = queued(session, 3)
    assign(session, admin, ids[:1], ada)
    assign(session, admin, ids[1:2], ada, due=TODAY + timedelta(days=7))
    assign(session, admin, ids[2:], ada, due=TODAY + timedelta(days=1))
    for expected in (ids[2], ids[1], ids[0]):
        assert next_id(session, ada) == expected
        judge(session, ada, expected)


def test_a_member_of_a_group_takes_any_of_them_and_overlap_holds(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    first, second, other = queued(session, 3)
    team = groups.create(session, admin.id, "Team", [ada, ben])
    assign(session, admin, [first, second], group_id=team.id)
    decided = studio_settings.settings(session)
    assert reservations.reserve(session, ada, first, decided)
    assert next_id(session, ben) == second, "the first is on somebody's desk"
    judge(session, ada, first)
    judge(session, ben, second)
    assert (next_id(session, ada), next_id(session, ben)) == (other, other)


def test_what_its_person_skipped_and_what_wants_more_people_is_for_the_others(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    skipped, shared = queued(session, 1)[0], factories.prompt(session, "for two", queued=True, overlap=2).id
    assign(session, admin, [skipped, shared], ada)
    judge(session, ada, skipped, Verdict.SKIPPED)
    assert next_id(session, ben) == skipped
    judge(session, ada, shared)
    judge(session, ben, skipped)
    assert next_id(session, ben) == shared


def test_an_undone_judgment_brings_a_prompt_back_to_its_person(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    first, second = queued(session, 2)
    team = groups.create(session, admin.id, "Team", [ada, ben])
    assign(session, admin, [first, second], group_id=team.id)
    made = judge(session, ada, first)
    assert next_id(session, ben) == second
    judgments.undo(session, ada, made)
    assert next_id(session, ben) == first


def test_a_screen_that_was_drawn_before_is_left_to_the_assignee(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    (only,) = queued(session, 1)
    decided = studio_settings.settings(session)
    factories.generation(session, ben, prompt=session.get_one(Prompt, only))
    assert queue.left_over(session, ben, [], decided) is not None
    assign(session, admin, [only], ada)
    assert queue.left_over(session, ben, [], decided) is None
    assert next_id(session, ada) == only


def test_what_is_left_counts_what_is_assigned_and_until_when(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    ids = queued(session, 4)
    assign(session, admin, ids[:2], ada, due=TODAY)
    decided = studio_settings.settings(session)
    assert queue.assigned(session, ada, decided) == (2, TODAY)
    assert (queue.left(session, ada, decided), queue.left(session, ben, decided)) == (4, 2)
    factories.generation(session, ada, prompt=session.get_one(Prompt, ids[0]))
    assert queue.assigned(session, ada, decided) == (2, TODAY), "what lies on the desk is not done"
    assert queue.left(session, ada, decided) == 4
    judge(session, ada, ids[1])
    assert queue.assigned(session, ada, decided) == (1, TODAY)
    assert queue.assigned(session, ben, decided) == (0, None)
