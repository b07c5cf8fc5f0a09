"""How versions descend from each other, drawn; and which of them served when."""

from __future__ import annotations

import itertools

from sqlalchemy.orm import Session

from app.db import Version
from app.services.versions import lineage, versions
from app.services.versions.lineage import Line, Row
from tests import factories
from tests.studio import Person


def drawn(parents: dict[int, int | None]) -> dict[int, Row]:
    rows = lineage.rows([Version(number=number, parent_number=parent) for number, parent in parents.items()])
    assert [row.version.number for row in rows] == sorted(parents, reverse=True), "the newest is on top"
    return {row.version.number: row for row in rows}


def test_a_chain_is_one_line() -> None:
    rows = drawn({1: None, 2: 1, 3: 2})
    assert {row.lane for row in rows.values()} == {0}
    assert {row.lanes for row in rows.values()} == {1}
    assert (rows[3].above, rows[3].below) == ((), (Line(0, 0),))
    assert (rows[2].above, rows[2].below) == ((Line(0, 0),), (Line(0, 0),))
    assert (rows[1].above, rows[1].below) == ((Line(0, 0),), ())


def test_a_branch_has_a_lane_of_its_own_and_joins_its_parent() -> None:
    rows = drawn({1: None, 2: 1, 3: 2, 4: 1})
    assert (rows[4].lane, rows[3].lane, rows[2].lane, rows[1].lane) == (0, 1, 1, 0)
    assert rows[3].above == (Line(0, 0),), "the line from 4 to 1 passes by"
    assert set(rows[1].above) == {Line(0, 0), Line(1, 0)}, "both branches arrive at 1"
    assert rows[1].below == ()
    assert rows[1].lanes == 2


def test_a_lane_that_is_free_again_is_used_again() -> None:
    rows = drawn({1: None, 2: None, 3: 2, 4: 1, 5: 2})
    assert (rows[5].lane, rows[4].lane, rows[3].lane, rows[2].lane, rows[1].lane) == (0, 1, 2, 0, 1)
    assert {row.lanes for row in rows.values()} == {3}


def test_every_line_goes_on_where_it_left_off() -> None:
    rows = list(drawn({1: None, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4, 7: 1, 8: 6, 9: None, 10: 9}).values())
    for upper, lower in itertools.pairwise(rows):
        assert sorted(line.bottom for line in upper.below) == sorted(line.top for line in lower.above)
    assert rows[-1].below == ()


def test_nothing_is_drawn_of_nothing() -> None:
    assert lineage.rows([]) == []


def test_the_times_of_service_follow_each_other(session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
    for number in (1, 2, 1):
        versions.promote(session, number, admin.id)
    latest, middle, first = lineage.periods(session)
    assert [latest.number, middle.number, first.number] == [1, 2, 1]
    assert latest.until is None
    assert (middle.until, first.until) == (latest.since, middle.since)
    assert latest.by == admin.email
    assert [period.number for period in lineage.periods(session, 2)] == [2]
    assert lineage.periods(session, 2)[0].until == latest.since
