"""Runs keep the pairs that were labelled for them, and versions are made again without what is to be forgotten.

Revision ID: f5c2b81d9e36
Revises: 5b8f0c7a31de
Create Date: 2026-11-30 05:45:12.730415

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "f5c2b81d9e36"
down_revision = "5b8f0c7a31de"
branch_labels = None
depends_on = None

_OF_RUN = "fk__training_runs__forgetting_id"


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "forgettings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("serve", sa.Boolean(), nullable=False),
        sa.Column("learned", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'prompt', 'import', 'deleted')", name=op.f("ck__forgettings__kind")),
        sa.CheckConstraint("(kind = 'deleted') = (number IS NULL)", name=op.f("ck__forgettings__number")),
        sa.ForeignKeyConstraint(["target"], ["versions.number"], name=op.f("fk__forgettings__target")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__forgettings")),
    )
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("forgetting_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("rebuilds", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f(_OF_RUN), "forgettings", ["forgetting_id"], ["id"])
    op.create_index(op.f("ix__training_runs__forgetting_id"), "training_runs", ["forgetting_id"])
    op.create_table(
        "labelled_pairs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("rejected", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk__labelled_pairs__prompt_id")),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=op.f("fk__labelled_pairs__run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__labelled_pairs")),
    )
    op.create_index(op.f("ix__labelled_pairs__run_id"), "labelled_pairs", ["run_id"])
    op.create_index(op.f("ix__labelled_pairs__prompt_id"), "labelled_pairs", ["prompt_id"])


def downgrade() -> None:
    op.drop_table("labelled_pairs")
    op.drop_index(op.f("ix__training_runs__forgetting_id"), "training_runs")
    with op.batch_alter_table("training_runs", recreate=_copied()) as batch_op:
        batch_op.drop_constraint(op.f(_OF_RUN), type_="foreignkey")
        batch_op.drop_column("rebuilds")
        batch_op.drop_column("forgetting_id")
    op.drop_table("forgettings")
