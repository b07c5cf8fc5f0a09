"""Marks change for everybody, and are read once in a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import Base, make_sessions, write_transaction
from app.services.system import marks
from tests.postgres import new_database
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


def test_a_copy_of_an_sqlite_database_is_another_studio(app: Flask, session: Session) -> None:
    mark, path = marks.studio(session), parts(app).settings.home / "copy.db"
    session.commit()
    with closing(sqlite3.connect(path)) as copy, closing(session.connection().engine.raw_connection()) as made:
        made.driver_connection.backup(copy)  # type: ignore[union-attr]
    copies = make_sessions(f"sqlite:///{path}")
    with copies() as other:
        assert marks.studio(other).split()[0] == mark.split()[0]
        assert marks.studio(other) != mark
    copies.kw["bind"].dispose()


def test_a_copy_of_a_postgresql_database_is_another_studio_and_every_role_sees_the_same(postgres_server: str) -> None:
    with new_database(postgres_server, "first_studio") as first:
        with _studio_at(first) as session:
            tables = [Base.metadata.tables[name] for name in ("users", "studio_settings")]
            Base.metadata.create_all(session.connection(), tables)
            session.commit()
            mark = marks.studio(session)
            session.execute(text("CREATE ROLE plain"))
            session.execute(text("GRANT SELECT ON studio_settings TO plain"))
            session.execute(text("SET LOCAL ROLE plain"))
            assert marks.studio(session) == mark
            session.execute(text("RESET ROLE"))
            session.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
            session.execute(text("SET LOCAL ROLE plain"))
            unsure = marks.studio(session)
            session.rollback()
        with new_database(postgres_server, "second_studio", "first_studio") as second, _studio_at(second) as copy:
            found = marks.studio(copy)
    assert {one.split()[0] for one in (mark, unsure, found)} == {mark.split()[0]}
    assert len({mark, unsure, found}) == 3
    assert unsure.split("-")[1] == mark.split("-")[1], "told by its number alone"


@contextmanager
def _studio_at(url: str) -> Iterator[Session]:
    sessions = make_sessions(url.replace("postgresql:", "postgresql+psycopg:"))
    with sessions() as session:
        yield session
    sessions.kw["bind"].dispose()


def test_another_process_sees_the_mark_of_deletions_once_its_transaction_is_over(app: Flask, session: Session) -> None:
    with parts(app).sessions() as other:
        before = marks.deletions(other)
        with write_transaction(session):
            marks.change(session, marks.DELETIONS)
        assert marks.deletions(other) == before, "as all that the transaction reads"
        other.rollback()
        assert marks.deletions(other) != before
