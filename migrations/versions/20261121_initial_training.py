"""A run may start from a model that is no version of the studio's.

Revision ID: 8c1d5a0e6b42
Revises: 47bb11f2e379
Create Date: 2026-11-21 15:10:41.310265

"""

import sqlalchemy as sa
from alembic import op

revision = "8c1d5a0e6b42"
down_revision = "47bb11f2e379"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("training_runs") as batch_op:
        batch_op.alter_column("parent_version", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    # Such runs cannot be told without their column being empty: what they made stays, their measurements go.
    op.execute("DELETE FROM run_metrics WHERE run_id IN (SELECT id FROM training_runs WHERE parent_version IS NULL)")
    op.execute(
        "UPDATE versions SET run_id = NULL WHERE run_id IN (SELECT id FROM training_runs WHERE parent_version IS NULL)"
    )
    op.execute("DELETE FROM training_runs WHERE parent_version IS NULL")
    with op.batch_alter_table("training_runs") as batch_op:
        batch_op.alter_column("parent_version", existing_type=sa.Integer(), nullable=False)
