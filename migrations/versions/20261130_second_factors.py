"""Second factors with their recovery codes, and accounts of organisations with which people sign in.

Revision ID: e41d7a92c5b0
Revises: d4a7f20e9c31
Create Date: 2026-11-30 02:40:12.500317

"""

import sqlalchemy as sa
from alembic import op

revision = "e41d7a92c5b0"
down_revision = "d4a7f20e9c31"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sealed_secret", sa.String(length=255), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__second_factors__user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk__second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__recovery_codes__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__recovery_codes")),
        sa.UniqueConstraint("user_id", "code_hash", name=op.f("uq__recovery_codes__user_id_code_hash")),
    )
    op.create_table(
        "organisation_accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__organisation_accounts__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__organisation_accounts")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq__organisation_accounts__issuer_subject")),
        sa.UniqueConstraint("user_id", "issuer", name=op.f("uq__organisation_accounts__user_id_issuer")),
    )


def downgrade() -> None:
    op.drop_table("organisation_accounts")
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
