"""What every connection and transaction has in common: durable, checked, and in turn."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT
from app.db import Alias, Prompt, write_transaction
from app.extensions import db
from tests import factories
from tests.studio import Person, parts, rows

POST_A_JUDGMENT_AND_DIE = """
import os, signal, sys
from app import create_app
app = create_app()
answer = app.test_client().post(
    "/api/v1/judgments",
    json={"generation_id": int(sys.argv[1]), "verdict": "chosen", "candidate_id": int(sys.argv[2])},
    headers={"Authorization": f"Bearer {sys.argv[3]}"},
)
print(answer.status_code, answer.json["id"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.long
def test_a_judgment_that_was_answered_survives_kill_9(app: Flask, session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    home = parts(app).settings.home
    died = subprocess.run(
        [sys.executable, "-c", POST_A_JUDGMENT_AND_DIE, str(screen.id), str(screen.candidates[0].id), annotator.token],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "MELLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "201 1\n"), died.stderr
    with sqlite3.connect(home / "mellow.db") as fresh:
        judged = fresh.execute("SELECT id, verdict, candidate_id FROM judgments").fetchall()
        pairs = fresh.execute("SELECT chosen, rejected FROM preferences ORDER BY id").fetchall()
    fresh.close()
    assert judged == [(1, "chosen", screen.candidates[0].id)]
    assert pairs == [("a", "b"), ("a", "c")]


@pytest.fixture(params=["of the requests", "beside the requests"])
def connection(durable: None, app: Flask, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection as the routes have it, and one as the threads and the worker have it."""
    if request.param == "of the requests":
        with app.app_context(), db.engine.connect() as connection:
            yield connection
    else:
        with parts(app).sessions() as session:
            yield session.connection()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 15_000)]
)
def test_every_sqlite_connection_is_durable_checked_and_patient(
    connection: Connection, pragma: str, value: object
) -> None:
    assert connection.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


def test_a_row_that_names_a_row_that_is_not_there_is_refused(session: Session) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        factories.metric(session, run_id=99)


def test_a_moment_without_a_time_zone_is_refused(session: Session) -> None:
    with pytest.raises(StatementError, match="a moment without a time zone cannot be stored"):
        factories.prompt(session, created_at=datetime(2026, 1, 1))


def test_a_moment_comes_back_in_utc(session: Session) -> None:
    prompt = factories.prompt(session)
    session.expire(prompt)
    assert prompt.created_at.utcoffset() is not None
    assert prompt.created_at.tzname() == "UTC"


def test_writers_at_one_moment_wait_their_turn_and_lose_no_update(app: Flask, session: Session) -> None:
    """Each transaction reads before it writes: in SQLite's default mode that fails with "database is locked"."""
    factories.version(session)
    factories.serving(session)
    failures: list[Exception] = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        try:
            for turn in range(10):
                with parts(app).sessions() as own, write_transaction(own):
                    alias = own.get_one(Alias, "serving")
                    alias.moves += 1
                    own.add(Prompt(text="x", sha256=f"{number}-{turn}", source="test"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(session, Alias)[0].moves == 1 + 80
    assert len(rows(session, Prompt)) == 80


def test_readers_do_not_wait_for_a_writer(app: Flask, session: Session) -> None:
    factories.prompt(session, "before")
    with parts(app).sessions() as writer, write_transaction(writer):
        writer.add(Prompt(text="during", sha256="1", source="test"))
        writer.flush()
        assert [row.text for row in rows(session, Prompt)] == ["before"]
    assert [row.text for row in rows(session, Prompt)] == ["before", "during"]


def test_a_transaction_that_fails_leaves_nothing_and_the_session_usable(session: Session) -> None:
    def fail() -> None:
        with write_transaction(session):
            session.add(Prompt(text="x", sha256="1", source="test"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert rows(session, Prompt) == []
    factories.prompt(session)
    assert len(rows(session, Prompt)) == 1


def test_every_connection_overwrites_what_it_deletes(app: Flask, session: Session) -> None:
    with app.app_context():
        settings = [each.execute(text("PRAGMA secure_delete")).scalar() for each in (session, db.session())]
    assert settings == [1, 1]
