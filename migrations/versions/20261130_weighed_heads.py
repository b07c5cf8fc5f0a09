"""A reward head says what the judgments weighed that it was fitted to.

Revision ID: 5b8f0c7a31de
Revises: e1c05b7d9f42
Create Date: 2026-11-30 05:58:41.220745

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "5b8f0c7a31de"
down_revision = "e1c05b7d9f42"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("reward_heads", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("weighed", sa.String(length=16), nullable=False, server_default=""))
    with op.batch_alter_table("reward_heads", recreate=_copied()) as batch_op:
        batch_op.alter_column("weighed", existing_type=sa.String(length=16), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("reward_heads", recreate=_copied()) as batch_op:
        batch_op.drop_column("weighed")
