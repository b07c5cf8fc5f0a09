"""Runs count how often their worker died in a row without the training getting further.

Revision ID: 5c2e8f14a7d9
Revises: d4a7c19e6b02
Create Date: 2026-11-30 05:48:12.402817

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "5c2e8f14a7d9"
down_revision = "d4a7c19e6b02"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        for name in ("deaths", "furthest"):
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        for name in ("deaths", "furthest"):
            batch_op.alter_column(name, existing_type=sa.Integer(), existing_nullable=False, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_column("furthest")
        batch_op.drop_column("deaths")
