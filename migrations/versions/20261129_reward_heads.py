"""What the clicks say: reward heads, the features of cards, and the pools that screens are chosen from.

Revision ID: 8a41c6e20d57
Revises: 5e0d3b71c9a4
Create Date: 2026-11-29 02:20:11.730418

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "8a41c6e20d57"
down_revision = "5e0d3b71c9a4"
branch_labels = None
depends_on = None


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    op.create_table(
        "reward_heads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("features_version", sa.Integer(), nullable=False),
        sa.Column("judgments", sa.Integer(), nullable=False),
        sa.Column("last_judgment_id", sa.Integer(), nullable=False),
        sa.Column("undone", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("carried", sa.Boolean(), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["version_number"], ["versions.number"], name=op.f("fk__reward_heads__version_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__reward_heads")),
    )
    op.create_index("ix__reward_heads__version", "reward_heads", ["version_number", "id"])
    op.create_table(
        "drawn_pools",
        sa.Column("generation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name=op.f("fk__drawn_pools__generation_id")),
        sa.PrimaryKeyConstraint("generation_id", name=op.f("pk__drawn_pools")),
    )
    with op.batch_alter_table("generations") as batch_op:
        batch_op.add_column(sa.Column("head_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("superseded_by", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk__generations__head_id"), "reward_heads", ["head_id"], ["id"])
        batch_op.create_foreign_key(op.f("fk__generations__superseded_by"), "generations", ["superseded_by"], ["id"])
    with op.batch_alter_table("candidates", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("features", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("probability", sa.Double(), nullable=True))
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.add_column(sa.Column("edited_features", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("judgments", recreate=_copied()) as batch_op:
        batch_op.drop_column("edited_features")
    with op.batch_alter_table("candidates", recreate=_copied()) as batch_op:
        batch_op.drop_column("probability")
        batch_op.drop_column("features")
    with op.batch_alter_table("generations") as batch_op:
        batch_op.drop_constraint(op.f("fk__generations__superseded_by"), type_="foreignkey")
        batch_op.drop_constraint(op.f("fk__generations__head_id"), type_="foreignkey")
        batch_op.drop_column("superseded_by")
        batch_op.drop_column("head_id")
    op.drop_table("drawn_pools")
    op.drop_index("ix__reward_heads__version", table_name="reward_heads")
    op.drop_table("reward_heads")
