"""Types of the API of webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.kinds import Anything, Time
from app.schemas.kinds import LARGEST_ID, one_of
from app.schemas.reading import Sent
from app.services.system.webhooks import EVENTS, LONGEST_URL, URL
from app.words import N_

_Event = Annotated[
    str, one_of(EVENTS), Meta(extra={"refusal": f"There is no event {{value!r}}: choose among {', '.join(EVENTS)}."})
]
_Events = Annotated[
    list[_Event],
    Meta(min_length=1, extra={"refusal": N_("events must be a list."), "bounds": N_("Choose at least one event.")}),
]
_Address = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
_Url = Annotated[
    str,
    Meta(
        extra_json_schema={
            "format": "uri",
            "maxLength": LONGEST_URL,
            "pattern": URL,
        },
        extra={"refusal": f"The address must be a text of at most {LONGEST_URL} characters."},
    ),
]


class WebhookRequest(Sent, frozen=True):
    """An address, and the events that it is told of; all of them if `events` is left out."""

    url: _Url
    events: _Events | UnsetType = UNSET


class WebhookChange(Sent, frozen=True):
    """Switch for sending messages."""

    active: bool


class LogQuery(Sent, frozen=True):
    """A page of the log."""

    before: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=LARGEST_ID,
                description="The id that the last page ended with.",
                extra={"refusal": N_("before must be the id of a message.")},
            ),
        ]
        | None
    ) = None


class Webhook(Struct):
    """A webhook, without its secret."""

    id: int
    url: _Address
    events: _Events
    active: bool
    created_at: Time


class NewWebhook(Webhook):
    """A webhook with its secret, which is shown once."""

    secret: Annotated[str, Meta(description="whsec_ and 256 bits in base64.")]


class Payload(Struct):
    """Message to a webhook."""

    type: str
    timestamp: Time
    data: Anything


class Delivery(Struct):
    """A message, and what became of it."""

    id: int
    webhook_id: int
    message_id: Annotated[str, Meta(description="The webhook-id header, the same at every attempt.")]
    event: str
    payload: Payload
    status: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_attempt_at: Time | None
    response_status: int | None
    error: str | None
    created_at: Time
    delivered_at: Time | None
