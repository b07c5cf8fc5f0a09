"""Every judgment has a key of its own in files, and one from a file says who made it.

Revision ID: 9d41b7f02c58
Revises: c27d90b4e1f6
Create Date: 2026-11-29 11:41:07.552901

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "9d41b7f02c58"
down_revision = "c27d90b4e1f6"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _random_key() -> str:
    """Return the SQL of a key as short as those of the desk, which nobody else has."""
    if op.get_bind().dialect.name == "sqlite":
        return "'j-' || lower(hex(randomblob(16)))"
    return "'j-' || replace(gen_random_uuid()::text, '-', '')"


def upgrade() -> None:
    op.execute(f"UPDATE judgments SET client_key = {_random_key()} WHERE client_key IS NULL")  # noqa: S608, our own SQL
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.alter_column("client_key", existing_type=sa.String(length=36), nullable=False)
        batch_op.add_column(sa.Column("annotator", sa.String(length=200), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.drop_column("annotator")
        batch_op.alter_column("client_key", existing_type=sa.String(length=36), nullable=True)
