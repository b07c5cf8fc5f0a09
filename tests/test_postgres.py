"""The tests' own PostgreSQL is what it claims to be: without this, a test that asks for it could prove nothing."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.config import Settings


def test_a_fresh_database_of_a_real_server_is_reached_by_database_url(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_env({"MELLOW_HOME": str(home), "DATABASE_URL": postgres_url})
    engine = create_engine(settings.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version()")).scalar_one().startswith("PostgreSQL ")
        connection.execute(text("CREATE TABLE only_here (id integer)"))
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema='public'")
        )
        assert tables.scalars().all() == ["only_here"]


def test_no_database_outlives_its_test(postgres_url: str, postgres_server: str) -> None:
    with psycopg.connect(postgres_server) as connection:
        names = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'").fetchall()
    assert [f"/{name}?" in postgres_url for (name,) in names] == [True]
