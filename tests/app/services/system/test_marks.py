"""Marks change for everybody, and are read once in a transaction."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.services.system import marks
from tests.studio import parts


def test_a_mark_is_another_one_after_each_change(session: Session) -> None:
    seen = [marks.read(session, marks.QUEUE)]
    for _ in range(2):
        with write_transaction(session):
            marks.change(session, marks.QUEUE)
        seen.append(marks.read(session, marks.QUEUE))
    assert seen[0] is None
    assert seen[1] != seen[2]
    assert marks.read(session, marks.DELETIONS) is None


def test_a_studio_has_one_mark_for_good_and_another_than_others(app: Flask, session: Session) -> None:
    mark = marks.studio(session)
    with parts(app).sessions() as other:
        assert marks.studio(other) == mark
    assert len(mark) == 16


def test_another_process_sees_the_mark_of_deletions_once_its_transaction_is_over(app: Flask, session: Session) -> None:
    with parts(app).sessions() as other:
        before = marks.deletions(other)
        with write_transaction(session):
            marks.change(session, marks.DELETIONS)
        assert marks.deletions(other) == before, "as all that the transaction reads"
        other.rollback()
        assert marks.deletions(other) != before
