"""Files on their way in lie in the database where several web machines share it.

Revision ID: a9e3d7c05b18
Revises: 3c7e91d5a4b8
Create Date: 2026-11-30 16:50:11.230418

"""

import sqlalchemy as sa
from alembic import op

revision = "a9e3d7c05b18"
down_revision = "3c7e91d5a4b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__import_uploads")),
    )
    op.create_table(
        "import_pieces",
        sa.Column("upload_id", sa.String(length=32), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["import_uploads.id"], name=op.f("fk__import_pieces__upload_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("upload_id", "offset", name=op.f("pk__import_pieces")),
    )


def downgrade() -> None:
    op.drop_table("import_pieces")
    op.drop_table("import_uploads")
