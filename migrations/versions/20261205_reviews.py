"""Reviewers decide what people disagreed on: their decisions are judgments, which say so, and name what they decide.

Revision ID: 4e8b1c6a92f7
Revises: 9e4c7a15d382
Create Date: 2026-11-30 23:02:41.118204

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "4e8b1c6a92f7"
down_revision = "9e4c7a15d382"
branch_labels = None
depends_on = None

_COUNTED = {"sqlite_autoincrement": True}
_DECIDED = sa.text("decided_by IS NOT NULL")


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("judgments", recreate=_copied(), table_kwargs=_COUNTED) as batch_op:
        batch_op.add_column(sa.Column("decision", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("decided_by", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk__judgments__decided_by"), "judgments", ["decided_by"], ["id"], ondelete="SET NULL"
        )
    op.create_index(
        "ix__judgments__decided_by", "judgments", ["decided_by"], sqlite_where=_DECIDED, postgresql_where=_DECIDED
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("texts_sha256", sa.String(length=64), nullable=False),
        sa.Column("generation_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("disagreement", sa.Double(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("waits_for", sa.Integer(), nullable=True),
        sa.Column("overlap_before", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("state IN ('open', 'sent_back', 'decided', 'stale')", name=op.f("ck__reviews__state")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["judgments.id"], name=op.f("fk__reviews__decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name=op.f("fk__reviews__generation_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk__reviews__project_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk__reviews__prompt_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__reviews")),
        sa.UniqueConstraint("prompt_id", "texts_sha256", name=op.f("uq__reviews__prompt_id_texts_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix__reviews__list", "reviews", ["state", "project_id", "disagreement", "id"])
    op.create_index("ix__reviews__source", "reviews", ["source", "state", "project_id", "disagreement", "id"])
    op.create_index(op.f("ix__reviews__generation_id"), "reviews", ["generation_id"])
    op.create_index(op.f("ix__reviews__decision_id"), "reviews", ["decision_id"])


def downgrade() -> None:
    op.drop_table("reviews")
    op.drop_index("ix__judgments__decided_by", "judgments")
    with op.batch_alter_table("judgments", recreate=_copied(), table_kwargs=_COUNTED) as batch_op:
        batch_op.drop_constraint(op.f("fk__judgments__decided_by"), type_="foreignkey")
        batch_op.drop_column("decided_by")
        batch_op.drop_column("decision")
