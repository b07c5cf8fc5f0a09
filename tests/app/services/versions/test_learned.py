"""A version says how many of the judgments that it learned from were deleted, and keeps nothing of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, write_transaction
from app.services.system import deletions
from app.services.versions import learned
from app.services.versions.learned import Lost
from tests import factories


def judge(session: Session, number: int) -> list[int]:
    person = factories.user(session).id
    return [factories.judgment(session, factories.generation(session, person)).id for _ in range(number)]


def trained(session: Session, number: int, ids: list[int] | None, last: int = 0, **values: object) -> TrainingRun:
    """A version whose run read these judgments; None if an earlier release trained it."""
    packed = None if ids is None else learned.pack(ids)
    run = factories.run(session, RunStatus.SUCCEEDED, judgments=packed, last_judgment_id=last)
    factories.version(session, number, run_id=run.id, **values)
    return run


def delete(session: Session, *ids: int) -> None:
    with write_transaction(session):
        deletions.delete_judgments(session, ids)


def test_ids_are_packed_and_come_back_in_order() -> None:
    assert learned.unpack(learned.pack([900_000, 3, 3, 1])).tolist() == [1, 3, 900_000]
    assert learned.unpack(learned.pack([])).tolist() == []
    assert len(learned.pack(range(1_000_000))) < 20_000


def test_a_version_counts_what_it_lost_and_what_those_lost_that_it_comes_from(session: Session) -> None:
    ids = judge(session, 6)
    trained(session, 2, ids[:4], parent_number=1)
    trained(session, 3, ids[2:5], parent_number=2)
    assert learned.by_version(session) == {}
    delete(session, ids[0], ids[2], ids[5])
    assert learned.lost(session, 1) == Lost()
    assert learned.lost(session, 2) == Lost(own=2)
    assert learned.lost(session, 3) == Lost(own=1, inherited=1), "one of both, and one of its parent alone"
    delete(session, ids[4])
    assert learned.lost(session, 3) == Lost(own=2, inherited=1)
    assert learned.lost(session, 3).number == 3


def test_of_a_version_of_an_earlier_release_at_most_so_many_are_said(session: Session) -> None:
    ids = judge(session, 3)
    trained(session, 2, None, ids[1], parent_number=1)
    trained(session, 3, [], parent_number=2)
    delete(session, ids[0], ids[2])
    assert learned.lost(session, 2) == Lost(own=1, at_most=True)
    assert learned.lost(session, 3) == Lost(inherited=1, at_most=True)


def test_a_run_counts_what_was_deleted_since_it_read(session: Session) -> None:
    ids = judge(session, 2)
    run = factories.run(session, RunStatus.RUNNING, judgments=learned.pack(ids))
    assert learned.lost_of_run(session, run) == 0
    delete(session, ids[0])
    assert learned.lost_of_run(session, run) == 1


def test_versions_that_read_a_judgment_are_counted(session: Session) -> None:
    ids = judge(session, 3)
    trained(session, 2, ids[:2])
    trained(session, 3, ids[:1])
    assert [learned.versions_that_read(session, [number]) for number in ids] == [2, 1, 0]
    assert learned.versions_that_read(session, []) == 0
