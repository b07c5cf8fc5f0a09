"""A judgment can say that its prompt is fine as it is.

Revision ID: 3c7e91d5a4b8
Revises: 5f2d8c91b7a6
Create Date: 2026-11-30 09:20:11.318420

"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "3c7e91d5a4b8"
down_revision = "5f2d8c91b7a6"
branch_labels = None
depends_on = None

_NAME = "ck__judgments__verdict"


def _copied() -> Literal["always", "auto"]:
    """SQLite copies a table, so that its definition reads as that of a new one; PostgreSQL need not."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _allow(condition: str) -> None:
    with op.batch_alter_table("judgments", recreate=_copied(), table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_constraint(op.f(_NAME), type_="check")
        batch_op.create_check_constraint(op.f(_NAME), condition)


def upgrade() -> None:
    _allow("verdict IN ('chosen', 'edited', 'fine', 'tie', 'none', 'skipped')")


def downgrade() -> None:
    # The nearest that could be said before: the prompt itself, as a text that somebody wrote.
    op.execute(
        sa.text(
            "UPDATE judgments SET verdict = 'edited', edited_text = (SELECT p.text FROM generations g "
            "JOIN prompts p ON p.id = g.prompt_id WHERE g.id = judgments.generation_id) WHERE verdict = 'fine'"
        )
    )
    _allow("verdict IN ('chosen', 'edited', 'tie', 'none', 'skipped')")
