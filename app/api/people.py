"""Types of the API of one's own tokens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from app.api.kinds import Time
from app.db import Scope
from app.schemas.kinds import NOT_BLANK
from app.schemas.reading import Sent
from app.services.people.api_tokens import LONGEST_NAME, MOST_DAYS, USUAL_DAYS

_NOT_SCOPES = f"Choose at least one scope: {', '.join(Scope)}."
_NOT_NAMED = f"Name what will use the token, in at most {LONGEST_NAME} characters."
_NOT_DAYS = f"A token may be good for 1 to {MOST_DAYS} days, or have no end."
_Scopes = Annotated[list[Scope], Meta(min_length=1, extra={"refusal": _NOT_SCOPES})]


class TokenRequest(Sent, frozen=True):
    """A token of one's own: what will use it, what for, and for how many days; null is for one without an end."""

    name: Annotated[str, Meta(max_length=LONGEST_NAME, pattern=NOT_BLANK, extra={"refusal": _NOT_NAMED})]
    scopes: _Scopes
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS, extra={"refusal": _NOT_DAYS})] | None = USUAL_DAYS


class Token(Struct):
    """A token, without its secret."""

    id: int
    name: str
    scopes: _Scopes
    created_at: Time
    expires_at: Time | None
    last_used_at: Annotated[Time, Meta(description="Noted at most once a minute.")] | None
    revoked_at: Time | None


class NewToken(Token):
    """A token with its secret, which is shown once."""

    token: Annotated[str, Meta(description="mellow_ and 256 bits in base64.")]
