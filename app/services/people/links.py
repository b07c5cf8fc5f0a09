"""Links that are good for one use: their secrets, and what became of them."""

from __future__ import annotations

import hashlib
import secrets

from app.db import Invitation, PasswordReset, now


def new_secret() -> str:
    """Return the secret of a new link, to be shown once."""
    return secrets.token_urlsafe(24)


def hash_of(secret: str) -> str:
    """Return what is stored of a link's secret. PostgreSQL rejects some texts as parameters, but never this."""
    return hashlib.sha256(secret.encode()).hexdigest()


def state(link: Invitation | PasswordReset) -> str:
    """Return the state of a link: open, used, withdrawn or expired."""
    if link.used_at is not None:
        return "used"
    if link.withdrawn_at is not None:
        return "withdrawn"
    return "expired" if link.expires_at <= now() else "open"
