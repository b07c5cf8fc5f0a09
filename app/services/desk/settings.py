"""One person's settings of the desk, with defaults for those that they never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from app.db import User, write_transaction
from app.errors import Invalid, NotFound


@dataclass(frozen=True)
class DeskSettings:
    """One person's settings.

    `blur` hides toxic texts until they are asked for (None: the studio's setting). `diff` marks the words in which a
    rewrite differs from its prompt. `toured` and `warned` record that the tour and the content warning were seen.
    `time_zone` is an IANA name: a person's day begins at their own midnight.
    """

    blur: bool | None = None
    diff: bool = True
    toured: bool = False
    warned: bool = False
    time_zone: str = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone; UTC if this machine does not know the stored one."""
        try:
            return _zone(self.time_zone)
        except Invalid:
            return ZoneInfo("UTC")

    def hides_texts(self, studio_blur: bool) -> bool:
        """Return whether toxic texts are hidden at first, given the studio's setting for everybody."""
        return studio_blur if self.blur is None else self.blur


def of(user: User) -> DeskSettings:
    """Return a person's settings."""
    known = {field.name for field in fields(DeskSettings)}
    return DeskSettings(**{name: value for name, value in user.settings.items() if name in known})


def read(session: Session, user_id: int) -> DeskSettings:
    """Return the settings of the person with that id; raises NotFound."""
    return of(_person(session, user_id))


def change(session: Session, user_id: int, values: Mapping[str, Any]) -> DeskSettings:
    """Store those settings and keep the others; raises Invalid for a wrong one, and then stores none."""
    for name, value in values.items():
        _check(name, value)
    with write_transaction(session):
        user = _person(session, user_id)
        session.refresh(user, with_for_update=True)  # other changes wait, and keep this one
        user.settings = {**user.settings, **values}
    return of(user)


def as_json(settings: DeskSettings) -> dict[str, Any]:
    """Return the settings by name."""
    return asdict(settings)


def _person(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return user


def _check(name: str, value: object) -> None:
    if name == "time_zone":
        _zone(value)
    elif name not in {field.name for field in fields(DeskSettings)}:
        raise Invalid(f"There is no setting {name!r} of a desk.")
    elif not isinstance(value, bool) and (name, value) != ("blur", None):
        raise Invalid(f"{name} must be true or false.")


def _zone(name: object) -> ZoneInfo:
    try:
        if isinstance(name, str) and 0 < len(name) <= 64:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, such as Europe
        pass
    raise Invalid("time_zone must be the name of a time zone, such as Europe/Berlin.")
