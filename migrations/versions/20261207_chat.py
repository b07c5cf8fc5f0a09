"""A project may serve a chat model, and a prompt may have turns before its text.

Revision ID: b3d9e6f0427c
Revises: 7f3a5c81d0e6
Create Date: 2026-12-01 02:55:42.118203

"""

import sqlalchemy as sa
from alembic import op

revision = "b3d9e6f0427c"
down_revision = "7f3a5c81d0e6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("projects") as batch_op:
        batch_op.add_column(
            sa.Column("task", sa.String(length=16), server_default=sa.text("'rewriting'"), nullable=False)
        )
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.add_column(sa.Column("turns", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.drop_column("turns")
    with op.batch_alter_table("projects") as batch_op:
        batch_op.drop_column("task")
