"""The cookie by which a browser is known in which somebody has signed in to an account.

It opens nothing. With it a guess at the account's password is counted for this browser alone (app/runtime/throttle.py).
"""

from __future__ import annotations

import hashlib
import secrets

from flask import request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.context import mellow
from app.security import keep_cookie

_DAYS = 180
_SECONDS = _DAYS * 86_400


def of(email: str) -> str | None:
    """Return what this browser is known by to an account, or None if nobody has signed in to it here lately."""
    email = _normal(email)
    try:
        name: str = _signing(email).loads(request.cookies.get(_cookie(email), ""), max_age=_SECONDS)
    except BadSignature:
        return None
    return name


def remember(email: str) -> None:
    """Let the response make this browser known to the account that has just been signed in to."""
    email = _normal(email)
    value = _signing(email).dumps(of(email) or secrets.token_urlsafe(16))
    keep_cookie(_cookie(email), value, _SECONDS)


def _normal(email: str) -> str:
    return email.strip().lower()


def _cookie(email: str) -> str:
    return f"mellow_known_{hashlib.sha256(email.encode(errors='surrogatepass')).hexdigest()[:12]}"


def _signing(email: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(mellow().settings.secret_key, salt=f"known browser {email}")
