"""Beyond one click: ties, reasons, flags, invitations, settings, webhooks, and a queue of runs.

Revision ID: c2f7a94d1b03
Revises: 8c1d5a0e6b42
Create Date: 2026-11-21 22:41:07.218334

"""

import sqlalchemy as sa
from alembic import op

revision = "c2f7a94d1b03"
down_revision = "8c1d5a0e6b42"
branch_labels = None
depends_on = None

_ADDED = {
    "users": ["settings", "last_seen_at"],
    "prompts": ["overlap", "gold_wrong"],
    "generations": ["gold"],
    "versions": ["note", "deleted_at"],
}


def _time(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _create_tables()
    _extend_people_and_prompts()
    _extend_judgments()
    with op.batch_alter_table("versions") as batch_op:
        batch_op.add_column(sa.Column("note", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(_time("deleted_at", nullable=True))
    with op.batch_alter_table("versions") as batch_op:
        batch_op.alter_column("note", existing_type=sa.Text(), server_default=None)
    with op.batch_alter_table("training_runs") as batch_op:
        batch_op.add_column(sa.Column("selection", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("wish", sa.String(length=64), nullable=True))
        batch_op.create_unique_constraint(op.f("uq__training_runs__wish"), ["wish"])
    op.execute("UPDATE training_runs SET wish = 'before the queue' WHERE status IN ('queued', 'running')")
    with op.batch_alter_table("training_runs") as batch_op:
        batch_op.alter_column("selection", existing_type=sa.JSON(), server_default=None)
        batch_op.drop_constraint(op.f("ck__training_runs__active_slot"), type_="check")
        batch_op.drop_constraint(op.f("uq__training_runs__active_slot"), type_="unique")
        batch_op.drop_column("active_slot")
        batch_op.create_check_constraint(
            op.f("ck__training_runs__wish"), "(wish IS NOT NULL) = (status IN ('queued', 'running'))"
        )


def _create_tables() -> None:
    op.create_table(
        "studio_settings",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.Integer(), nullable=True),
        _time("changed_at"),
        sa.ForeignKeyConstraint(["changed_by"], ["users.id"], name=op.f("fk__studio_settings__changed_by")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk__studio_settings")),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        _time("created_at"),
        _time("expires_at"),
        _time("withdrawn_at", nullable=True),
        _time("used_at", nullable=True),
        sa.Column("used_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("role IN ('annotator', 'admin')", name=op.f("ck__invitations__role")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk__invitations__created_by")),
        sa.ForeignKeyConstraint(["used_by"], ["users.id"], name=op.f("fk__invitations__used_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq__invitations__token_hash")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        _time("created_at"),
        _time("removed_at", nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk__webhooks__created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__webhooks")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("next_attempt_at"),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        _time("created_at"),
        _time("delivered_at", nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name=op.f("ck__webhook_deliveries__status")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("fk__webhook_deliveries__webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__webhook_deliveries")),
        sa.UniqueConstraint("message_id", name=op.f("uq__webhook_deliveries__message_id")),
    )
    with op.batch_alter_table("webhook_deliveries") as batch_op:
        batch_op.create_index("ix__webhook_deliveries__due", ["status", "next_attempt_at"], unique=False)
        batch_op.create_index(op.f("ix__webhook_deliveries__webhook_id"), ["webhook_id"], unique=False)


def _extend_people_and_prompts() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("settings", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(_time("last_seen_at", nullable=True))
    with op.batch_alter_table("users") as batch_op:
        batch_op.alter_column("settings", existing_type=sa.JSON(), server_default=None)
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.add_column(sa.Column("overlap", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("gold_wrong", sa.JSON(), nullable=True))
        # Says nothing new, but lets SQLite write the table anew, as it would write it today.
        batch_op.alter_column("gold_answer", existing_type=sa.Text(), nullable=True)
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.create_index(
            "ix__prompts__gold",
            ["id"],
            unique=False,
            sqlite_where=sa.text("gold_answer IS NOT NULL"),
            postgresql_where=sa.text("gold_answer IS NOT NULL"),
        )
    with op.batch_alter_table("generations") as batch_op:
        batch_op.add_column(sa.Column("gold", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("generations") as batch_op:
        batch_op.alter_column("gold", existing_type=sa.Boolean(), server_default=None)
    with op.batch_alter_table("candidates") as batch_op:
        batch_op.alter_column("version_number", existing_type=sa.Integer(), nullable=True)


def _extend_judgments() -> None:
    with op.batch_alter_table("judgments") as batch_op:
        batch_op.add_column(sa.Column("tied", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("reason", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("flagged", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("client_key", sa.String(length=36), nullable=True))
        batch_op.create_unique_constraint(op.f("uq__judgments__client_key"), ["client_key"])
        batch_op.create_check_constraint(op.f("ck__judgments__tied"), "tied IS NULL OR verdict = 'tie'")
    with op.batch_alter_table("judgments") as batch_op:
        batch_op.alter_column("flagged", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    # A run that waits behind another has no place in a studio of one run at a time.
    with op.batch_alter_table("training_runs") as batch_op:
        batch_op.add_column(sa.Column("active_slot", sa.Integer(), nullable=True))
        batch_op.drop_constraint(op.f("ck__training_runs__wish"), type_="check")
        batch_op.drop_constraint(op.f("uq__training_runs__wish"), type_="unique")
        batch_op.drop_column("wish")
        batch_op.drop_column("selection")
    op.execute(
        "UPDATE training_runs SET status = 'cancelled', stage = 'cancelled' WHERE status IN ('queued', 'running') "
        "AND id <> (SELECT min(id) FROM training_runs WHERE status IN ('queued', 'running'))"
    )
    op.execute("UPDATE training_runs SET active_slot = 1 WHERE status IN ('queued', 'running')")
    with op.batch_alter_table("training_runs") as batch_op:
        batch_op.create_unique_constraint(op.f("uq__training_runs__active_slot"), ["active_slot"])
        batch_op.create_check_constraint(
            op.f("ck__training_runs__active_slot"),
            "(active_slot IS NOT NULL) = (status IN ('queued', 'running'))",
        )
    # Attention checks and imported choices were written by no version, which the older table does not allow. Screens
    # without any candidate go with them.
    op.execute(
        "DELETE FROM preferences WHERE judgment_id IN (SELECT id FROM judgments WHERE generation_id IN "
        "(SELECT generation_id FROM candidates WHERE version_number IS NULL))"
    )
    op.execute(
        "DELETE FROM judgments WHERE generation_id IN "
        "(SELECT generation_id FROM candidates WHERE version_number IS NULL)"
    )
    op.execute("DELETE FROM candidates WHERE version_number IS NULL")
    op.execute(
        "DELETE FROM generations WHERE id NOT IN (SELECT generation_id FROM candidates) "
        "AND id NOT IN (SELECT generation_id FROM judgments)"
    )
    with op.batch_alter_table("candidates") as batch_op:
        batch_op.alter_column("version_number", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("judgments") as batch_op:
        batch_op.drop_constraint(op.f("ck__judgments__tied"), type_="check")
        batch_op.drop_constraint(op.f("uq__judgments__client_key"), type_="unique")
        for column in ("client_key", "flagged", "reason", "tied"):
            batch_op.drop_column(column)
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.drop_index("ix__prompts__gold")
    for table, columns in _ADDED.items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
    for table in ("webhook_deliveries", "webhooks", "invitations", "studio_settings"):
        op.drop_table(table)
