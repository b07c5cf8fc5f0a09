"""Projects have members; everybody is one of the first project. An invitation says which projects it leads to.

Revision ID: 2f8b61d09ac4
Revises: 7d2c40e8b619
Create Date: 2026-11-30 23:04:51.770218

"""

from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "2f8b61d09ac4"
down_revision = "7d2c40e8b619"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "project_members",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('annotator', 'reviewer', 'admin', 'none')", name=op.f("ck__project_members__role")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk__project_members__project_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__project_members__user_id")),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk__project_members")),
    )
    op.create_index(op.f("ix__project_members__user_id"), "project_members", ["user_id"])
    present = sa.literal(datetime.now(UTC), sa.DateTime(timezone=True))
    users, members = (
        sa.table("users", sa.column("id"), sa.column("deleted_at")),
        sa.table("project_members", *map(sa.column, ("project_id", "user_id", "role", "created_at"))),
    )
    # Also of admins, who are admins of every project as long as they are the studio's.
    role = sa.literal("annotator", sa.String())
    everybody = sa.select(sa.literal(1), users.c.id, role, present).where(users.c.deleted_at.is_(None))
    op.execute(members.insert().from_select(["project_id", "user_id", "role", "created_at"], everybody))
    with op.batch_alter_table("invitations", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("projects", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("invitations", recreate=_copied()) as batch_op:
        batch_op.drop_column("projects")
    op.drop_index(op.f("ix__project_members__user_id"), "project_members")
    op.drop_table("project_members")
