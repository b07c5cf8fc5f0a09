"""Recovery codes: each replaces a code of the app once. Only hashes of them are stored."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.db import RecoveryCode, now

CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is easily taken for something else
_LENGTH = 28
_GROUP = 4


def renew(session: Session, user_id: int) -> list[str]:
    """Replace a person's codes by new ones within the running transaction, and return those: they are shown once."""
    remove(session, user_id)
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(CODES)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(code)) for code in codes)
    return ["-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP)) for code in codes]


def remove(session: Session, user_id: int) -> None:
    """Remove a person's codes within the running transaction."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def use(session: Session, user_id: int, code: str) -> bool:
    """Use up a code within the running transaction; returns whether it was one that had not been used."""
    unused = update(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(code), RecoveryCode.used_at.is_(None)
    )
    result = session.execute(unused.values(used_at=now()))
    return isinstance(result, CursorResult) and result.rowcount == 1


def left(session: Session, user_id: int) -> int:
    """Return how many codes a person has not used yet."""
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalars(unused).one()


def _hash(code: str) -> str:
    # A code is random and has 138 bits, so a fast hash cannot be reversed by guessing.
    plain = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(plain.encode()).hexdigest()
