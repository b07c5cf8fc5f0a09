"""Marks in the database, by which every process notices a change that the rows themselves do not show it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.db import StudioSetting, insert_new, write_transaction

QUEUE = "queue_mark"
"""Changes when an admin has changed the queue, and when judgments were deleted."""
DELETIONS = "deletion_mark"
"""Changes when rows were deleted, or people in them renamed."""
_STUDIO = "studio_mark"


def studio(session: Session) -> str:
    """Return what tells this studio from others: a mark, drawn at the first call, and which database holds it.

    The mark alone would be the same in a copy of the database that another studio began with.
    """
    kept = read(session, _STUDIO)
    if kept is None:
        drawn = {"name": _STUDIO, "value": {"value": secrets.token_hex(8)}}
        with write_transaction(session):
            insert_new(session, StudioSetting, [drawn], StudioSetting.name)
        kept = read(session, _STUDIO)
    return f"{kept['value']} {_database(session)}"


def _database(session: Session) -> str:
    """Return what tells a database from its copies, the same on every machine, by whatever address that reaches it.

    A standby that takes over from a PostgreSQL server counts as the same, and so does a copy of its files.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        file = Path(str(connection.engine.url.database)).stat()
        return f"{file.st_dev}-{file.st_ino}"
    number, may_ask = connection.execute(
        text(
            "SELECT oid, has_function_privilege('pg_control_system()', 'execute')"
            " FROM pg_database WHERE datname = current_database()"
        )
    ).one()
    server = connection.scalar(text("SELECT system_identifier FROM pg_control_system()")) if may_ask else "server"
    return f"{server}-{number}"


def change(session: Session, name: str) -> None:
    """Change a mark, last in the running transaction; another one that does so waits for it to end."""
    write(session, name, secrets.token_hex(8))


def write(session: Session, name: str, value: Any) -> None:
    """Let a mark hold that value, last in the running transaction; another one that does so waits for it to end."""
    new = {"value": {"value": value}}
    session.info.pop(name, None)
    insert_new(session, StudioSetting, [{"name": name, **new}], StudioSetting.name)
    session.execute(
        update(StudioSetting)
        .where(StudioSetting.name == name)
        .values(**new)
        .execution_options(synchronize_session=False)
    )


def read(session: Session, name: str) -> Any:
    """Return a mark as it is, None if it never changed."""
    return session.execute(select(StudioSetting.value).where(StudioSetting.name == name)).scalar()


def remember(session: Session, name: str, value: Any) -> None:
    """Keep a mark that was just read, until the transaction of the session ends or changes it."""
    session.info[name] = (session.get_transaction(), value)


def remembered(session: Session, name: str) -> Any:
    """Return a mark, None if it never changed; it is read once per transaction of the session."""
    session.connection()  # begins the transaction, if none runs
    known = session.info.get(name)
    if known is None or known[0] is not session.get_transaction():
        remember(session, name, read(session, name))
        known = session.info[name]
    return known[1]


def deletions(session: Session) -> str:
    """Return the mark of deletions, read once per transaction of the session."""
    found = remembered(session, DELETIONS)
    return str(found["value"]) if found else ""
