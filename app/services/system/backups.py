"""Backups: one file with a consistent copy of the SQLite database and the list of its versions.

    mellow-20261121-225319-1f0a.zip
        mellow.db        the copy, complete in one file
        backup.json      when it was made, the schema revision, every version with its location and hash, and the
                         version that serves in each project

The copy is one snapshot, taken with SQLite's online backup while people go on working. Versions are not included: they
are large and never change, so a plain copy of their folder, or of what is in the object store, is their backup.

They lie in MELLOW_HOME/backups or, where versions are in an object store, below `backups` there.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import write_transaction
from app.db.full_disk import is_full
from app.domain_errors import Conflict, DiskFull, Invalid, NotFound
from app.services.system import audit
from app.words import gettext
from models.model_errors import StoreAway
from models.store.disk import flush
from models.store.opening import open_store

if TYPE_CHECKING:
    from models.store.remote.bucket import Bucket

log = logging.getLogger(__name__)

FOLDER = "backups"
DATABASE = "mellow.db"
LIST = "backup.json"
PATIENCE_SECONDS = 5.0
LARGEST_LIST_BYTES = 16 * 1024**2
MUCH_BYTES = 1024**3
"""Of this and more, a person is asked before it is unpacked."""
_BESIDE = ("-journal", "-shm", "-wal")  # files that SQLite takes for a part of the database of that name
_NAME = re.compile(r"mellow-(\d{8}-\d{6})-[0-9a-f]{4}\.zip")
_VERSIONS = "SELECT number, location, sha256 FROM versions WHERE deleted_at IS NULL ORDER BY number"
_ACTING = """
    SELECT CASE type WHEN 'table' THEN 'virtual table' ELSE type END, name FROM sqlite_master
    WHERE type IN ('trigger', 'view') OR (type = 'table' AND rootpage = 0)
"""
_SERVING = "SELECT version_number FROM aliases WHERE name = 'serving'"
_PROJECTS = """
    SELECT slug, version_number FROM projects LEFT JOIN aliases ON aliases.project_id = projects.id ORDER BY projects.id
"""


@dataclass(frozen=True)
class Backup:
    """A stored backup: the name of its file, its size, and when it was made."""

    name: str
    bytes: int
    made_at: datetime


@dataclass(frozen=True)
class Restored:
    """The result of restoring: where the former database is kept, and which versions have no files here."""

    made_at: str
    versions: int
    before: Path | None
    missing: tuple[int, ...]


def kept(settings: Settings) -> list[Backup]:
    """Return every backup, the newest first; raises StoreAway."""
    found = []
    sizes = {path.name: path.stat().st_size for path in (settings.home / FOLDER).glob("mellow-*.zip")}
    if settings.store_address:
        stored = _bucket(settings.store_address).below(FOLDER)
        sizes |= {one.name.rpartition("/")[2]: one.size for one in stored}
    for name, size in sizes.items():
        if match := _NAME.fullmatch(name):
            made_at = datetime.strptime(match[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
            found.append(Backup(name, size, made_at))
    return sorted(found, key=lambda backup: backup.name, reverse=True)


def place(settings: Settings, name: str) -> str:
    """Return where a backup of that name lies, for people to read."""
    path = settings.home / FOLDER / name
    return str(path) if path.exists() or not settings.store_address else f"{settings.store_address}/{FOLDER}/{name}"


def obtain(settings: Settings, name: str) -> Path | BinaryIO:
    """Return the path of a backup or, of one in the object store, an open copy; raises NotFound, StoreAway."""
    path = settings.home / FOLDER / name
    if not any(name == backup.name for backup in kept(settings)):
        raise NotFound(gettext("There is no backup %(name)s.", name=name[:60]))
    if path.is_file():
        return path
    file = tempfile.TemporaryFile(dir=settings.home)  # noqa: SIM115 - who asked for it closes it
    for piece in _bucket(settings.store_address).stream(f"{FOLDER}/{name}"):
        file.write(piece)
    file.seek(0)
    return file


@contextmanager
def brought(settings: Settings, path: Path) -> Iterator[Path]:
    """Yield the path of a file or, if there is none, of the backup of that name; raises NotFound, StoreAway."""
    if path.exists():
        yield path
        return
    found = obtain(settings, path.name)
    if isinstance(found, Path):
        yield found
        return
    with tempfile.NamedTemporaryFile(dir=settings.home, suffix=".zip") as copy:
        with found:
            shutil.copyfileobj(found, copy)
        copy.flush()
        yield Path(copy.name)


def make(session: Session, settings: Settings, by: int | None) -> Backup:
    """Make a backup; raises Conflict for another database than SQLite or if it cannot be written, and DiskFull."""
    database = sqlite_file(settings)
    moment = datetime.now(UTC)
    folder = settings.home / FOLDER
    name = f"mellow-{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.zip"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        flush(folder.parent)
        _write(database, folder / name, moment)
    except (OSError, sqlite3.Error) as error:
        if is_full(error):
            raise DiskFull(gettext("The disk is full, so no backup was made. Try again once there is room.")) from None
        raise Conflict(
            gettext("The backup could not be written: %(reason)s.", reason=getattr(error, "strerror", None) or error)
        ) from None
    size = (folder / name).stat().st_size
    with write_transaction(session):
        audit.record(session, by, "backup.made", name, bytes=size)
    if settings.store_address:
        _move_to_store(settings.store_address, folder / name)
    return Backup(name, size, moment)


def remove(session: Session, settings: Settings, name: str, by: int) -> None:
    """Delete a backup; raises NotFound, StoreAway."""
    path = settings.home / FOLDER / name
    if not any(name == backup.name for backup in kept(settings)):
        raise NotFound(gettext("There is no backup %(name)s.", name=name[:60]))
    if settings.store_address:
        _bucket(settings.store_address).remove([f"{FOLDER}/{name}"])
    if path.exists():
        path.unlink(missing_ok=True)
        flush(path.parent)
    with write_transaction(session):
        audit.record(session, by, "backup.removed", name)


def unpacked_bytes(path: Path) -> int:
    """Return how much a backup says it unpacks to; raises Invalid."""
    with _opened(path) as archive:
        return archive.getinfo(DATABASE).file_size


def restore(settings: Settings, path: Path, known_revisions: frozenset[str]) -> Restored:
    """Replace the database by that of a backup; the former one is kept beside it under another name.

    Everybody is signed out, since a session of then may have been ended since.
    Nothing may be running. The files beside the former database (`-wal`, `-shm`) are moved with it, and a damaged one
    is kept as it is. Raises Invalid for a file that is no backup, is damaged, has the schema of a later Mellow or parts
    that act by themselves, and Conflict while any process has the database open or there is no room; then nothing has
    changed.
    """
    target = sqlite_file(settings)
    with _unpacked(path, target.parent) as (database, made_at, numbers):
        _refuse_what_acts(database)
        _check_copy(database)
        if _revision(database) not in known_revisions:
            raise Invalid("The backup is of a later Mellow than this one: install that one first.")
        missing = _without_files(settings, numbers)
        _forget_sessions(database)
        _checkpoint_log(target)
        before = _move_aside(target)
        os.replace(database, target)
        flush(target.parent)
    return Restored(made_at, len(numbers), before, missing)


def sqlite_file(settings: Settings) -> Path:
    """Return the file of the database; raises Conflict if it is not SQLite."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        if settings.store_address:
            raise Conflict(gettext("The database is PostgreSQL: back it up with pg_dump."))
        raise Conflict(gettext("The database is PostgreSQL: back it up with pg_dump, and copy the folder of versions."))
    return Path(url.database)


def _without_files(settings: Settings, numbers: Iterable[int]) -> tuple[int, ...]:
    """Return those versions that are not in the store; none, and a warning, while it does not answer."""
    try:
        there = set(open_store(settings).numbers())
    except StoreAway as error:
        log.warning("%s Whether the versions of the backup are there could not be checked.", error)
        return ()
    return tuple(number for number in numbers if number not in there)


def _bucket(address: str) -> Bucket:
    from models.store.remote.bucket import Bucket  # with obstore four megabytes, which a folder of versions spares

    return Bucket(address)


def _move_to_store(address: str, path: Path) -> None:
    """Move a backup into the object store; raises Conflict if it does not answer, and then the backup stays here."""
    try:
        _bucket(address).write(f"{FOLDER}/{path.name}", path)
    except StoreAway as error:
        raise Conflict(
            gettext("The backup is kept in %(folder)s alone: %(reason)s", folder=path.parent, reason=error)
        ) from None
    path.unlink()


def _write(database: Path, target: Path, moment: datetime) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        copy, draft = Path(folder) / DATABASE, Path(folder) / target.name
        with closing(sqlite3.connect(database, timeout=60)) as source, closing(sqlite3.connect(copy)) as into:
            source.backup(into)  # in one step, so that it is a snapshot even if others write meanwhile
            into.execute("PRAGMA journal_mode=DELETE")  # complete in one file
            listed = _listed(into, moment)
        _check_copy(copy)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            archive.writestr(LIST, json.dumps(listed, indent=1))
            archive.write(copy, DATABASE)
        draft.chmod(0o600)
        flush(draft)
        os.replace(draft, target)
    flush(target.parent)


def _listed(connection: sqlite3.Connection, moment: datetime) -> dict[str, Any]:
    serving = connection.execute(_SERVING).fetchone()
    columns = ("number", "location", "sha256")
    return {
        "made_at": moment.isoformat(timespec="seconds"),
        "revision": connection.execute("SELECT version_num FROM alembic_version").fetchone()[0],
        "serving": serving[0] if serving else None,
        "projects": dict(connection.execute(_PROJECTS).fetchall()),
        "versions": [dict(zip(columns, row, strict=True)) for row in connection.execute(_VERSIONS)],
    }


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a backup; whatever in the block shows that it is none, or cannot be read, is raised as Invalid."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(LIST).file_size > LARGEST_LIST_BYTES:
                raise ValueError(LIST)
            yield archive
    # A damaged archive, a list of another shape, an archive that is encrypted or compressed in another way.
    except (zipfile.BadZipFile, zlib.error, LookupError, TypeError, ValueError, EOFError, RuntimeError):
        raise Invalid(f"{path} is not a backup of Mellow, or it is damaged.") from None
    except OSError as error:
        raise Invalid(f"{path} could not be read or unpacked: {error.strerror or error}.") from None


@contextmanager
def _unpacked(path: Path, folder: Path) -> Iterator[tuple[Path, str, list[int]]]:
    """Unpack a backup's database to the file system of `folder`; yields its path, when it was made, its versions.

    What is unpacked is never more than the archive says: a longer entry is cut there and then found damaged.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".restoring-") as aside:
        database = Path(aside) / DATABASE
        with _opened(path) as archive:
            listed = json.loads(archive.read(LIST))
            made_at, numbers = str(listed["made_at"]), [int(version["number"]) for version in listed["versions"]]
            _check_room(folder, archive.getinfo(DATABASE).file_size)
            with archive.open(DATABASE) as source, database.open("wb") as into:
                shutil.copyfileobj(source, into)
        database.chmod(0o600)
        flush(database)
        yield database, made_at, numbers


def _check_room(folder: Path, needed: int) -> None:
    """Raise Conflict unless the disk has room for a database of that many bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Conflict(f"The backup unpacks to {needed:,} bytes, and the disk of {folder} has {free:,} free.")


def _refuse_what_acts(database: Path) -> None:
    """Raise Invalid for a database with parts that do something when it is used: Mellow makes no such part."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute(_ACTING).fetchone()
    except sqlite3.DatabaseError as error:
        raise Invalid(f"The copy of the database is damaged: {error}.") from None
    if found:
        kind, name = found
        raise Invalid(f"The backup holds the {kind} {name[:60]!r}, which Mellow did not make: it is not restored.")


def _check_copy(database: Path) -> None:
    try:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise Invalid(f"The copy of the database is damaged: {found}.")


def _revision(database: Path) -> str | None:
    with closing(sqlite3.connect(database)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError:
            return None
    return row[0] if row else None


def _forget_sessions(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sessions'").fetchone():
            connection.execute("DELETE FROM sessions")


def _checkpoint_log(database: Path) -> None:
    """Move the content of the write-ahead log into the database file, so that the file alone is complete.

    Raises Conflict if another process has it open, even idle. A missing or damaged database is left as it is.
    """
    if not database.exists() or _is_damaged(database):
        return
    try:
        with closing(sqlite3.connect(database, timeout=PATIENCE_SECONDS)) as connection:
            busy = bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            if not busy:
                connection.execute("PRAGMA journal_mode=DELETE")  # needs exclusive access
    except sqlite3.OperationalError as error:
        busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if not busy:
            raise Conflict(f"The present database could not be put aside: {error}.") from None
    if busy:
        raise Conflict("The database is in use: stop Mellow first.")


def _is_damaged(database: Path) -> bool:
    """Return whether SQLite cannot read it; read-only, because a writer would delete a damaged database's log."""
    if database.stat().st_size == 0:
        return True
    address = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_SECONDS)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:  # for example in use: not damaged
        return False
    except sqlite3.DatabaseError:
        return True
    return False


def _move_aside(database: Path) -> Path | None:
    """Rename a database and the files beside it; returns its new path, else that of a file beside it, or None."""
    name = f"{database.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    kept = None
    for suffix in (*_BESIDE, ""):
        present = database.with_name(database.name + suffix)
        if present.exists():
            kept = database.with_name(name + suffix)
            os.replace(present, kept)
    return kept
