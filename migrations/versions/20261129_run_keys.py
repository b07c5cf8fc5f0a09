"""Runs have random keys, by which the versions and folders that they make are known.

Revision ID: b83e5d0c61fa
Revises: 6b1f0c8d2e75
Create Date: 2026-11-29 16:55:40.118250

"""

import secrets
from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "b83e5d0c61fa"
down_revision = "6b1f0c8d2e75"
branch_labels = None
depends_on = None

_runs = sa.table("training_runs", sa.column("id", sa.Integer), sa.column("key", sa.String))


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("key", sa.String(length=32), nullable=True))
    bind = op.get_bind()
    for run_id in bind.scalars(sa.select(_runs.c.id)).all():
        bind.execute(_runs.update().where(_runs.c.id == run_id).values(key=secrets.token_hex(16)))
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.alter_column("key", existing_type=sa.String(length=32), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_column("key")
