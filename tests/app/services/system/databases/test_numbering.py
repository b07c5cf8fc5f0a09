"""The numbers of a table go on where they were, even if the newest rows are gone."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from app.services.system.databases.contents import TABLES
from app.services.system.databases.holding import held
from app.services.system.databases.numbering import continue_after, last_number

PROMPTS = next(table for table in TABLES if table.name == "prompts")
ALIASES = next(table for table in TABLES if table.name == "aliases")
_ADD = text(
    "INSERT INTO prompts (text, sha256, source, queued, priority, created_at)"
    " VALUES ('a', :sha256, 'test', false, 0, '2026-01-01 00:00:00') RETURNING id"
)


def add(connection: Connection, sha256: str) -> int:
    number: int = connection.execute(_ADD, {"sha256": sha256}).scalar_one()
    return number


@pytest.mark.parametrize("kind", ["empty_sqlite", "empty_postgres"])
def test_numbers_go_on_after_those_of_deleted_rows(kind: str, revision: str, request: pytest.FixtureRequest) -> None:
    with held(request.getfixturevalue(kind), revision) as connection:
        assert last_number(connection, PROMPTS) == 0
        continue_after(connection, PROMPTS, 0)
        assert add(connection, "1") == 1
        connection.execute(text("DELETE FROM prompts"))
        assert last_number(connection, PROMPTS) == 1
        continue_after(connection, PROMPTS, 41)
        assert last_number(connection, PROMPTS) == 41
        assert add(connection, "2") == 42


@pytest.mark.parametrize("kind", ["empty_sqlite", "empty_postgres"])
def test_a_table_whose_rows_have_names_has_no_numbers(kind: str, revision: str, request: pytest.FixtureRequest) -> None:
    with held(request.getfixturevalue(kind), revision) as connection:
        assert last_number(connection, ALIASES) == 0
        continue_after(connection, ALIASES, 5)
