"""A studio has projects; what was there is the first one.

Revision ID: 7d2c40e8b619
Revises: 6d2b90f7e41a
Create Date: 2026-11-30 20:02:17.604183

"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "7d2c40e8b619"
down_revision = "6d2b90f7e41a"
branch_labels = None
depends_on = None

_NEVER_AGAIN = frozenset({"generations", "judgments", "prompts"})
"""The tables that never give an id out again."""
OWNED = (
    "aliases",
    "deleted_judgments",
    "forgettings",
    "generations",
    "imports",
    "judgments",
    "live_comparisons",
    "prompts",
    "reward_heads",
    "training_runs",
    "versions",
)


def upgrade() -> None:
    projects = op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("instruction", sa.String(length=300), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__projects")),
        sa.UniqueConstraint("slug", name=op.f("uq__projects__slug")),
    )
    op.bulk_insert(projects, [{"slug": "first", "name": "First project", "created_at": datetime.now(UTC)}])
    for table in OWNED:
        with _altered(table) as batch_op:
            batch_op.add_column(sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False))
            batch_op.create_foreign_key(op.f(f"fk__{table}__project_id"), "projects", ["project_id"], ["id"])
    _index("ix__prompts__queue", "prompts", ["queued", "project_id", "priority", "id"])
    _running(["project_id", "state"])


def downgrade() -> None:
    _end_other_comparisons()
    _running(["state"])
    _index("ix__prompts__queue", "prompts", ["queued", "priority", "id"])
    for table in OWNED:
        with _altered(table) as batch_op:
            batch_op.drop_constraint(op.f(f"fk__{table}__project_id"), type_="foreignkey")
            batch_op.drop_column("project_id")
    op.drop_table("projects")


def _end_other_comparisons() -> None:
    """Leave at most the first project's comparison running: the release before has one."""
    names = ("project_id", "state", "reason", "ended_at")
    comparisons = sa.table("live_comparisons", *map(sa.column, names))
    ended = sa.literal(datetime.now(UTC), sa.DateTime(timezone=True))
    reason = "The release before compares in one project alone."
    others = comparisons.update().where(comparisons.c.state == "running", comparisons.c.project_id != 1)
    op.execute(others.values(state="ended", reason=reason, ended_at=ended))


def _altered(table: str) -> AbstractContextManager[BatchOperations]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    recreate: Literal["always", "auto"] = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    kept = {"sqlite_autoincrement": True} if table in _NEVER_AGAIN else {}
    return op.batch_alter_table(table, recreate=recreate, table_kwargs=kept)


def _index(name: str, table: str, columns: list[str]) -> None:
    op.drop_index(name, table)
    op.create_index(name, table, columns)


def _running(columns: list[str]) -> None:
    running = sa.text("state = 'running'")
    name = "uq__live_comparisons__running"
    op.drop_index(name, "live_comparisons")
    op.create_index(name, "live_comparisons", columns, unique=True, sqlite_where=running, postgresql_where=running)
