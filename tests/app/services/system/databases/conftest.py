"""Databases to copy from and into."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT, Settings
from app.db import ENGINE_OPTIONS
from tests.app.services.system.databases.every_row import fill
from tests.postgres import new_database


@pytest.fixture(scope="session")
def revision() -> str:
    """The newest migration."""
    return ScriptDirectory(str(PROJECT_ROOT / "migrations")).get_current_head() or ""


@pytest.fixture(scope="session")
def filled_once(migrated_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with a row of every kind, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "mellow.db"
    shutil.copy(migrated_database, path)
    engine = create_engine(f"sqlite:///{path}", **ENGINE_OPTIONS)
    with Session(engine) as session:
        fill(session)
    engine.dispose()
    return path


@pytest.fixture
def filled(filled_once: Path, tmp_path: Path) -> str:
    """The address of an SQLite database with a row of every kind, which nobody has open."""
    shutil.copy(filled_once, tmp_path)
    return f"sqlite:///{tmp_path / filled_once.name}"


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
