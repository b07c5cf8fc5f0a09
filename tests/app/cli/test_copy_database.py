"""`flask copy-database`: one line a table, one sentence for what is refused, and nothing half done by `kill -9`."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import create_engine, insert, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.config import Settings
from app.db import RunMetric
from models.serving.hot_swap import ServingState
from tests import factories
from tests.app.cli.running import run
from tests.processes import BIN, Program, environment
from tests.studio import dispose, parts


@pytest.fixture
def empty_postgres(postgres_app: Flask) -> str:
    """The DATABASE_URL of a PostgreSQL database with all tables and no rows, to which nobody is connected."""
    dispose(postgres_app)
    return parts(postgres_app).settings.database_url.replace("postgresql+psycopg", "postgresql")


def rows_of(url: str, table: str) -> int:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        count: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        return count


def stopped(app: Flask, session: Session) -> None:
    """Let go of the database, as if Mellow had been stopped."""
    session.close()
    dispose(app)


def test_it_says_a_line_for_each_table_and_that_all_of_it_is_there(
    app: Flask, session: Session, empty_postgres: str
) -> None:
    for _ in range(3):
        factories.prompt(session)
    stopped(app, session)
    done = run(app, "copy-database", empty_postgres)
    assert done.exit_code == 0, done.output
    *tables, last = done.stdout.splitlines()
    assert [line for line in tables if line.startswith("prompts: 3 rows, ")]
    assert [line for line in tables if not re.fullmatch(r"[a-z_]+: [\d,]+ rows, [0-9a-f]{64}", line)] == []
    assert last == f"The copy was read again and compared: it holds all 4 rows of {len(tables)} tables."
    assert rows_of(empty_postgres, "prompts") == 3
    again = run(app, "copy-database", empty_postgres)
    assert (again.exit_code, again.stderr) == (
        1,
        "Error: The target is not empty: audit_events has rows. Copy into a new database.\n",
    )


def test_what_cannot_be_done_is_one_sentence(app: Flask, session: Session, empty_postgres: str) -> None:
    session.close()
    parts(app).queue.report("web:1", ServingState(1, 1, None))
    assert run(app, "copy-database", empty_postgres).stderr == "Error: Mellow is running: stop it first.\n"
    wrong = run(app, "copy-database", "mysql://ada:hush@host/mellow").stderr
    assert wrong == "Error: DATABASE_URL must begin with sqlite:// or postgresql://, not 'mysql'.\n"


@pytest.mark.long
def test_a_copy_that_is_killed_leaves_nothing_and_can_be_started_again(
    app: Flask, session: Session, settings: Settings, empty_postgres: str
) -> None:
    run_id = factories.run(session).id
    values = [{"run_id": run_id, "step": step, "name": "loss", "value": 0.5} for step in range(20_000)]
    session.execute(insert(RunMetric), values)
    session.commit()
    stopped(app, session)
    command = [str(BIN / "flask"), "--app", "app", "copy-database", empty_postgres]
    environ = environment(settings.home, PYTHONUNBUFFERED="1")
    with Program(command, environ) as copying:
        copying.wait_for_line("versions: 1 rows")
        for process in copying.tree():
            process.kill()
        assert copying.wait() != 0
    assert (rows_of(empty_postgres, "versions"), rows_of(empty_postgres, "run_metrics")) == (0, 0)
    with Program(command, environ) as copying:
        assert copying.wait() == 0, copying.tail()
    assert rows_of(empty_postgres, "run_metrics") == 20_000
