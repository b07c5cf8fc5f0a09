"""Prompts are found by what they read like: line ends, composed accents and zero-width marks make no difference.

The texts stay as they are. Of prompts that read the same, the first is found from now on, and the others keep theirs.

Revision ID: 3c9d5a7e1b24
Revises: 8a41c6e20d57
Create Date: 2026-11-29 09:20:00.000000

"""

import hashlib
from collections.abc import Callable
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

revision = "3c9d5a7e1b24"
down_revision = "8a41c6e20d57"
branch_labels = None
depends_on = None

_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))
_PROMPTS = sa.table("prompts", sa.column("id", sa.Integer), sa.column("text", sa.Text), sa.column("sha256", sa.String))
_CHUNK = 1000


def _plain(text: str) -> str:
    """What a text reads like. Written out here, so that the migration stays what it was when the rule changes."""
    if text.isascii() and "\r" not in text:
        return text
    return normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSEEN)).strip() or text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def upgrade() -> None:
    _find_by(lambda text: _digest(_plain(text)))


def downgrade() -> None:
    _find_by(_digest)


def _find_by(digest: Callable[[str], str]) -> None:
    connection = op.get_bind()
    last = 0
    while True:
        chunk = sa.select(_PROMPTS).where(_PROMPTS.c.id > last).order_by(_PROMPTS.c.id).limit(_CHUNK)
        rows = connection.execute(chunk).all()
        if not rows:
            return
        last = rows[-1].id
        for row in rows:
            if _plain(row.text) == row.text:
                continue
            new = digest(row.text)
            taken = sa.select(_PROMPTS.c.id).where(_PROMPTS.c.sha256 == new)
            if new != row.sha256 and connection.execute(taken).first() is None:
                connection.execute(sa.update(_PROMPTS).where(_PROMPTS.c.id == row.id).values(sha256=new))
