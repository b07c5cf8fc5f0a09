"""Live comparisons: two versions on the same screens, until the clicks decide.

Revision ID: 71c0e5b2a94d
Revises: 5c2e8f14a7d9
Create Date: 2026-11-30 05:40:12.207714

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "71c0e5b2a94d"
down_revision = "5c2e8f14a7d9"
branch_labels = None
depends_on = None

_RUNNING = sa.text("state = 'running'")
_COMPARED = sa.text("comparison_id IS NOT NULL")


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "live_comparisons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("old_number", sa.Integer(), nullable=False),
        sa.Column("new_number", sa.Integer(), nullable=False),
        sa.Column("serving_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("threshold_new", sa.Double(), nullable=False),
        sa.Column("threshold_old", sa.Double(), nullable=False),
        sa.Column("most_clicks", sa.Integer(), nullable=False),
        sa.Column("clicks", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'decided', 'ended')", name=op.f("ck__live_comparisons__state")),
        sa.CheckConstraint("(state = 'decided') = (outcome IS NOT NULL)", name=op.f("ck__live_comparisons__outcome")),
        sa.CheckConstraint("(state = 'running') = (ended_at IS NULL)", name=op.f("ck__live_comparisons__ended_at")),
        *(
            sa.ForeignKeyConstraint([column], ["versions.number"], name=op.f(f"fk__live_comparisons__{column}"))
            for column in ("old_number", "new_number", "serving_number")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__live_comparisons")),
    )
    op.create_index(
        "uq__live_comparisons__running",
        "live_comparisons",
        ["state"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    with op.batch_alter_table(
        "generations", recreate=_copied(), table_kwargs={"sqlite_autoincrement": True}
    ) as batch_op:
        batch_op.add_column(sa.Column("comparison_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk__generations__comparison_id"), "live_comparisons", ["comparison_id"], ["id"]
        )
    op.create_index(
        "ix__generations__comparison_id",
        "generations",
        ["comparison_id"],
        sqlite_where=_COMPARED,
        postgresql_where=_COMPARED,
    )


def downgrade() -> None:
    op.drop_index("ix__generations__comparison_id", "generations")
    with op.batch_alter_table(
        "generations", recreate=_copied(), table_kwargs={"sqlite_autoincrement": True}
    ) as batch_op:
        batch_op.drop_constraint(op.f("fk__generations__comparison_id"), type_="foreignkey")
        batch_op.drop_column("comparison_id")
    op.drop_table("live_comparisons")
