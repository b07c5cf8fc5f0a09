"""Figures of a person from an index alone, and the undone judgments in one of their own.

Revision ID: 5e0d3b71c9a4
Revises: c2f7a94d1b03
Create Date: 2026-11-22 02:48:31.504112

"""

import sqlalchemy as sa
from alembic import op

revision = "5e0d3b71c9a4"
down_revision = "c2f7a94d1b03"
branch_labels = None
depends_on = None

_UNDONE = sa.text("undone_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix__judgments__pace", "judgments", ["user_id", "created_at", "undone_at", "seconds"])
    op.create_index("ix__judgments__undone", "judgments", ["undone_at"], sqlite_where=_UNDONE, postgresql_where=_UNDONE)
    op.drop_index("ix__judgments__user_id__created_at", table_name="judgments")


def downgrade() -> None:
    op.create_index("ix__judgments__user_id__created_at", "judgments", ["user_id", "created_at"])
    op.drop_index("ix__judgments__undone", table_name="judgments")
    op.drop_index("ix__judgments__pace", table_name="judgments")
