"""Several API tokens a person, with scopes and an end; forms that show a secret are sent once.

Revision ID: d4a7f20e9c31
Revises: 4f7a1d90c3be
Create Date: 2026-11-30 02:31:07.442871

"""

from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "d4a7f20e9c31"
down_revision = "4f7a1d90c3be"
branch_labels = None
depends_on = None

_users = sa.table("users", sa.column("id"), sa.column("role"), sa.column("api_token_hash"))
_tokens = sa.table(
    "api_tokens",
    sa.column("id"),
    sa.column("user_id"),
    sa.column("name"),
    sa.column("token_hash"),
    sa.column("scopes", sa.JSON()),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("expires_at", sa.DateTime(timezone=True)),
    sa.column("revoked_at", sa.DateTime(timezone=True)),
)
_SCOPES = {"annotator": ["annotate", "read"], "admin": ["annotate", "read", "admin"]}


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("form_key", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk__api_tokens__user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__api_tokens")),
        sa.UniqueConstraint("form_key", name=op.f("uq__api_tokens__form_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq__api_tokens__token_hash")),
    )
    op.create_index(op.f("ix__api_tokens__user_id"), "api_tokens", ["user_id"])
    _keep_earlier_tokens()
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.drop_constraint(op.f("uq__users__api_token_hash"), type_="unique")
        batch_op.drop_column("api_token_hash")
    with op.batch_alter_table("invitations", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("form_key", sa.String(length=32), nullable=True))
        batch_op.create_unique_constraint(op.f("uq__invitations__form_key"), ["form_key"])


def _keep_earlier_tokens() -> None:
    """Give each token of before a row that lets it do what it could do, without an end."""
    bind = op.get_bind()
    found = bind.execute(sa.select(_users).where(_users.c.api_token_hash.is_not(None)))
    rows = [
        {
            "user_id": user.id,
            "name": "Earlier token",
            "token_hash": user.api_token_hash,
            "scopes": _SCOPES[user.role],
            "created_at": datetime.now(UTC),
        }
        for user in found
    ]
    if rows:
        bind.execute(_tokens.insert(), rows)


def downgrade() -> None:
    with op.batch_alter_table("invitations", recreate=_copied()) as batch_op:
        batch_op.drop_constraint(op.f("uq__invitations__form_key"), type_="unique")
        batch_op.drop_column("form_key")
    with op.batch_alter_table("users", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("api_token_hash", sa.String(length=64), nullable=True))
        batch_op.create_unique_constraint(op.f("uq__users__api_token_hash"), ["api_token_hash"])
    _give_back_tokens()
    op.drop_index(op.f("ix__api_tokens__user_id"), "api_tokens")
    op.drop_table("api_tokens")


def _give_back_tokens() -> None:
    """Give each person the latest of their tokens that may do all that they may; the others would gain rights."""
    bind = op.get_bind()
    in_force = sa.select(_users.c.id, _users.c.role, _tokens.c.token_hash, _tokens.c.scopes).where(
        _users.c.id == _tokens.c.user_id, _tokens.c.revoked_at.is_(None), _tokens.c.expires_at.is_(None)
    )
    for found in bind.execute(in_force.order_by(_tokens.c.id)).all():
        if set(found.scopes) >= set(_SCOPES[found.role]):
            bind.execute(_users.update().where(_users.c.id == found.id).values(api_token_hash=found.token_hash))
