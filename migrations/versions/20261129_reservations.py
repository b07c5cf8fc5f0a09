"""Places of prompts are reserved, prompts that are done say so, and screens of checks keep what was right.

Revision ID: c27d90b4e1f6
Revises: 3c9d5a7e1b24
Create Date: 2026-11-29 08:55:40.118204

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "c27d90b4e1f6"
down_revision = "3c9d5a7e1b24"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


# What was right on the screens so far is only known by the answer as it is now.
_RIGHT_SO_FAR = """
UPDATE candidates SET "right" = (
    SELECT candidates.text = prompts.gold_answer FROM generations
    JOIN prompts ON prompts.id = generations.prompt_id WHERE generations.id = candidates.generation_id
)
WHERE generation_id IN (SELECT id FROM generations WHERE gold)
"""


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk__reservations__prompt_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__reservations__user_id")),
        sa.PrimaryKeyConstraint("prompt_id", "user_id", name=op.f("pk__reservations")),
    )
    op.create_index(op.f("ix__reservations__user_id"), "reservations", ["user_id"])
    with op.batch_alter_table("prompts", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("candidates", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("right", sa.Boolean(), nullable=True))
    op.execute(_RIGHT_SO_FAR)


def downgrade() -> None:
    with op.batch_alter_table("candidates", recreate=_copied()) as batch_op:
        batch_op.drop_column("right")
    with op.batch_alter_table("prompts", recreate=_copied()) as batch_op:
        batch_op.drop_column("retired_at")
    op.drop_index(op.f("ix__reservations__user_id"), "reservations")
    op.drop_table("reservations")
