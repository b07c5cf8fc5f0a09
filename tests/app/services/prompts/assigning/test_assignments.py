"""What an admin assigns, counts and withdraws, and to whom nothing can be assigned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import FIRST, ProjectMember, ProjectRole, Prompt, within, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.people import accounts
from app.services.projects import memberships
from app.services.prompts import deletion, search
from app.services.prompts.assigning import assignments, groups
from app.services.prompts.assigning.assignments import Assigning
from app.services.prompts.search import PromptFilter
from tests import factories
from tests.app.services.prompts.assigning.conftest import TODAY, assign, judge, next_id, queued
from tests.studio import Person


def test_withdrawing_gives_back_what_is_left(session: Session, admin: Person, ada: int, ben: int) -> None:
    first, second = queued(session, 2)
    number = assign(session, admin, [first, second], ada)
    judge(session, ada, first)
    assert next_id(session, ben) is None
    ended = assignments.withdraw(session, admin.id, number)
    assert (ended.prompts, ended.done) == (2, 1)
    assert next_id(session, ben) == second


def test_the_whole_of_a_search_is_found_in_the_order_of_the_queue(session: Session, admin: Person, ada: int) -> None:
    low = queued(session, 2, source="file")
    high = factories.prompt(session, "urgent", queued=True, source="file", priority=5).id
    factories.prompt(session, "not from the file", queued=True, priority=9)
    factories.prompt(session, "a check", queued=True, source="file", gold_answer="right")
    wanted = PromptFilter(source="file")
    assert assignments.count(session, wanted) == (3, 0)
    made = assignments.assign(session, admin.id, wanted, Assigning(user_id=ada))
    assert (made.prompts, made.moved) == (3, 0)
    for expected in (high, *low):
        assert next_id(session, ada) == expected
        judge(session, ada, expected)


def test_a_deleted_prompt_leaves_its_assignment(session: Session, admin: Person, ada: int) -> None:
    first, second = queued(session, 2)
    number = assign(session, admin, [first, second], ada)
    deletion.delete_prompt(session, admin.id, first, first)
    assert assignments.counts(session, [number]) == {number: (1, 1)}
    assert search.count(session, PromptFilter()) == 1
    with write_transaction(session):
        session.delete(session.get_one(Prompt, second))  # as the release before does
    assert assignments.counts(session, [number]) == {}


def test_what_another_assignment_has_is_counted_and_moves_to_the_new_one(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    first, second, third = queued(session, 3)
    before = assign(session, admin, [first, second], ada)
    assert assignments.count(session, [second, third]) == (2, 1)
    made = assignments.assign(session, admin.id, [second, third], Assigning(user_id=ben))
    assert (made.prompts, made.moved) == (2, 1)
    assert assignments.counts(session, [before, made.id]) == {before: (1, 1), made.id: (2, 2)}


def test_an_assignment_of_which_another_took_everything_is_withdrawn(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    ids = queued(session, 2)
    before = assign(session, admin, ids, ada)
    assign(session, admin, ids, ben)
    ended = assignments.get(session, before)
    assert (ended.ending, ended.prompts, ended.done) == ("withdrawn", 0, 0)


def test_what_is_done_stays_done_beside_what_was_taken_over(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    taken, judged, third = queued(session, 3)
    emptied, done = assign(session, admin, [taken], ada), assign(session, admin, [judged], ada)
    with write_transaction(session):
        session.get_one(Prompt, judged).queued = False
    assign(session, admin, [taken, third], ben)
    endings = [assignments.get(session, number).ending for number in (emptied, done)]
    assert endings == ["withdrawn", "done"]


def test_only_what_holds_can_be_withdrawn(session: Session, admin: Person, ada: int) -> None:
    number = assign(session, admin, queued(session, 1), ada)
    assert assignments.withdraw(session, admin.id, number).ended_by == admin.id
    with pytest.raises(Conflict, match="has ended already"):
        assignments.withdraw(session, admin.id, number)
    with pytest.raises(NotFound, match=f"There is no assignment {number + 1}"):
        assignments.withdraw(session, admin.id, number + 1)


def test_who_is_not_in_the_project_or_may_not_sign_in_is_assigned_nothing(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    ids = queued(session, 1)
    memberships.remove(session, admin.id, FIRST, ada)
    accounts.set_active(session, admin.id, ben, False)
    for person in (ada, ben):
        with pytest.raises(Invalid, match="they may not judge here"):
            assign(session, admin, ids, person)
    team = groups.create(session, admin.id, "Team", [ada, ben])
    with pytest.raises(Invalid, match="Nobody of that group may judge here"):
        assign(session, admin, ids, group_id=team.id)
    assert assignments.count(session, ids) == (1, 0)


def test_a_second_project_assigns_only_to_its_members_and_the_admins_of_the_studio(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    second = factories.project(session).id
    with write_transaction(session):
        session.add(ProjectMember(project_id=second, user_id=ada, role=ProjectRole.ANNOTATOR))
    with within(session, second):
        ids = queued(session, 1)
        with pytest.raises(Invalid, match="they may not judge here"):
            assign(session, admin, ids, ben)
        for person in (ada, admin.id):
            assert assign(session, admin, ids, person)


@pytest.mark.parametrize(
    ("wished", "sentence"),
    [
        (Assigning(), "a person or a group"),
        (Assigning(user_id=1, group_id=1), "a person or a group"),
        (Assigning(user_id=1, due=TODAY - timedelta(days=1)), "That day is over"),
        (Assigning(user_id=1, returns=True), "on which day it ends"),
        (Assigning(user_id=1, note="x" * (assignments.LONGEST_NOTE + 1)), "at most 500 characters"),
    ],
)
def test_a_wish_that_makes_no_sense_says_why(session: Session, admin: Person, wished: Assigning, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        assignments.assign(session, admin.id, queued(session, 1), wished)


def test_what_does_not_wait_is_not_assigned(session: Session, admin: Person, ada: int, ben: int) -> None:
    (judged,) = queued(session, 1)
    judge(session, ben, judged)
    with pytest.raises(Invalid, match="None of these prompts waits"):
        assign(session, admin, [judged, factories.prompt(session).id], ada)


def test_what_is_done_and_what_is_over_end_with_the_next_assignment(
    session: Session, admin: Person, ada: int, ben: int, come: Callable[[date], None]
) -> None:
    done, late, other = queued(session, 3)
    first = assign(session, admin, [done], ada)
    second = assign(session, admin, [late], ada, due=TODAY, returns=True)
    with write_transaction(session):
        session.get_one(Prompt, done).queued = False
    come(TODAY + timedelta(days=1))
    assign(session, admin, [other], ben)
    assert [assignments.get(session, number).ending for number in (first, second)] == ["done", "over"]
