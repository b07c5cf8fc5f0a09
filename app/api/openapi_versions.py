"""The part of the API's description that is about single versions and webhooks: paths and shapes."""

from __future__ import annotations

from typing import Any

from app.api.openapi_parts import ADMIN, INTEGER, JSON, STRING, TIME, maybe, number_in_path, operation, ref, reply
from app.services.system import deliveries, webhooks
from app.services.versions import versions


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(name)}


def _operation(
    summary: str,
    success: tuple[int, str, dict[str, Any] | None],
    *refusals: int,
    body: dict[str, Any] | None = None,
    media: str = JSON,
    **more: Any,
) -> dict[str, Any]:
    status, meaning, schema = success
    sent = None if body is None else {JSON: {"schema": body}}
    return operation(f"{summary}. {ADMIN}", {str(status): reply(meaning, schema, media)}, *refusals, body=sent, **more)


VERSION_OPERATIONS: dict[str, Any] = {
    "patch": _operation(
        "Write a version's note",
        (200, "The version.", ref("Version")),
        400,
        404,
        422,
        body=ref("VersionChange"),
        parameters=(number_in_path("number"),),
    ),
    "delete": _operation(
        "Delete a version's files for ever. Refused for the version that serves and for one that an active run starts "
        "from",
        (204, "Deleted.", None),
        404,
        409,
        422,
        503,
        parameters=(
            number_in_path("number"),
            {
                "name": "confirm",
                "in": "query",
                "required": True,
                "schema": INTEGER,
                "description": "The version's number once more.",
            },
        ),
    ),
}
"""To be merged into `/versions/{number}`."""

PATHS: dict[str, Any] = {
    "/versions/{number}/generations": {
        "post": _operation(
            "Draw rewrites by any version, to look at: nothing is stored",
            (200, "What that version writes.", ref("Trial")),
            400,
            404,
            409,
            422,
            503,
            body=ref("TrialRequest"),
            parameters=(number_in_path("number"),),
        )
    },
    "/versions/{number}/checkpoint": {
        "get": _operation(
            "Download a version: its manifest, safetensors, tokenizer, and the adapter where there is one",
            (200, "A tar archive.", {"type": "string", "format": "binary"}),
            404,
            409,
            503,
            parameters=(number_in_path("number"),),
            media="application/x-tar",
        )
    },
    "/webhooks": {
        "get": _operation("Every webhook, without its secret", (200, "Webhooks.", _list("Webhook"))),
        "post": _operation(
            "Tell an address of events. The answer holds the secret that messages are signed with; it is shown once",
            (201, "The webhook.", ref("NewWebhook")),
            400,
            409,
            422,
            body=ref("WebhookRequest"),
        ),
    },
    "/webhooks/{webhook_id}": {
        "patch": _operation(
            "Pause a webhook, or let it go on",
            (200, "The webhook.", ref("Webhook")),
            400,
            404,
            422,
            body=ref("WebhookChange"),
            parameters=(number_in_path("webhook_id"),),
        ),
        "delete": _operation(
            "Forget a webhook and its secret", (204, "Removed.", None), 404, parameters=(number_in_path("webhook_id"),)
        ),
    },
    "/webhooks/{webhook_id}/test": {
        "post": _operation(
            f"Send a test message, an event of type {webhooks.TEST_EVENT}",
            (202, "The message, on its way.", ref("Delivery")),
            404,
            409,
            parameters=(number_in_path("webhook_id"),),
        )
    },
    "/webhook-deliveries": {
        "get": _operation(
            f"The delivery log, the newest first, {deliveries.PAGE} at a time",
            (200, "Messages.", _list("Delivery")),
            422,
            parameters=(
                {
                    "name": "before",
                    "in": "query",
                    "schema": INTEGER,
                    "description": "The id that the last page ended with.",
                },
            ),
        )
    },
    "/webhook-deliveries/{delivery_id}/resend": {
        "post": _operation(
            "Send a message again, with the same message id",
            (202, "The message, on its way.", ref("Delivery")),
            404,
            409,
            parameters=(number_in_path("delivery_id"),),
        )
    },
}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_EVENTS = {"type": "array", "minItems": 1, "items": {"enum": list(webhooks.EVENTS)}}
_WEBHOOK = {
    "id": INTEGER,
    "url": {"type": "string", "format": "uri"},
    "events": _EVENTS,
    "active": {"type": "boolean"},
    "created_at": TIME,
}

SCHEMAS: dict[str, Any] = {
    "VersionChange": _object(("note",), note={"type": "string", "maxLength": versions.LONGEST_NOTE}),
    "TrialRequest": _object(("text",), text={"type": "string", "minLength": 1}),
    "Trial": _object(
        ("version", "text", "candidates", "exhausted", "milliseconds"),
        version=INTEGER,
        text=STRING,
        candidates={
            "type": "array",
            "maxItems": 3,
            "items": _object(
                ("text", "log_probability"),
                text=STRING,
                log_probability={"type": "number", "description": "Of the whole text, in nats."},
            ),
        },
        exhausted={"type": "boolean", "description": "The model could not write three different rewrites."},
        milliseconds={"type": "number"},
    ),
    "WebhookRequest": _object(("url",), url={"type": "string", "format": "uri"}, events=_EVENTS),
    "WebhookChange": _object(("active",), active={"type": "boolean"}),
    "Webhook": _object(tuple(_WEBHOOK), **_WEBHOOK),
    "NewWebhook": _object(
        (*_WEBHOOK, "secret"), **_WEBHOOK, secret={"type": "string", "description": "whsec_ and 256 bits in base64."}
    ),
    "Delivery": _object(
        ("id", "webhook_id", "message_id", "event", "payload", "status", "attempts"),
        id=INTEGER,
        webhook_id=INTEGER,
        message_id={"type": "string", "description": "The webhook-id header, the same at every attempt."},
        event=STRING,
        payload=_object(("type", "timestamp", "data"), type=STRING, timestamp=TIME, data={"type": "object"}),
        status={"enum": ["waiting", "delivered", "failed"]},
        attempts=INTEGER,
        next_attempt_at=maybe(TIME),
        response_status=maybe(INTEGER),
        error=maybe(STRING),
        created_at=TIME,
        delivered_at=maybe(TIME),
    ),
}
