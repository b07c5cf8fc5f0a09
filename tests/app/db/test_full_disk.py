"""Which errors of a database say that its disk is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from app.db.full_disk import is_full
from app.extensions import db
from tests import factories
from tests.trouble.full_disks import full


def raised(call: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is, is what is asked
        call()
    return caught.value


def test_sqlite_says_so(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "small.db", isolation_level=None)
    connection.execute("CREATE TABLE texts (text)")
    connection.execute("PRAGMA max_page_count=2")
    error = raised(lambda: connection.execute("INSERT INTO texts VALUES (?)", ("x" * 10_000,)))
    assert is_full(error)
    assert not is_full(raised(lambda: connection.execute("SELECT * FROM nowhere")))
    connection.close()


def test_sqlalchemy_passes_it_on_and_the_database_goes_on_once_there_is_room(app: Flask, session: Session) -> None:
    with app.app_context():
        engine = db.engine
    with full(engine):
        error = raised(lambda: factories.prompt(session, "x" * 10_000))
        session.rollback()
    assert isinstance(error, OperationalError)
    assert is_full(error)
    factories.prompt(session, "y" * 10_000)
    assert session.scalar(text("SELECT count(*) FROM prompts")) == 1


@pytest.mark.parametrize(("kind", "says_so"), [(errors.DiskFull, True), (errors.UndefinedTable, False)])
def test_postgresql_says_so(kind: type[errors.Error], says_so: bool) -> None:
    assert is_full(OperationalError("INSERT", {}, kind("could not extend file"))) is says_so


def test_what_people_wrote_says_nothing_of_the_disk() -> None:
    error = DBAPIError("INSERT", {"text": "No space left on device"}, Exception("a constraint"))
    assert "No space left on device" in str(error)
    assert not is_full(error)
