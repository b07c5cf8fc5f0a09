"""Domain exceptions, and the HTTP response of each.

    DomainError
    ├── Invalid        422   the request can be read, but not used
    ├── Malformed      400   the request cannot be read
    ├── NotSignedIn    401   nobody is signed in, or the token is unknown
    ├── Forbidden      403   this person may not do that
    ├── NotFound       404   there is no such thing (or it is not this person's)
    ├── Conflict       409   the request does not fit the present state
    ├── TooLarge       413   the request is larger than is accepted at once
    ├── NotReady       503   a part that is needed is not available yet
    ├── DiskFull       507   the request cannot be stored, and can be sent again once there is room
    └── Later                it can be asked again in a moment, and Retry-After says when
        ├── TooMany    429   this person asks for too much at once
        ├── Overloaded 503   everybody together does
        └── Away       503   a part that is needed does not answer now

`app/error_responses.py` turns each into a response.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from app.words import gettext

PROBLEM_JSON = "application/problem+json"


class DomainError(Exception):
    """A refusal; its text is one sentence for the person who made the request. `extra` joins the problem document."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, sentence: str, **extra: Any) -> None:
        super().__init__(sentence)
        self.extra = extra

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that the response has because of the refusal."""
        return {}


class Invalid(DomainError):
    """The request can be read, but not used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Malformed(DomainError):
    """The request cannot be read."""

    status = HTTPStatus.BAD_REQUEST


class NotSignedIn(DomainError):
    """Nobody is signed in, or the token is unknown."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(DomainError):
    """This person may not do that."""

    status = HTTPStatus.FORBIDDEN


class NotFound(DomainError):
    """There is no such thing, or it is not this person's."""

    status = HTTPStatus.NOT_FOUND


class Conflict(DomainError):
    """The request does not fit the present state."""

    status = HTTPStatus.CONFLICT


class TooLarge(DomainError):
    """The request is larger than is accepted at once."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NotReady(DomainError):
    """A part that is needed is not available yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class DiskFull(DomainError):
    """The request cannot be stored, and can be sent again once there is room."""

    status = HTTPStatus.INSUFFICIENT_STORAGE

    def __init__(self, sentence: str | None = None) -> None:
        usual = gettext("The disk is full, so nothing of this was stored. Try again once there is room.")
        super().__init__(sentence or usual)


class Later(DomainError):
    """The same can be asked again in a moment: after `again` seconds."""

    def __init__(self, sentence: str, *, again: int) -> None:
        super().__init__(sentence)
        self.again = again

    @property
    def headers(self) -> dict[str, str]:
        """Return when the same can be asked again."""
        return {"Retry-After": str(self.again)}


class TooMany(Later):
    """This person asks for too much at once."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Overloaded(Later):
    """Everybody together asks for too much at once."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Away(Later):
    """A part that is needed does not answer now: it starts again, or cannot be reached."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
