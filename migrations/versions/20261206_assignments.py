"""Groups of people, and prompts that are assigned to a person or a group.

Revision ID: 7f3a5c81d0e6
Revises: 4e8b1c6a92f7
Create Date: 2026-11-30 23:04:11.306512

"""

import sqlalchemy as sa
from alembic import op

revision = "7f3a5c81d0e6"
down_revision = "4e8b1c6a92f7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__people_groups")),
    )
    with op.batch_alter_table("people_groups") as batch_op:
        batch_op.create_index(
            "uq__people_groups__name",
            ["name"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["people_groups.id"], name=op.f("fk__group_members__group_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__group_members__user_id")),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk__group_members")),
    )
    with op.batch_alter_table("group_members") as batch_op:
        batch_op.create_index(op.f("ix__group_members__user_id"), ["user_id"], unique=False)
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("returns", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ending", sa.String(length=16), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("prompts", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name=op.f("ck__assignments__assignee")),
        sa.CheckConstraint("ending IN ('done', 'withdrawn', 'over')", name=op.f("ck__assignments__ending")),
        sa.CheckConstraint("NOT returns OR due IS NOT NULL", name=op.f("ck__assignments__returns")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__assignments__user_id")),
        sa.ForeignKeyConstraint(["group_id"], ["people_groups.id"], name=op.f("fk__assignments__group_id")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk__assignments__created_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name=op.f("fk__assignments__ended_by")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk__assignments__project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__assignments")),
    )
    op.create_table(
        "assignees",
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk__assignees__assignment_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__assignees__user_id")),
        sa.PrimaryKeyConstraint("assignment_id", "user_id", name=op.f("pk__assignees")),
    )
    op.create_table(
        "assigned_prompts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk__assigned_prompts__assignment_id")
        ),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompts.id"], name=op.f("fk__assigned_prompts__prompt_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__assigned_prompts")),
        sa.UniqueConstraint("prompt_id", name=op.f("uq__assigned_prompts__prompt_id")),
    )
    with op.batch_alter_table("assigned_prompts") as batch_op:
        batch_op.create_index(op.f("ix__assigned_prompts__assignment_id"), ["assignment_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("assigned_prompts")
    op.drop_table("assignees")
    op.drop_table("assignments")
    op.drop_table("group_members")
    op.drop_table("people_groups")
