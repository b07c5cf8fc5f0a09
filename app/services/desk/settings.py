"""One person's settings of the desk, with defaults for those that they never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy.orm import Session

from app.db import User, write_transaction
from app.domain_errors import Invalid, NotFound
from app.schemas import reading
from app.schemas.reading import Sent
from app.words import N_, gettext

TIME_ZONE_FORMAT = "time-zone"
"""Format of a time zone's name in JSON Schemas."""
_NO_ZONE = N_("time_zone must be the name of a time zone, such as Europe/Berlin.")

Blur = Annotated[bool, Meta(description="Hide toxic texts until they are asked for; null: as the studio has it.")]
Diff = Annotated[
    bool,
    Meta(description="Mark where every rewrite differs from its source, and not only the one that is pointed at."),
]
Toured = Annotated[bool, Meta(description="The tour was taken or declined.")]
Warned = Annotated[bool, Meta(description="The content warning was read.")]
TextSize = Annotated[Literal["normal", "large", "larger"], Meta(description="How large texts are on the desk.")]
Width = Annotated[Literal["normal", "narrow", "wide"], Meta(description="How much of a wide window the desk takes.")]
Font = Annotated[
    Literal["usual", "distinct"], Meta(description="Letters as usual, or easier to tell apart and wider set.")
]
TimeZone = Annotated[
    str,
    Meta(
        description="IANA name; a day of work begins at its midnight.",
        extra_json_schema={"format": TIME_ZONE_FORMAT},
        extra={"refusal": _NO_ZONE},
    ),
]
Theme = Annotated[
    Literal["system", "light", "dark"], Meta(description="Colours of every page; system: as the device has it.")
]

Language = Annotated[
    str,
    Meta(pattern=r"^([a-z]{2,3})?$", description="Code of the language of every page; empty: as the browser asks."),
]


class DeskChange(Sent, frozen=True):
    """The settings of a desk to change; the others stay."""

    unknown: ClassVar[str] = N_("There is no setting {name!r} of a desk.")

    blur: Blur | UnsetType | None = UNSET
    diff: Diff | UnsetType = UNSET
    toured: Toured | UnsetType = UNSET
    warned: Warned | UnsetType = UNSET
    text_size: TextSize | UnsetType = UNSET
    width: Width | UnsetType = UNSET
    font: Font | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    theme: Theme | UnsetType = UNSET
    language: Language | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check that the time zone is one; raises Invalid."""
        if self.time_zone is not UNSET:
            zone_of(self.time_zone)


@dataclass(frozen=True)
class DeskSettings:
    """One person's settings.

    `blur` hides toxic texts until they are asked for (None: the studio's setting). `diff` marks the words in which
    every rewrite differs from its prompt; else they are marked in the one that is pointed at. `toured` and `warned`
    record that the tour and the content warning were seen. `text_size`, `width` and `font` say how the
    desk looks. `time_zone` is an IANA name: a person's day begins at their own midnight. `theme` are the colours and
    `language` is the language of every page.
    """

    blur: bool | None = None
    diff: bool = False
    toured: bool = False
    warned: bool = False
    text_size: str = "normal"
    width: str = "normal"
    font: str = "usual"
    time_zone: str = "UTC"
    theme: Theme = "system"
    language: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone; UTC if this machine does not know the stored one."""
        try:
            return zone_of(self.time_zone)
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
    reading.read(DeskChange, values)
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
        raise NotFound(gettext("There is no user %(id)s.", id=user_id))
    return user


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of that name; raises Invalid."""
    try:
        if 0 < len(name) <= 64:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, such as Europe
        pass
    raise Invalid(gettext(_NO_ZONE))
