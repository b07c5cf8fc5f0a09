"""The time at which each stage of a run began, and the steps of its checkpoints.

Revision ID: 5f2d8c91b7a6
Revises: f5c2b81d9e36
Create Date: 2026-11-30 09:02:11.482305

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "5f2d8c91b7a6"
down_revision = "f5c2b81d9e36"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("stage_starts", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("checkpoints", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_column("checkpoints")
        batch_op.drop_column("stage_starts")
