"""People and prompts can be deleted: ids are not used again, deleted judgments are counted, runs keep what they read.

Revision ID: d4a7c19e6b02
Revises: e41d7a92c5b0
Create Date: 2026-11-30 02:30:12.604118

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "d4a7c19e6b02"
down_revision = "e41d7a92c5b0"
branch_labels = None
depends_on = None

_COUNTED = ("prompts", "generations", "judgments")
_NAMED = sa.text("annotator IS NOT NULL")


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if _on_sqlite() else "auto"


def _count_up(*, ever: bool) -> None:
    """Let SQLite use the id of a deleted row again or not; PostgreSQL never does."""
    for table in _COUNTED if _on_sqlite() else ():
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": ever}):
            pass


def upgrade() -> None:
    op.create_table(
        "deleted_judgments",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__deleted_judgments")),
    )
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("judgments", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("reward_heads", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("deleted", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("reward_heads", recreate=_copied()) as batch_op:
        batch_op.alter_column("deleted", existing_type=sa.Integer(), server_default=None)
    _count_up(ever=True)
    op.create_index(
        "ix__judgments__annotator", "judgments", ["annotator"], sqlite_where=_NAMED, postgresql_where=_NAMED
    )


def downgrade() -> None:
    op.drop_index("ix__judgments__annotator", "judgments")
    _count_up(ever=False)
    with op.batch_alter_table("reward_heads", recreate=_copied()) as batch_op:
        batch_op.drop_column("deleted")
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_column("judgments")
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.drop_column("deleted_at")
    op.drop_table("deleted_judgments")
