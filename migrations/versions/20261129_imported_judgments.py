"""Judgments say if they were imported, so that they do not count as the pace of whoever imported them.

Revision ID: e5b1f0a47c92
Revises: 9d41b7f02c58
Create Date: 2026-11-29 11:50:12.740313

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "e5b1f0a47c92"
down_revision = "9d41b7f02c58"
branch_labels = None
depends_on = None

_PACE = ["user_id", "created_at", "undone_at", "seconds"]


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.drop_index("ix__judgments__pace", "judgments")
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.false()))
    # The keys of imported judgments begin in a way in which no UUID does.
    op.execute("UPDATE judgments SET imported = true WHERE client_key LIKE 'i-%'")
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.alter_column("imported", existing_type=sa.Boolean(), server_default=None)
    op.create_index("ix__judgments__pace", "judgments", [*_PACE, "imported"])


def downgrade() -> None:
    op.drop_index("ix__judgments__pace", "judgments")
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.drop_column("imported")
    op.create_index("ix__judgments__pace", "judgments", _PACE)
