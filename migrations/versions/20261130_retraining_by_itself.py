"""Runs that began by themselves, and what was forecast when a run was requested.

Revision ID: e1c05b7d9f42
Revises: 71c0e5b2a94d
Create Date: 2026-11-30 05:49:20.318402

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "e1c05b7d9f42"
down_revision = "71c0e5b2a94d"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("occasion", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("forecast", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_column("forecast")
        batch_op.drop_column("occasion")
