"""Which assignments hold: for whom, in which order, until which day, and how long a process remembers them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import FIRST
from app.services.people import accounts
from app.services.projects import memberships
from app.services.prompts.assigning import assignments, groups, standing
from app.services.prompts.assigning.standing import Standing
from tests.app.services.prompts.assigning.conftest import TODAY, assign, next_id, queued
from tests.studio import Person


def test_the_earliest_due_holds_first_and_what_has_no_date_last(
    session: Session, admin: Person, ada: int, ben: int
) -> None:
    tomorrow = TODAY + timedelta(days=1)
    undated, late, soon = (
        assign(session, admin, queued(session, 1), person, due=due)
        for person, due in ((ada, None), (ben, tomorrow), (ada, TODAY))
    )
    assert standing.standing(session) == (
        Standing(soon, TODAY, None, frozenset({ada})),
        Standing(late, tomorrow, None, frozenset({ben})),
        Standing(undated, None, None, frozenset({ada})),
    )
    assert [one.id for one in standing.of_person(session, ada)] == [soon, undated]


def test_what_returns_holds_to_the_end_of_its_last_day(
    session: Session, admin: Person, ada: int, come: Callable[[date], None]
) -> None:
    returns = assign(session, admin, queued(session, 1), ada, due=TODAY, returns=True)
    stays = assign(session, admin, queued(session, 1), ada, due=TODAY)
    assert [(one.id, one.last_day) for one in standing.standing(session)] == [(returns, TODAY), (stays, None)]
    come(TODAY + timedelta(days=1))
    assert [one.id for one in standing.standing(session)] == [stays]


def test_who_left_the_project_is_none_of_its_people(session: Session, admin: Person, ada: int, ben: int) -> None:
    team = groups.create(session, admin.id, "Team", [ada, ben])
    assign(session, admin, queued(session, 1), group_id=team.id)
    memberships.remove(session, admin.id, FIRST, ada)
    assert [one.people for one in standing.standing(session)] == [{ben}]
    memberships.remove(session, admin.id, FIRST, ben)
    assert standing.standing(session) == ()


@pytest.mark.parametrize(("returns", "after"), [(True, 1), (False, 0)])
def test_after_its_date_it_is_everybodys_only_if_the_admin_said_so(
    session: Session, admin: Person, ada: int, ben: int, come: Callable[[date], None], returns: bool, after: int
) -> None:
    (only,) = queued(session, 1)
    assign(session, admin, [only], ada, due=TODAY, returns=returns)
    assert next_id(session, ben) is None, "it holds to the end of its day"
    come(TODAY + timedelta(days=1))
    assert [next_id(session, ben)] == ([only] if after else [None])


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
