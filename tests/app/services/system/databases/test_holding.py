"""A database is held only while nobody else uses it, and nobody can change it meanwhile."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.domain_errors import Conflict
from app.services.system.databases import holding
from app.services.system.databases.holding import held


@pytest.fixture(params=["empty_sqlite", "empty_postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A database of each kind in turn."""
    address: str = request.getfixturevalue(request.param)
    return address


def test_whoever_has_it_open_must_let_go_first(url: str, revision: str) -> None:
    engine = create_engine(url)  # which keeps its connection, idle, as a web process does
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM prompts"))
    with (
        pytest.raises(Conflict, match="is in use: stop Mellow, and whatever else has it open, first"),
        held(url, revision),
    ):
        pytest.fail("It was held although somebody has it open.")
    engine.dispose()
    with held(url, revision) as connection:
        assert connection.execute(text("SELECT count(*) FROM prompts")).scalar() == 0


def test_nobody_can_write_meanwhile(url: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("app.db.engine"), "BUSY_TIMEOUT_MS", 50)
    settings = {} if url.startswith("sqlite") else {"options": "-c lock_timeout=50ms"}
    other = create_engine(url, poolclass=NullPool, connect_args=settings)
    with held(url, revision), pytest.raises(DBAPIError, match="lock"), other.begin() as connection:
        connection.execute(text("DELETE FROM prompts"))
    with other.begin() as connection:
        connection.execute(text("DELETE FROM prompts"))


def test_what_the_database_says_of_an_error_is_told_without_the_values_of_rows(url: str, revision: str) -> None:
    said = r"^The database failed, and nothing was changed: "
    with pytest.raises(Conflict, match=said) as refusal, held(url, revision) as connection:
        connection.execute(text("INSERT INTO prompts (text) VALUES (:text)"), {"text": "hush"})
    assert "hush" not in str(refusal.value)


def test_another_migration_is_refused_with_the_command_that_helps(url: str) -> None:
    said = r"is at the migration \w+, and this Mellow needs later: with DATABASE_URL naming it, run flask --app app db"
    with pytest.raises(Conflict, match=said), held(url, "later"):
        pytest.fail("It was held.")


def test_a_database_without_tables_or_none_at_all_is_refused(tmp_path: Path, postgres_url: str, revision: str) -> None:
    (tmp_path / "new.db").touch()
    for url in (f"sqlite:///{tmp_path / 'new.db'}", postgres_url.replace("postgresql", "postgresql+psycopg", 1)):
        with pytest.raises(Conflict, match="has no tables of Mellow, and this Mellow needs"), held(url, revision):
            pytest.fail("It was held.")
    with (
        pytest.raises(Conflict, match=r"^There is no database .*none\.db\.$"),
        held(f"sqlite:///{tmp_path}/none.db", ""),
    ):
        pytest.fail("It was held.")
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_does_not_answer_is_named_without_its_password(revision: str) -> None:
    address = "postgresql+psycopg://ada:hush@127.0.0.1:1/mellow"
    with pytest.raises(Conflict, match="does not answer: ") as refusal, held(address, revision):
        pytest.fail("It was held.")
    assert "hush" not in str(refusal.value)


def test_a_reason_is_the_first_line_alone() -> None:
    assert holding.reason(ValueError("it is so.\nDETAIL: a person's words")) == "it is so."
    assert holding.reason(ValueError()) == "ValueError."
