"""Imports are recorded and can be undone, and prompts keep what their files said of them.

Revision ID: 6b1f0c8d2e75
Revises: e5b1f0a47c92
Create Date: 2026-11-29 11:45:12.604117

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "6b1f0c8d2e75"
down_revision = "e5b1f0a47c92"
branch_labels = None
depends_on = None

_IMPORTED = sa.text("import_id IS NOT NULL")


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("judgments", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__imports__user_id")),
        sa.ForeignKeyConstraint(["undone_by"], ["users.id"], name=op.f("fk__imports__undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__imports")),
    )
    with op.batch_alter_table("prompts", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("metadata", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("import_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk__prompts__import_id"), "imports", ["import_id"], ["id"])
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("import_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk__judgments__import_id"), "imports", ["import_id"], ["id"])
    for table in ("prompts", "judgments"):
        name = op.f(f"ix__{table}__import_id")
        op.create_index(name, table, ["import_id"], sqlite_where=_IMPORTED, postgresql_where=_IMPORTED)


def downgrade() -> None:
    for table, columns in (("judgments", ["import_id"]), ("prompts", ["import_id", "metadata"])):
        op.drop_index(op.f(f"ix__{table}__import_id"), table_name=table)
        with op.batch_alter_table(table, recreate=_copied()) as batch_op:
            batch_op.drop_constraint(op.f(f"fk__{table}__import_id"), type_="foreignkey")
            for column in columns:
                batch_op.drop_column(column)
    op.drop_table("imports")
