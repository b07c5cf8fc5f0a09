"""Runs name the number of their version before it is published.

Revision ID: 6d2b90f7e41a
Revises: a9e3d7c05b18
Create Date: 2026-11-30 19:40:05.218834

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "6d2b90f7e41a"
down_revision = "a9e3d7c05b18"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("intended_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_column("intended_version")
