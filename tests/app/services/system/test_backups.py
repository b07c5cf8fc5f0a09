"""Backups: whole and consistent, and what restoring one brings back."""

from __future__ import annotations

import errno
import json
import re
import shutil
import sqlite3
import stat
import threading
import zipfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import AuditEvent, User, write_transaction
from app.domain_errors import Conflict, DiskFull, Invalid, NotFound
from app.services.system import backups
from tests import factories
from tests.models.store.power_cuts import PowerCuts
from tests.studio import new_settings, rows

pytestmark = pytest.mark.sqlite


def revision(settings: Settings) -> str:
    with closing(sqlite3.connect(backups.sqlite_file(settings))) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def emails(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT email FROM users ORDER BY id")]


def kept_path(settings: Settings, backup: backups.Backup) -> Path:
    return settings.home / backups.FOLDER / backup.name


def let_go(session: Session) -> None:
    """Close every connection of the test's own, as if Mellow had been stopped."""
    engine = session.get_bind()
    session.close()
    assert isinstance(engine, Engine)
    engine.dispose()


def test_a_backup_is_whole_or_not_there_when_the_power_fails_and_stays_once_it_is_made(
    session: Session, settings: Settings
) -> None:
    made: list[str] = []

    def survives(state: Path) -> None:
        found = list((state / backups.FOLDER).glob("mellow-*.zip"))
        for path in found:
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
        assert set(made) <= {path.name for path in found}

    cuts = PowerCuts(settings.home, survives)
    with cuts.watched():
        made.append(backups.make(session, settings, None).name)
        cuts.look()


def test_a_backup_holds_the_database_and_the_list_of_versions(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    user = factories.user(session)
    factories.version(session, 1)
    factories.version(session, 2, deleted_at=user.created_at)
    factories.serving(session, 1)
    made = backups.make(session, settings, user.id)
    path = kept_path(settings, made)
    assert backups.kept(settings) == [
        backups.Backup(made.name, path.stat().st_size, made.made_at.replace(microsecond=0))
    ]
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["backup.json", "mellow.db"]
        listed = json.loads(archive.read("backup.json"))
        archive.extract("mellow.db", tmp_path)
    assert (listed["serving"], listed["revision"]) == (1, revision(settings))
    assert listed["projects"] == {"first": 1}
    assert listed["versions"] == [{"number": 1, "location": "/nowhere/000001", "sha256": f"{1:064x}"}]
    assert emails(tmp_path / "mellow.db") == [user.email]
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("backup.made", user.id, made.name)
    assert event.details == {"bytes": made.bytes}
    assert [left.name for left in path.parent.iterdir()] == [made.name]


def test_a_copy_is_of_one_moment_while_others_write(session: Session, settings: Settings, tmp_path: Path) -> None:
    """Each write makes two people or none; a copy with an odd number would be of no moment at all."""
    stop, writing = threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(settings.home / "mellow.db", timeout=30, isolation_level=None)) as database:
            number = 0
            while not stop.is_set():
                number += 2
                database.execute("BEGIN IMMEDIATE")
                for one in (number, number + 1):
                    database.execute(
                        "INSERT INTO users (email, name, password_hash, role, active, must_change_password, settings, "
                        "created_at) VALUES (?, '', '', 'annotator', 1, 0, '{}', '2026-01-01 00:00:00.000000')",
                        (f"{one}@example.org",),
                    )
                database.execute("COMMIT")
                writing.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert writing.wait(30)
        made = [backups.make(session, settings, None) for _ in range(3)]
    finally:
        stop.set()
        writer.join()
    for number, backup in enumerate(made):
        with zipfile.ZipFile(kept_path(settings, backup)) as archive:
            found = emails(Path(archive.extract("mellow.db", tmp_path / str(number))))
        assert found
        assert len(found) % 2 == 0


def test_restoring_brings_back_what_was_and_keeps_what_is(session: Session, settings: Settings) -> None:
    person = factories.user(session)
    before = person.email
    factories.sign_in(session, person)
    factories.version(session, 1)
    made = backups.make(session, settings, None)
    after = factories.user(session).email
    let_go(session)
    restored = backups.restore(settings, kept_path(settings, made), frozenset({revision(settings)}))
    assert (restored.versions, restored.missing) == (1, (1,))
    assert emails(settings.home / "mellow.db") == [before]
    assert restored.before is not None
    assert emails(restored.before) == [before, after]
    assert not list(settings.home.glob(".restoring-*"))
    with closing(sqlite3.connect(settings.home / "mellow.db")) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("SELECT count(*) FROM sessions").fetchone() == (0,), "everybody signs in again"


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_what_is_no_backup_changes_nothing(
    session: Session, settings: Settings, tmp_path: Path, content: bytes
) -> None:
    user = factories.user(session)
    path = tmp_path / "wrong.zip"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"wrong\.zip is not a backup of Mellow, or it is damaged\.$"):
        backups.restore(settings, path, frozenset({revision(settings)}))
    assert emails(settings.home / "mellow.db") == [user.email]


def test_a_damaged_database_in_a_backup_changes_nothing(session: Session, settings: Settings, tmp_path: Path) -> None:
    user = factories.user(session)
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("backup.json", '{"made_at": "x", "versions": []}')
        archive.writestr("mellow.db", (settings.home / "mellow.db").read_bytes()[:5000] + b"x" * 5000)
    with pytest.raises(Invalid, match=r"^The copy of the database is damaged: .+\.$"):
        backups.restore(settings, path, frozenset({revision(settings)}))
    assert emails(settings.home / "mellow.db") == [user.email]


def test_a_backup_of_a_later_mellow_is_refused(session: Session, settings: Settings) -> None:
    made = backups.make(session, settings, None)
    with pytest.raises(Invalid, match=r"^The backup is of a later Mellow than this one: install that one first\.$"):
        backups.restore(settings, kept_path(settings, made), frozenset({"an older one"}))


def test_a_database_in_use_is_not_replaced(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "PATIENCE_SECONDS", 0.1)
    made = backups.make(session, settings, None)
    known = frozenset({revision(settings)})
    with write_transaction(session):
        session.add(User(email="x", password_hash=""))
        session.flush()
        with pytest.raises(Conflict, match=r"^The database is in use: stop Mellow first\.$"):
            backups.restore(settings, kept_path(settings, made), known)
    assert [user.email for user in rows(session, User)] == ["x"]


def test_a_database_that_is_open_and_idle_is_not_replaced(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "PATIENCE_SECONDS", 0.1)
    made = backups.make(session, settings, None)
    known = frozenset({revision(settings)})
    database = settings.home / "mellow.db"
    let_go(session)
    with closing(sqlite3.connect(database)) as idle:
        idle.execute("SELECT count(*) FROM users").fetchone()
        inode = database.stat().st_ino
        with pytest.raises(Conflict, match=r"^The database is in use: stop Mellow first\.$"):
            backups.restore(settings, kept_path(settings, made), known)
        assert database.stat().st_ino == inode
    assert not list(settings.home.glob("mellow.db.before-*"))
    backups.restore(settings, kept_path(settings, made), known)
    assert database.stat().st_ino != inode


@pytest.mark.parametrize("damage", ["no database", "a broken schema", "empty"])
def test_a_damaged_database_is_kept_as_it_is_with_what_lies_beside_it(
    session: Session, settings: Settings, damage: str
) -> None:
    email = factories.user(session).email
    made = backups.make(session, settings, None)
    known = frozenset({revision(settings)})
    let_go(session)
    database = settings.home / "mellow.db"
    content = {"no database": b"x" * 9000, "a broken schema": database.read_bytes()[:100] + b"x" * 9000, "empty": b""}
    database.write_bytes(content[damage])
    (settings.home / "mellow.db-wal").write_bytes(b"the log" * 1000)
    (settings.home / "mellow.db-shm").write_bytes(b"its index")
    restored = backups.restore(settings, kept_path(settings, made), known)
    assert restored.before is not None
    assert restored.before.read_bytes() == content[damage]
    assert restored.before.with_name(restored.before.name + "-wal").read_bytes() == b"the log" * 1000
    assert restored.before.with_name(restored.before.name + "-shm").exists()
    assert sorted(path.name for path in settings.home.glob("mellow.db*") if "before" not in path.name) == ["mellow.db"]
    assert emails(database) == [email]


def test_a_log_without_its_database_is_kept_and_not_taken_for_a_part_of_the_restored_one(
    session: Session, settings: Settings
) -> None:
    """The log left here is valid, of the very same database: SQLite would read it into the restored one."""
    before = factories.user(session).email
    made = backups.make(session, settings, None)
    known = frozenset({revision(settings)})
    let_go(session)
    database, log = settings.home / "mellow.db", settings.home / "mellow.db-wal"
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("UPDATE users SET email = 'later@example.org'")
        writer.commit()
        content = log.read_bytes()
    database.unlink()
    log.write_bytes(content)
    (settings.home / "mellow.db-shm").write_bytes(b"its index")
    (settings.home / "mellow.db-journal").write_bytes(b"a journal")
    restored = backups.restore(settings, kept_path(settings, made), known)
    assert sorted(path.name for path in settings.home.glob("mellow.db*") if "before" not in path.name) == ["mellow.db"]
    assert emails(database) == [before]
    assert restored.before in (kept := sorted(settings.home.glob("mellow.db.before-*")))
    assert [path.name.rpartition("-")[2] for path in kept] == ["journal", "shm", "wal"]
    assert [path.read_bytes() for path in kept] == [b"a journal", b"its index", content]


def test_a_backup_that_has_rotted_on_its_disk_changes_nothing(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    made = backups.make(session, settings, None)
    email = factories.user(session).email
    known = frozenset({revision(settings)})
    let_go(session)
    path = tmp_path / "rotten.zip"
    content = bytearray(kept_path(settings, made).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"rotten\.zip is not a backup of Mellow, or it is damaged\.$"):
        backups.restore(settings, path, known)
    assert emails(settings.home / "mellow.db") == [email]


@pytest.mark.parametrize(
    "listed", ["{}", "[]", '{"made_at": "x"}', '{"versions": []}', '{"made_at": "x", "versions": [{"location": "x"}]}']
)
def test_a_list_that_lacks_something_changes_nothing(
    session: Session, settings: Settings, tmp_path: Path, listed: str
) -> None:
    made = backups.make(session, settings, None)
    email = factories.user(session).email
    known = frozenset({revision(settings)})
    let_go(session)
    path = tmp_path / "lacking.zip"
    with zipfile.ZipFile(kept_path(settings, made)) as whole, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mellow.db", whole.read("mellow.db"))
        archive.writestr("backup.json", listed)
    with pytest.raises(Invalid, match=r"lacking\.zip is not a backup of Mellow, or it is damaged\.$"):
        backups.restore(settings, path, known)
    assert emails(settings.home / "mellow.db") == [email]
    assert not list(settings.home.glob("mellow.db.before-*"))


def test_a_backup_that_cannot_be_written_leaves_nothing_behind(session: Session, settings: Settings) -> None:
    (settings.home / backups.FOLDER).write_text("a file where the folder should be")
    with pytest.raises(Conflict, match=r"^The backup could not be written: "):
        backups.make(session, settings, None)
    assert rows(session, AuditEvent) == []


def test_postgresql_has_a_tool_of_its_own(session: Session, settings: Settings, tmp_path: Path) -> None:
    elsewhere = new_settings(tmp_path / "other", database_url="postgresql+psycopg://mellow@nowhere/mellow")
    with pytest.raises(
        Conflict, match=r"^The database is PostgreSQL: back it up with pg_dump, and copy the folder of versions\.$"
    ):
        backups.make(session, elsewhere, None)
    with pytest.raises(
        Conflict, match=r"^The database is PostgreSQL: back it up with pg_dump, and copy the folder of versions\.$"
    ):
        backups.restore(elsewhere, tmp_path / "x.zip", frozenset())


def test_a_backup_can_be_removed_and_only_a_backup(session: Session, settings: Settings) -> None:
    user = factories.user(session)
    made = backups.make(session, settings, user.id)
    for wrong in ("../mellow.db", "mellow.db", "secret-key", made.name + "x", "mellow-20260101-000000-0000.zip"):
        with pytest.raises(NotFound, match=rf"^There is no backup {re.escape(wrong)}\.$"):
            backups.remove(session, settings, wrong, user.id)
    backups.remove(session, settings, made.name, user.id)
    assert backups.kept(settings) == []
    _, removed = rows(session, AuditEvent)
    assert (removed.action, removed.user_id, removed.subject) == ("backup.removed", user.id, made.name)


def doctored(settings: Settings, session: Session, path: Path, statement: str) -> frozenset[str]:
    """Write a backup whose database holds something more; returns the known revisions."""
    made = backups.make(session, settings, None)
    known = frozenset({revision(settings)})
    let_go(session)
    with zipfile.ZipFile(kept_path(settings, made)) as whole, zipfile.ZipFile(path, "w") as archive:
        database = Path(whole.extract("mellow.db", path.parent))
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(statement)
            connection.commit()
        archive.write(database, "mellow.db")
        archive.writestr("backup.json", whole.read("backup.json"))
    return known


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("trigger", "CREATE TRIGGER spy AFTER INSERT ON users BEGIN DELETE FROM judgments; END"),
        ("view", "CREATE VIEW spy AS SELECT * FROM users"),
        ("virtual table", "CREATE VIRTUAL TABLE spy USING fts5(text)"),
    ],
)
def test_a_database_with_parts_that_mellow_did_not_make_is_refused(
    session: Session, settings: Settings, tmp_path: Path, kind: str, statement: str
) -> None:
    email = factories.user(session).email
    known = doctored(settings, session, tmp_path / "doctored.zip", statement)
    with pytest.raises(
        Invalid, match=f"^The backup holds the {kind} 'spy', which Mellow did not make: it is not restored"
    ):
        backups.restore(settings, tmp_path / "doctored.zip", known)
    assert emails(settings.home / "mellow.db") == [email]
    assert not list(settings.home.glob("mellow.db.before-*"))


def test_a_backup_for_which_there_is_no_room_is_not_unpacked(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backups.make(session, settings, None)
    known = frozenset({revision(settings)})
    let_go(session)
    path = kept_path(settings, made)
    size = backups.unpacked_bytes(path)
    assert size == (settings.home / "mellow.db").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=size - 1))
    monkeypatch.setattr(shutil, "copyfileobj", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(
        Conflict, match=rf"^The backup unpacks to {size:,} bytes, and the disk of .* has {size - 1:,} free"
    ):
        backups.restore(settings, path, known)


def test_a_backup_that_unpacks_to_more_than_it_says_is_refused_and_never_unpacked_whole(
    session: Session, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = factories.user(session).email
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("backup.json", '{"made_at": "x", "versions": []}')
        archive.writestr("mellow.db", bytes(50_000_000))
    said = path.read_bytes().replace((50_000_000).to_bytes(4, "little"), (5_000).to_bytes(4, "little"))
    path.write_bytes(said)
    written: list[int] = []
    copy = shutil.copyfileobj

    def counted(source: Any, into: Any) -> None:
        try:
            copy(source, into)
        finally:
            written.append(into.tell())

    monkeypatch.setattr(shutil, "copyfileobj", counted)
    with pytest.raises(Invalid, match=r"bomb\.zip is not a backup of Mellow, or it is damaged\.$"):
        backups.restore(settings, path, frozenset({revision(settings)}))
    assert written
    assert written[0] <= 5_000
    assert emails(settings.home / "mellow.db") == [email]


def test_a_list_that_is_too_long_is_not_read(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "long.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("backup.json", b" " * (backups.LARGEST_LIST_BYTES + 1))
        archive.writestr("mellow.db", b"")
    with pytest.raises(Invalid, match=r"long\.zip is not a backup of Mellow"):
        backups.unpacked_bytes(path)


def test_a_backup_on_a_full_disk_is_not_made_and_leaves_nothing(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(backups, "_listed", fail)
    with pytest.raises(DiskFull, match=r"^The disk is full, so no backup was made\. Try again once there is room\.$"):
        backups.make(session, settings, None)
    assert list((settings.home / backups.FOLDER).iterdir()) == []


def test_a_backup_that_was_removed_does_not_come_back_when_the_power_fails(
    session: Session, settings: Settings
) -> None:
    user = factories.user(session)
    made = backups.make(session, settings, user.id)
    removed: list[str] = []

    def survives(state: Path) -> None:
        if removed:
            assert not list((state / backups.FOLDER).iterdir())

    cuts = PowerCuts(settings.home, survives)
    with cuts.watched():
        backups.remove(session, settings, made.name, user.id)
        removed.append(made.name)
        cuts.look()
