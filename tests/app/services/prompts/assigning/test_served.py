"""Whom the queue serves what is assigned: the assignees before anything else, and nobody else while it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import Prompt, Verdict, write_transaction
from app.services.desk import judgments
from app.services.people import accounts
from app.services.prompts import deletion, queue, reservations, search, studio_settings
from app.services.prompts.assigning import assignments, groups, standing
from app.services.prompts.assigning.assignments import Assigning
from app.services.prompts.search import PromptFilter
from tests import factories
from tests.studio import Person, make_person

TODAY = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def come(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Let a day of UTC come."""

    def begin(day: date) -> None:
        for module in (standing, assignments):
            monkeypatch.setattr(module, "today", lambda: day)

    begin(TODAY)
    return begin


@pytest.fixture
def ada(app: Flask, session: Session) -> int:
    return make_person(app, session).id


@pytest.fixture
def ben(app: Flask, session: Session) -> int:
    return make_person(app, session).id


def queued(session: Session, number: int, **values: object) -> list[int]:
    return [factories.prompt(session, queued=True, **values).id for _ in range(number)]


def next_id(session: Session, person: int) -> int | None:
    found = queue.next_waiting(session, person, studio_settings.settings(session))
    return found.id if found else None


def judge(session: Session, person: int, prompt_id: int, verdict: Verdict = Verdict.NONE) -> int:
    screen = factories.generation(session, person, prompt=session.get_one(Prompt, prompt_id))
    return judgments.judge(session, person, judgments.JudgmentRequest(screen.id, verdict))


def assign(session: Session, admin: Person, ids: list[int], person: int | None = None, **values: object) -> int:
    wished = Assigning(user_id=person, **values)  # type: ignore[arg-type]
    return assignments.assign(session, admin.id, ids, wished).id


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


def test_withdrawing_gives_back_what_is_left(session: Session, admin: Person, ada: int, ben: int) -> None:
    first, second = queued(session, 2)
    number = assign(session, admin, [first, second], ada)
    judge(session, ada, first)
    assert next_id(session, ben) is None
    ended = assignments.withdraw(session, admin.id, number)
    assert (ended.prompts, ended.done) == (2, 1)
    assert next_id(session, ben) == second


@pytest.mark.parametrize(("returns", "after"), [(True, 1), (False, 0)])
def test_after_its_date_it_is_everybodys_only_if_the_admin_said_so(
    session: Session, admin: Person, ada: int, ben: int, come: Callable[[date], None], returns: bool, after: int
) -> None:
    (only,) = queued(session, 1)
    assign(session, admin, [only], ada, due=TODAY, returns=returns)
    assert next_id(session, ben) is None, "it holds to the end of its day"
    come(TODAY + timedelta(days=1))
    assert [next_id(session, ben)] == ([only] if after else [None])


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


def test_who_may_not_sign_in_and_an_empty_group_keep_nothing(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    alone, together = queued(session, 2)
    team = groups.create(session, admin.id, "Team", [ada])
    assign(session, admin, [alone], ada)
    assign(session, admin, [together], group_id=team.id)
    assert next_id(session, ben) is None
    accounts.set_active(session, admin.id, ada, False)
    assert next_id(session, ben) == alone
    accounts.set_active(session, admin.id, ada, True)
    assert next_id(session, ben) is None
    groups.change(session, admin.id, team.id, members=[ben])
    assert next_id(session, ben) == together


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


def statements(session: Session, look: Callable[[], object]) -> list[str]:
    said: list[str] = []
    engine = session.get_bind().engine

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        look()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return said


def test_without_assignments_a_look_at_the_queue_knows_nothing_of_them(
    session: Session, admin: Person, ada: int
) -> None:
    (first,) = queued(session, 1)
    number = assign(session, admin, [first], ada)
    assert any("assigned_prompts" in one for one in statements(session, lambda: next_id(session, ada)))
    assignments.withdraw(session, admin.id, number)
    next_id(session, ada)
    session.commit()
    said = statements(session, lambda: next_id(session, ada))
    assert not [one for one in said if "assign" in one]
    assert sum("studio_settings" in one for one in said) == 1, "the mark comes with the settings"


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
