"""Databases to copy from and into."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT, Settings
from tests.app.services.system.databases.every_row import fill
from tests.postgres import new_database
from tests.studio import dispose


@pytest.fixture(scope="session")
def revision() -> str:
    """The newest migration."""
    return ScriptDirectory(str(PROJECT_ROOT / "migrations")).get_current_head() or ""


@pytest.fixture
def filled(app: Flask, session: Session, settings: Settings) -> str:
    """The address of an SQLite database with a row of every kind, which nobody has open."""
    fill(session)
    session.close()
    dispose(app)
    return settings.database_url


@pytest.fixture
def empty_postgres(postgres_server: str, migrated_postgres: str, tmp_path: Path) -> Iterator[str]:
    """The address of a PostgreSQL database with all tables and no rows."""
    with new_database(postgres_server, f"test_{uuid.uuid4().hex}", migrated_postgres) as url:
        yield Settings.from_env({"MELLOW_HOME": str(tmp_path / "any"), "DATABASE_URL": url}).database_url


@pytest.fixture
def empty_sqlite(migrated_database: Path, tmp_path: Path) -> str:
    """The address of an SQLite database with all tables and no rows."""
    copy = tmp_path / "empty.db"
    copy.write_bytes(migrated_database.read_bytes())
    return f"sqlite:///{copy}"
