"""The first tables.

Revision ID: 47bb11f2e379
Revises:
Create Date: 2026-11-21 10:23:26.071869

"""

import sqlalchemy as sa
from alembic import op

revision = "47bb11f2e379"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prompts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("queued", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("gold_answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__prompts")),
        sa.UniqueConstraint("sha256", name=op.f("uq__prompts__sha256")),
    )
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.create_index("ix__prompts__queue", ["queued", "priority", "id"], unique=False)

    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("api_token_hash", sa.String(length=64), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("session_key", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('annotator', 'admin')", name=op.f("ck__users__role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__users")),
        sa.UniqueConstraint("api_token_hash", name=op.f("uq__users__api_token_hash")),
        sa.UniqueConstraint("email", name=op.f("uq__users__email")),
        sa.UniqueConstraint("session_key", name=op.f("uq__users__session_key")),
    )
    op.create_table(
        "versions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent_number", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parent_number"], ["versions.number"], name=op.f("fk__versions__parent_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk__versions")),
        sa.UniqueConstraint("run_id", name=op.f("uq__versions__run_id")),
    )
    op.create_table(
        "aliases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["version_number"], ["versions.number"], name=op.f("fk__aliases__version_number")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk__aliases")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__audit_events__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__audit_events")),
    )
    with op.batch_alter_table("audit_events") as batch_op:
        batch_op.create_index(batch_op.f("ix__audit_events__action"), ["action"], unique=False)

    op.create_table(
        "generations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sampling", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk__generations__prompt_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__generations__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__generations")),
    )
    with op.batch_alter_table("generations") as batch_op:
        batch_op.create_index(batch_op.f("ix__generations__prompt_id"), ["prompt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix__generations__user_id"), ["user_id"], unique=False)

    op.create_table(
        "training_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("active_slot", sa.Integer(), nullable=True),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("last_judgment_id", sa.Integer(), nullable=False),
        sa.Column("data_hash", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("parent_version", sa.Integer(), nullable=False),
        sa.Column("produced_version", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(active_slot IS NOT NULL) = (status IN ('queued', 'running'))", name=op.f("ck__training_runs__active_slot")
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck__training_runs__status"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_version"], ["versions.number"], name=op.f("fk__training_runs__parent_version")
        ),
        sa.ForeignKeyConstraint(["requested_by"], ["users.id"], name=op.f("fk__training_runs__requested_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__training_runs")),
        sa.UniqueConstraint("active_slot", name=op.f("uq__training_runs__active_slot")),
    )
    op.create_table(
        "candidates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("log_probability", sa.Double(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name=op.f("fk__candidates__generation_id")),
        sa.ForeignKeyConstraint(["version_number"], ["versions.number"], name=op.f("fk__candidates__version_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__candidates")),
        sa.UniqueConstraint("generation_id", "position", name=op.f("uq__candidates__generation_id_position")),
    )
    with op.batch_alter_table("candidates") as batch_op:
        batch_op.create_index(batch_op.f("ix__candidates__version_number"), ["version_number"], unique=False)

    op.create_table(
        "run_metrics",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=op.f("fk__run_metrics__run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__run_metrics")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run_metrics") as batch_op:
        batch_op.create_index("ix__run_metrics__run_id__id", ["run_id", "id"], unique=False)

    op.create_table(
        "judgments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=True),
        sa.Column("edited_text", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(verdict = 'edited') = (edited_text IS NOT NULL)", name=op.f("ck__judgments__edited_text")),
        sa.CheckConstraint("verdict <> 'chosen' OR candidate_id IS NOT NULL", name=op.f("ck__judgments__candidate")),
        sa.CheckConstraint(
            "verdict IN ('chosen', 'edited', 'tie', 'none', 'skipped')", name=op.f("ck__judgments__verdict")
        ),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk__judgments__candidate_id")),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name=op.f("fk__judgments__generation_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__judgments__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__judgments")),
    )
    with op.batch_alter_table("judgments") as batch_op:
        batch_op.create_index(batch_op.f("ix__judgments__generation_id"), ["generation_id"], unique=False)
        batch_op.create_index("ix__judgments__user_id__created_at", ["user_id", "created_at"], unique=False)
        batch_op.create_index(
            "uq__judgments__standing",
            ["generation_id", "user_id"],
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )

    op.create_table(
        "preferences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("judgment_id", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("rejected", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["judgment_id"], ["judgments.id"], name=op.f("fk__preferences__judgment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__preferences")),
    )
    with op.batch_alter_table("preferences") as batch_op:
        batch_op.create_index(batch_op.f("ix__preferences__judgment_id"), ["judgment_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("preferences") as batch_op:
        batch_op.drop_index(batch_op.f("ix__preferences__judgment_id"))

    op.drop_table("preferences")
    with op.batch_alter_table("judgments") as batch_op:
        batch_op.drop_index(
            "uq__judgments__standing",
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )
        batch_op.drop_index("ix__judgments__user_id__created_at")
        batch_op.drop_index(batch_op.f("ix__judgments__generation_id"))

    op.drop_table("judgments")
    with op.batch_alter_table("run_metrics") as batch_op:
        batch_op.drop_index("ix__run_metrics__run_id__id")

    op.drop_table("run_metrics")
    with op.batch_alter_table("candidates") as batch_op:
        batch_op.drop_index(batch_op.f("ix__candidates__version_number"))

    op.drop_table("candidates")
    op.drop_table("training_runs")
    with op.batch_alter_table("generations") as batch_op:
        batch_op.drop_index(batch_op.f("ix__generations__user_id"))
        batch_op.drop_index(batch_op.f("ix__generations__prompt_id"))

    op.drop_table("generations")
    with op.batch_alter_table("audit_events") as batch_op:
        batch_op.drop_index(batch_op.f("ix__audit_events__action"))

    op.drop_table("audit_events")
    op.drop_table("aliases")
    op.drop_table("versions")
    op.drop_table("users")
    with op.batch_alter_table("prompts") as batch_op:
        batch_op.drop_index("ix__prompts__queue")

    op.drop_table("prompts")
