"""The key that signs sessions and encrypts second factors, the same on every web machine of a studio.

Each machine has it from its settings, never from the database, a copy of which then opens nothing. The database holds
a fingerprint of it, by which a machine with another key notices. SQLite lies on one machine, whose key may change.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import StudioSetting, insert_new, write_transaction
from app.domain_errors import Conflict
from app.services.system import audit

FINGERPRINT = "secret_key"
_OTHER_KEY = (
    "This machine has another SECRET_KEY than the web machines that use this database: give all of them the same one. "
    "If it was changed on all of them: flask --app app accept-secret-key"
)


def check(session: Session, secret_key: str) -> None:
    """Raise Conflict if the studio's other machines have another key; the first machine's becomes the studio's."""
    if session.get_bind().dialect.name == "sqlite":
        return
    if (known := _known(session)) is None:
        with write_transaction(session):
            _add(session, secret_key)
        known = _known(session)
    if not secrets.compare_digest(str(known), fingerprint(secret_key)):
        raise Conflict(_OTHER_KEY)


def accept(session: Session, secret_key: str) -> None:
    """Make this machine's key that of the studio: machines with the former one are refused from now on."""
    with write_transaction(session):
        _add(session, secret_key)
        kept = session.get_one(StudioSetting, FINGERPRINT, with_for_update=True)
        kept.value = {"value": fingerprint(secret_key)}
        audit.record(session, None, "secret_key.accepted", "studio")


def fingerprint(secret_key: str) -> str:
    """Return what tells keys apart and gives none away."""
    return hmac.digest(secret_key.encode(), b"fingerprint", hashlib.sha256).hex()[:32]


def setup_token(secret_key: str) -> str:
    """Return the token of the setup page, the same on every machine for as long as the key is."""
    return hmac.digest(secret_key.encode(), b"setup token", hashlib.sha256).hex()


def _known(session: Session) -> str | None:
    kept = session.scalar(select(StudioSetting.value).where(StudioSetting.name == FINGERPRINT))
    return kept["value"] if kept else None


def _add(session: Session, secret_key: str) -> None:
    """Keep the fingerprint within the running transaction, unless there is one."""
    value = {"value": fingerprint(secret_key)}
    insert_new(session, StudioSetting, [{"name": FINGERPRINT, "value": value}], StudioSetting.name)
