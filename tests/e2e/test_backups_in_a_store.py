"""Backups where versions are in an object store: kept there, downloaded, restored by name, and removed."""

from __future__ import annotations

import dataclasses
import io
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import AuditEvent
from app.domain_errors import Conflict, NotFound
from app.services.people import accounts
from app.services.system import backups
from models.model_errors import StoreAway
from models.store.remote.bucket import Bucket
from tests import factories
from tests.app.cli.running import run
from tests.processes import free_port
from tests.studio import Person, dispose, parts, rows


@pytest.fixture
def settings(settings: Settings, address: str) -> Settings:
    return dataclasses.replace(settings, store=settings.home / "cache" / "versions", store_address=address)


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of another machine with the same store."""
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    return dataclasses.replace(settings, home=tmp_path / "elsewhere")


def test_a_backup_lies_in_the_store_and_every_machine_has_it(
    app: Flask, session: Session, settings: Settings, admin: Person, tmp_path: Path
) -> None:
    made = backups.make(session, settings, admin.id)
    assert list((settings.home / backups.FOLDER).iterdir()) == []
    assert backups.kept(elsewhere(settings, tmp_path)) == [
        dataclasses.replace(made, made_at=made.made_at.replace(microsecond=0))
    ]
    assert backups.place(settings, made.name) == f"{settings.store_address}/backups/{made.name}"
    browser = admin.browser()
    assert f"{settings.store_address}/backups" in browser.get("/admin/system").text
    answer = browser.get(f"/admin/system/backups/{made.name}", buffered=True)
    assert answer.content_length == made.bytes
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
    backups.remove(session, elsewhere(settings, tmp_path), made.name, admin.id)
    assert backups.kept(settings) == []
    with pytest.raises(NotFound):
        backups.remove(session, settings, made.name, admin.id)


def test_a_backup_is_restored_by_its_name(app: Flask, session: Session) -> None:
    accounts.add_user(session, None, "ada@example.org", "a calm password", "admin")
    made = run(app, "backup")
    assert made.exit_code == 0, made.output
    accounts.add_user(session, None, "grace@example.org", "a calm password", "admin")
    session.close()
    parts(app).sessions.kw["bind"].dispose()  # as if Mellow had been stopped
    dispose(app)
    unknown = run(app, "restore", "mellow-20260101-000000-ffff.zip")
    assert unknown.stderr == "Error: There is no backup mellow-20260101-000000-ffff.zip.\n"
    restored = run(app, "restore", made.stdout.strip().rpartition("/")[2])
    assert restored.exit_code == 0, restored.output
    with closing(sqlite3.connect(parts(app).settings.home / "mellow.db")) as database:
        assert database.execute("SELECT email FROM users").fetchall() == [("ada@example.org",)]


def test_while_the_store_is_away_the_backup_stays_on_this_disk(
    session: Session, settings: Settings, reach: Callable[[int], None]
) -> None:
    reach(free_port())
    with pytest.raises(Conflict, match=r"^The backup is kept in .*/backups alone: The store .* does not answer"):
        backups.make(session, settings, None)
    (left,) = (settings.home / backups.FOLDER).iterdir()
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.subject) == ("backup.made", left.name)


def test_while_the_store_is_away_nobody_waits_for_a_backup_to_be_removed(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backups.make(session, settings, None)

    def away(_bucket: Bucket, _names: Sequence[str]) -> None:
        assert not session.in_transaction(), "it would keep everybody else from writing"
        raise StoreAway("The store does not answer.")

    with monkeypatch.context() as for_now:
        for_now.setattr(Bucket, "remove", away)
        with pytest.raises(StoreAway):
            backups.remove(session, settings, made.name, 1)
    assert [event.action for event in rows(session, AuditEvent)] == ["backup.made"]
    assert [backup.name for backup in backups.kept(settings)] == [made.name]


@pytest.mark.sqlite
def test_a_backup_is_restored_while_the_store_is_away_and_it_is_told_that_versions_were_not_checked(
    session: Session, settings: Settings, reach: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    factories.version(session, 1)
    reach(free_port())
    with pytest.raises(Conflict):
        backups.make(session, settings, None)
    (path,) = (settings.home / backups.FOLDER).iterdir()
    with closing(sqlite3.connect(backups.sqlite_file(settings))) as database:
        revisions = frozenset(row[0] for row in database.execute("SELECT version_num FROM alembic_version"))
    engine = session.get_bind()
    session.close()
    assert isinstance(engine, Engine)
    engine.dispose()
    restored = backups.restore(settings, path, revisions)
    assert (restored.versions, restored.missing) == (1, ())
    assert caplog.messages[-1].endswith("Whether the versions of the backup are there could not be checked.")


def test_with_versions_in_a_store_postgresql_alone_is_to_be_copied(session: Session, settings: Settings) -> None:
    on_postgresql = dataclasses.replace(settings, database_url="postgresql+psycopg://mellow@nowhere/mellow")
    with pytest.raises(Conflict, match=r"back it up with pg_dump\.$"):
        backups.make(session, on_postgresql, None)
