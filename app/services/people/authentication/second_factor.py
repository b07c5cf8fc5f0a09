"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes in their place.

The secret that the app shares with the studio must be readable again, so it is stored encrypted, with a key that is
derived from SECRET_KEY. Recovery codes are stored as hashes and work whatever SECRET_KEY is.
"""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from app.db import Prebuilt, SecondFactor, StudioSetting, User, insert_new, now, write_transaction
from app.domain_errors import Conflict, Forbidden, NotFound
from app.services.people.authentication import recovery_codes
from app.services.people.passwords import matches
from app.services.system import audit
from app.words import N_, gettext

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

REQUIRED = "second_factor_of_admins"
"""The name of the studio's setting that asks every admin for a second factor."""
_STUDIO = "Mellow"
_STEP_SECONDS = 30
_DRIFT = (-1, 0, 1)  # steps by which the clock of a phone may differ
_DIGITS = 6
_WRONG = N_("That code is wrong or was used already.")

_HAS = exists().where(SecondFactor.user_id == bindparam("person"), SecondFactor.enabled_at.is_not(None))
_ENABLED = Prebuilt(select(_HAS))
_MISSING = Prebuilt(select(StudioSetting.value).where(StudioSetting.name == bindparam("setting"), ~_HAS))


def enabled(session: Session, user_id: int) -> bool:
    """Return whether a person has a second factor."""
    return bool(_ENABLED.read(session, {"person": user_id})[0][0])


def missing(session: Session, admin_id: int) -> bool:
    """Return whether the studio asks its admins for a second factor and this one has none."""
    found = _MISSING.read(session, {"person": admin_id, "setting": REQUIRED})
    return bool(found) and bool(found[0][0]["value"])


def draw(session: Session, user_id: int, secret_key: str) -> None:
    """Draw a secret for a person's app, which counts once a code confirms it; raises Conflict if a factor is on."""
    import pyotp  # for a new secret or a code only, as cryptography below

    sealed = _cipher(secret_key, user_id).encrypt(pyotp.random_base32().encode()).decode()
    with write_transaction(session):
        insert_new(session, SecondFactor, [{"user_id": user_id, "sealed_secret": sealed}], SecondFactor.user_id)
        factor = session.get_one(SecondFactor, user_id, with_for_update=True)
        if factor.enabled_at is not None:
            raise Conflict(gettext("A second factor is on already: switch it off before you set up another."))
        factor.sealed_secret, factor.last_step = sealed, 0


def drawn(session: Session, user_id: int, secret_key: str) -> str | None:
    """Return the secret that waits for its first code, or None; it is shown to its owner alone."""
    factor = session.get(SecondFactor, user_id)
    if factor is None or factor.enabled_at is not None:
        return None
    with suppress(Conflict):  # SECRET_KEY has changed meanwhile: another one can be drawn
        return _secret(factor, secret_key)
    return None


def address(secret: str, email: str) -> str:
    """Return the address `otpauth://…` by which an app learns the secret."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_STUDIO)


def enable(session: Session, user_id: int, secret_key: str, code: str) -> list[str]:
    """Turn the factor on with the first code of the app; returns recovery codes, which are shown once.

    Raises Forbidden for a wrong code, and Conflict if no secret waits for one.
    """
    with write_transaction(session):
        factor = _locked(session, user_id)
        if factor is None or factor.enabled_at is not None:
            raise Conflict(gettext("There is no second factor to confirm: begin again."))
        if not _accept(factor, secret_key, code):
            raise Forbidden(gettext(_WRONG))
        factor.enabled_at = now()
        codes = recovery_codes.renew(session, user_id)
        audit.record(session, user_id, "second_factor.enabled", f"user {user_id}")
    return codes


def check(session: Session, user_id: int, secret_key: str, code: str) -> int | None:
    """Accept a code of the app or a recovery code, each good once; raises Forbidden for any other.

    Returns how many recovery codes are left if one was used, else None.
    """
    with write_transaction(session):
        factor = _locked(session, user_id)
        if factor is None or factor.enabled_at is None:
            raise Forbidden(gettext(_WRONG))
        if recovery_codes.use(session, user_id, code):
            left = recovery_codes.left(session, user_id)
            audit.record(session, user_id, "recovery_code.used", f"user {user_id}", left=left)
            return left
        if not _accept(factor, secret_key, code):
            raise Forbidden(gettext(_WRONG))
    return None


def prove(session: Session, user_id: int, secret_key: str, given: str) -> None:
    """Raise Forbidden unless `given` is the person's password or a code that `check` accepts."""
    if matches(session.get_one(User, user_id).password_hash, given):
        return
    try:
        check(session, user_id, secret_key, given)
    except Forbidden:
        raise Forbidden(gettext("That is neither your password nor a code that can still be used.")) from None


def renew_codes(session: Session, user_id: int) -> list[str]:
    """Replace a person's recovery codes and return the new ones, shown once; raises Conflict without a factor."""
    with write_transaction(session):
        factor = _locked(session, user_id)
        if factor is None or factor.enabled_at is None:
            raise Conflict(gettext("There is no second factor that these codes could replace."))
        codes = recovery_codes.renew(session, user_id)
        audit.record(session, user_id, "recovery_codes.renewed", f"user {user_id}")
    return codes


def remove(session: Session, by: int | None, user_id: int) -> User:
    """Take a person's second factor and recovery codes away; raises NotFound, and Conflict if there is no factor."""
    with write_transaction(session):
        user, factor = session.get(User, user_id), _locked(session, user_id)
        if user is None:
            raise NotFound(gettext("There is no user %(id)s.", id=user_id))
        if factor is None or factor.enabled_at is None:
            raise Conflict(gettext("%(email)s has no second factor.", email=user.email))
        session.delete(factor)
        recovery_codes.remove(session, user_id)
        audit.record(session, by, "second_factor.removed", f"user {user_id}")
    return user


def _locked(session: Session, user_id: int) -> SecondFactor | None:
    """Return the person's factor within the running transaction; of two requests with one code the second waits."""
    return session.get(SecondFactor, user_id, with_for_update=True)


def _accept(factor: SecondFactor, secret_key: str, code: str) -> bool:
    """Return whether the code is one of the present steps and none before it was used, and note that it is used."""
    import pyotp

    said = "".join(code.split()).encode()
    if len(said) != _DIGITS:
        return False
    app = pyotp.TOTP(_secret(factor, secret_key), digits=_DIGITS, interval=_STEP_SECONDS)
    present = _present_step()
    for step in (present + drift for drift in _DRIFT):
        if step > factor.last_step and secrets.compare_digest(app.generate_otp(step).encode(), said):
            factor.last_step = step
            return True
    return False


def _present_step() -> int:
    return int(time.time()) // _STEP_SECONDS


def _secret(factor: SecondFactor, secret_key: str) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _cipher(secret_key, factor.user_id).decrypt(factor.sealed_secret.encode()).decode()
    except InvalidToken:
        raise Conflict(
            gettext(
                "This studio's SECRET_KEY has changed, so codes of your app cannot be checked any more: use a recovery "
                "code, or ask an admin to remove your second factor."
            )
        ) from None


def _cipher(secret_key: str, user_id: int) -> Fernet:
    """Return the cipher of one person's secret: its key comes from SECRET_KEY by HKDF (RFC 5869)."""
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    purpose = f"second factor of user {user_id}".encode()
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret_key.encode())
    return Fernet(urlsafe_b64encode(key))
