"""The audit log is a chain of hashes, and guesses are counted in the database while the queue is away.

Revision ID: 4d7c19e0b358
Revises: b83e5d0c61fa
Create Date: 2026-11-30 02:40:00.000000

"""

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

revision = "4d7c19e0b358"
down_revision = "b83e5d0c61fa"
branch_labels = None
depends_on = None

_EVENTS = sa.table(
    "audit_events",
    sa.column("id", sa.Integer),
    sa.column("user_id", sa.Integer),
    sa.column("action", sa.String),
    sa.column("subject", sa.String),
    sa.column("details", sa.JSON),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("seals", sa.JSON),
    sa.column("previous", sa.String),
    sa.column("hash", sa.String),
)
_CHUNK = 1000


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "guess_counts",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk__guess_counts")),
    )
    op.create_index(op.f("ix__guess_counts__until"), "guess_counts", ["until"])
    columns: list[sa.Column[Any]] = [
        sa.Column("seals", sa.JSON(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=True),
    ]
    with op.batch_alter_table("audit_events", recreate=_copied()) as batch_op:
        for column in columns:
            batch_op.add_column(column)
    _chain()
    with op.batch_alter_table("audit_events", recreate=_copied()) as batch_op:
        for column in columns:
            batch_op.alter_column(column.name, existing_type=column.type, nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("audit_events", recreate=_copied()) as batch_op:
        for name in ("seals", "previous", "hash"):
            batch_op.drop_column(name)
    if op.get_bind().dialect.name == "postgresql":  # the chain gave the numbers, and the sequence stood still
        last = "SELECT coalesce(max(id), 0) + 1 FROM audit_events"
        op.execute(f"SELECT setval(pg_get_serial_sequence('audit_events', 'id'), ({last}), false)")
    op.drop_index(op.f("ix__guess_counts__until"), "guess_counts")
    op.drop_table("guess_counts")


def _chain() -> None:
    """Chain what is there. Written out here, so that the migration stays what it was when the form changes."""
    bind, last, previous = op.get_bind(), 0, "0" * 64
    while True:
        chunk = sa.select(_EVENTS).where(_EVENTS.c.id > last).order_by(_EVENTS.c.id).limit(_CHUNK)
        rows = bind.execute(chunk).all()
        if not rows:
            return
        last = rows[-1].id
        for row in rows:
            salts = {name: secrets.token_hex(16) for name in row.details}
            seals = {name: [salt, _sha256([salt, name, row.details[name]])] for name, salt in salts.items()}
            digests = {name: digest for name, (_, digest) in seals.items()}
            entry = [previous, row.id, _moment(row.created_at), row.user_id, row.action, row.subject, digests]
            values = {"seals": seals, "previous": previous, "hash": _sha256(entry)}
            bind.execute(sa.update(_EVENTS).where(_EVENTS.c.id == row.id).values(values))
            previous = values["hash"]


def _moment(value: datetime) -> str:
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)  # SQLite stores no zone
    return aware.isoformat(timespec="microseconds")


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
