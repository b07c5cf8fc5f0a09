"""A project may serve a chat model, and a prompt may have turns before its text.

Revision ID: b3d9e6f0427c
Revises: 7f3a5c81d0e6
Create Date: 2026-12-01 02:55:42.118203

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "b3d9e6f0427c"
down_revision = "7f3a5c81d0e6"
branch_labels = None
depends_on = None


_COUNTED = {"sqlite_autoincrement": True}


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("projects", recreate=_copied()) as batch_op:
        batch_op.add_column(
            sa.Column("task", sa.String(length=16), server_default=sa.text("'rewriting'"), nullable=False)
        )
        # SQLite reads the default back in brackets, which the copy would keep.
        batch_op.alter_column("instruction", server_default=sa.text("''"))
    with op.batch_alter_table("prompts", recreate=_copied(), table_kwargs=_COUNTED) as batch_op:
        batch_op.add_column(sa.Column("turns", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("prompts", recreate=_copied(), table_kwargs=_COUNTED) as batch_op:
        batch_op.drop_column("turns")
    with op.batch_alter_table("projects", recreate=_copied()) as batch_op:
        batch_op.drop_column("task")
