"""The list of assignments: where each of them stands, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy.orm import Session

from app.db import Verdict
from app.services.people import accounts
from app.services.prompts.assigning import assignments, groups, listing
from app.services.prompts.assigning.listing import AssignmentsQuery
from tests.app.services.prompts.assigning.conftest import TODAY, assign, judge, queued
from tests.studio import Person

ENDED = AssignmentsQuery(ended="yes")


def test_each_has_a_name_its_numbers_and_a_state(
    session: Session, admin: Person, ada: int, ben: int, come: Callable[[date], None]
) -> None:
    ids = queued(session, 7)
    team = groups.create(session, admin.id, "Team", [ada])
    running = assign(session, admin, ids[:2], group_id=team.id)
    overdue = assign(session, admin, ids[2:3], ada, due=TODAY)
    over = assign(session, admin, ids[3:4], ada, due=TODAY, returns=True)
    waiting = assign(session, admin, ids[4:5], ben)
    done = assign(session, admin, ids[5:], ada)
    judge(session, ada, ids[0])
    for prompt in ids[5:]:
        judge(session, ada, prompt, Verdict.SKIPPED)
    accounts.set_active(session, admin.id, ben, False)
    come(TODAY + timedelta(days=1))
    shown = listing.page(session, AssignmentsQuery()).rows
    assert [(row.assignment.id, row.name, row.prompts, row.left, row.state) for row in shown] == [
        (done, "Ada", 2, 0, "done"),
        (waiting, "Ben", 1, 1, "waiting"),
        (over, "Ada", 1, 1, "over"),
        (overdue, "Ada", 1, 1, "overdue"),
        (running, "Team", 2, 1, "running"),
    ]


def test_pages_go_from_the_newest_to_the_oldest(session: Session, admin: Person, ada: int) -> None:
    made = [assign(session, admin, queued(session, 1), ada) for _ in range(5)]
    seen, before = [], None
    while True:
        some = listing.page(session, AssignmentsQuery(limit=2, before=before))
        seen.append([row.assignment.id for row in some.rows])
        if (before := some.before) is None:
            break
    assert seen == [[made[4], made[3]], [made[2], made[1]], [made[0]]]


def test_what_has_ended_is_listed_apart_with_the_numbers_of_its_end(session: Session, admin: Person, ada: int) -> None:
    ids = queued(session, 3)
    first, second = assign(session, admin, ids[:2], ada), assign(session, admin, ids[2:], ada)
    judge(session, ada, ids[0])
    assert listing.page(session, ENDED) == ([], None)
    assignments.withdraw(session, admin.id, first)
    (row,) = listing.page(session, ENDED).rows
    assert (row.assignment.id, row.prompts, row.done, row.left, row.state) == (first, 2, 1, 1, "withdrawn")
    assert [row.assignment.id for row in listing.page(session, AssignmentsQuery()).rows] == [second]


def test_what_nobody_may_judge_is_not_done(session: Session, admin: Person, ada: int, ben: int) -> None:
    skipped, left, shared = queued(session, 3)
    team = groups.create(session, admin.id, "Team", [ada])
    assign(session, admin, [shared], group_id=team.id)
    alone = assign(session, admin, [skipped, left], ben)
    judge(session, ben, skipped, Verdict.SKIPPED)
    accounts.set_active(session, admin.id, ben, False)
    groups.change(session, admin.id, team.id, members=[])
    shown = listing.page(session, AssignmentsQuery()).rows
    assert [(row.prompts, row.left, row.state) for row in shown] == [(2, 1, "waiting"), (1, 1, "waiting")]
    ended = assignments.withdraw(session, admin.id, alone)
    assert (ended.prompts, ended.done) == (2, 1)


def test_a_person_sees_their_own_in_the_order_in_which_it_is_served(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    ids = queued(session, 4)
    undated = assign(session, admin, ids[:1], ada)
    dated = assign(session, admin, ids[1:2], ada, due=TODAY)
    assign(session, admin, ids[2:3], ada, due=TODAY)
    assign(session, admin, ids[3:], ben)
    judge(session, ada, ids[2])
    assert [row.assignment.id for row in listing.own(session, ada)] == [dated, undated]
