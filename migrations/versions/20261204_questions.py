"""Judgments have an order of all candidates, ratings and tags of each, and a comment.

Revision ID: 9e4c7a15d382
Revises: 2f8b61d09ac4
Create Date: 2026-11-30 22:58:20.604117

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "9e4c7a15d382"
down_revision = "2f8b61d09ac4"
branch_labels = None
depends_on = None

_COLUMNS = {"ranking": sa.JSON(none_as_null=True), "remarks": sa.JSON(none_as_null=True), "comment": sa.Text()}


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("judgments", recreate=_copied(), table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        for name, kind in _COLUMNS.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))
        batch_op.create_check_constraint(op.f("ck__judgments__ranking"), "ranking IS NULL OR verdict = 'chosen'")


def downgrade() -> None:
    with op.batch_alter_table("judgments", recreate=_copied(), table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_constraint(op.f("ck__judgments__ranking"), type_="check")
        for name in _COLUMNS:
            batch_op.drop_column(name)
