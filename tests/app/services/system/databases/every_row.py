"""Fills a studio with at least one row of every table, among them values that databases store in different ways."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from app.db import Base, Generation, Judgment, Role, write_transaction
from app.db.base import UTCDateTime
from app.services.people import accounts, api_tokens, invitations, password_resets
from app.services.people.authentication import recovery_codes, second_factor
from app.services.prompts import deletion
from tests import factories

STRANGE = "\U0001f600 \\N \\u0000 'quoted' \"twice\"\ttab\r\n \x01 e\u0301 \u2028 nothing"
NUMBERS: dict[str, Any] = {"exact": 0.1 + 0.2, "tiny": 5e-324, "great": 2**70, "nul": "\x00", "none": None, "é": [[]]}
MOMENT = datetime(2026, 3, 29, 1, 30, 0, 1, tzinfo=UTC)

_VALUES: dict[type[TypeEngine[Any]], Any] = {
    Boolean: True,
    Integer: 7,
    Float: 0.1 + 0.2,
    LargeBinary: bytes(range(256)),
    String: STRANGE,
    UTCDateTime: MOMENT,
    Date: date(2026, 3, 29),
    JSON: NUMBERS,
}
_CHECKED: dict[str, dict[str, Any]] = {
    "assignments": {"group_id": None, "ending": "done"},
    "forgettings": {"kind": "deleted", "number": None},
    "project_members": {"role": "reviewer"},
    "reviews": {"state": "open"},
    "training_runs": {"status": "failed", "wish": None},
    "webhook_deliveries": {"status": "failed"},
}
"""Names what the constraints of a table ask for."""


def fill(session: Session) -> None:
    """Let people come, judge and delete by the services of the product, then give each table that has no row one."""
    admin = accounts.add_user(session, None, "ada@example.org", factories.PASSWORD, Role.ADMIN, "Ada 😀 O'Neil").id
    api_tokens.make(session, admin, "a script", ["read"], 30, form_key="1" * 32)
    password_resets.make(session, admin, admin)
    invitations.invite(session, admin, "annotator", "for Bob", 7, form_key="2" * 32)
    recovery_codes.renew(session, admin)
    second_factor.draw(session, admin, "k" * 32)
    for number in range(3):
        asked = factories.prompt(session, f"{STRANGE} {number}", metadata_=NUMBERS if number else None)
        screen = factories.generation(session, admin, (STRANGE, "two", "x" * 200_000), prompt=asked, seed=2**62)
        factories.judgment(
            session, screen, reason=STRANGE, seconds=0.1 + 0.2, created_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
    factories.preferred(session, admin, factories.comparison(session), 2)
    _replace_a_screen(session, admin)
    _decide(session)
    factories.project(session)
    gone = factories.prompt(session, "the newest, deleted")
    factories.judgment(session, factories.generation(session, admin, prompt=gone))
    deletion.delete_prompt(session, admin, gone.id, gone.id)
    with write_transaction(session):
        for table in Base.metadata.sorted_tables:
            if not session.scalar(select(func.count()).select_from(table)):
                session.execute(insert(table).values(_row(session.connection(), table)))


def _replace_a_screen(session: Session, person: int) -> None:
    """Add a screen that names a later one, as one does that was chosen anew."""
    asked = factories.prompt(session)
    older, newer = (factories.generation(session, person, prompt=asked) for _ in range(2))
    with write_transaction(session):
        session.get_one(Generation, older.id).superseded_by = newer.id


def _decide(session: Session) -> None:
    """Let the first judgment name the latest one as the decision that counts instead."""
    first, *_, latest = session.scalars(select(Judgment).order_by(Judgment.id))
    with write_transaction(session):
        session.get_one(Judgment, first.id).decided_by = latest.id


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    row = {column.name: _value(connection, column) for column in table.columns if not _is_numbered(column)}
    return row | _CHECKED.get(table.name, {})


def _is_numbered(column: Column[Any]) -> bool:
    """Return whether the database chooses the value."""
    alone = len(column.table.primary_key.columns) == 1
    return column.primary_key and alone and isinstance(column.type, Integer) and not column.foreign_keys


def _value(connection: Connection, column: Column[Any]) -> Any:
    for key in column.foreign_keys:
        return connection.execute(select(key.column).limit(1)).scalar()
    value = next(value for kind, value in _VALUES.items() if isinstance(column.type, kind))
    return value[: getattr(column.type, "length", None)] if isinstance(value, str) else value
