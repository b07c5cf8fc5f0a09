"""Sessions are rows, people choose a password of their own, and links reset a forgotten one. Signs everybody out once.

The key in the cookies of before was the same in all browsers of a person, so no session can be made of it.

Revision ID: 4f7a1d90c3be
Revises: 4d7c19e0b358
Create Date: 2026-11-30 02:31:17.520413

"""

import secrets
from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "4f7a1d90c3be"
down_revision = "4d7c19e0b358"
branch_labels = None
depends_on = None

_users = sa.table(
    "users",
    sa.column("id", sa.Integer),
    sa.column("session_key", sa.String),
    sa.column("must_change_password", sa.Boolean),
)


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=60), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("last_used_at", moment, nullable=False),
        sa.Column("confirmed_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_why", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__sessions__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq__sessions__secret_hash")),
    )
    op.create_index(op.f("ix__sessions__user_id"), "sessions", ["user_id"])
    op.create_table(
        "password_resets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.Column("used_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk__password_resets__created_by")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__password_resets__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__password_resets")),
        sa.UniqueConstraint("token_hash", name=op.f("uq__password_resets__token_hash")),
    )
    op.create_index(op.f("ix__password_resets__user_id"), "password_resets", ["user_id"])
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.drop_constraint(op.f("uq__users__session_key"), type_="unique")
        batch_op.drop_column("session_key")
        batch_op.add_column(sa.Column("must_change_password", sa.Boolean(), nullable=True))
    op.get_bind().execute(_users.update().values(must_change_password=False))
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.alter_column("must_change_password", existing_type=sa.Boolean(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.drop_column("must_change_password")
        batch_op.add_column(sa.Column("session_key", sa.String(length=32), nullable=True))
    bind = op.get_bind()
    for user_id in bind.scalars(sa.select(_users.c.id)).all():
        bind.execute(_users.update().where(_users.c.id == user_id).values(session_key=secrets.token_hex(16)))
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.alter_column("session_key", existing_type=sa.String(length=32), nullable=False)
        batch_op.create_unique_constraint(op.f("uq__users__session_key"), ["session_key"])
    op.drop_table("password_resets")
    op.drop_table("sessions")
