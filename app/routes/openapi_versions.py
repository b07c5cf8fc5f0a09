"""The part of the API's description that is about single versions and webhooks: paths and shapes."""

from __future__ import annotations

from typing import Any

from app.routes.openapi_schemas import ref
from app.services import deliveries, versions, webhooks

_JSON = "application/json"
_PROBLEMS = {
    400: "The body cannot be read.",
    401: "No token, or one that is not known.",
    403: "This is for admins.",
    404: "There is no such thing.",
    409: "It does not fit the present state.",
    422: "What was sent cannot be used.",
    503: "The version's files cannot be used.",
}
_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}
_TIME = {"type": "string", "format": "date-time"}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _number(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(name)}


def _operation(
    summary: str,
    reply: tuple[int, str, dict[str, Any] | None],
    *refusals: int,
    body: dict[str, Any] | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
    media: str = _JSON,
) -> dict[str, Any]:
    status, meaning, schema = reply
    success: dict[str, Any] = {"description": meaning}
    if schema is not None:
        success["content"] = {media: {"schema": schema}}
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    replies = {str(each): {"description": _PROBLEMS[each], "content": problem} for each in (401, 403, *refusals)}
    operation: dict[str, Any] = {"summary": f"{summary}. For admins.", "responses": {str(status): success, **replies}}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": body}}}
    return operation


VERSION_OPERATIONS: dict[str, Any] = {
    "patch": _operation(
        "Write a version's note",
        (200, "The version.", ref("Version")),
        400,
        404,
        422,
        body=ref("VersionChange"),
        parameters=(_number("number"),),
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
            _number("number"),
            {
                "name": "confirm",
                "in": "query",
                "required": True,
                "schema": _INTEGER,
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
            parameters=(_number("number"),),
        )
    },
    "/versions/{number}/checkpoint": {
        "get": _operation(
            "Download a version: its manifest, safetensors, tokenizer, and the adapter where there is one",
            (200, "A tar archive.", {"type": "string", "format": "binary"}),
            404,
            409,
            503,
            parameters=(_number("number"),),
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
            parameters=(_number("webhook_id"),),
        ),
        "delete": _operation(
            "Forget a webhook and its secret", (204, "Removed.", None), 404, parameters=(_number("webhook_id"),)
        ),
    },
    "/webhooks/{webhook_id}/test": {
        "post": _operation(
            f"Send a test message, an event of type {webhooks.TEST_EVENT}",
            (202, "The message, on its way.", ref("Delivery")),
            404,
            409,
            parameters=(_number("webhook_id"),),
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
                    "schema": _INTEGER,
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
            parameters=(_number("delivery_id"),),
        )
    },
}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_EVENTS = {"type": "array", "minItems": 1, "items": {"enum": list(webhooks.EVENTS)}}
_WEBHOOK = {
    "id": _INTEGER,
    "url": {"type": "string", "format": "uri"},
    "events": _EVENTS,
    "active": {"type": "boolean"},
    "created_at": _TIME,
}

SCHEMAS: dict[str, Any] = {
    "VersionChange": _object(("note",), note={"type": "string", "maxLength": versions.LONGEST_NOTE}),
    "TrialRequest": _object(("text",), text={"type": "string", "minLength": 1}),
    "Trial": _object(
        ("version", "text", "candidates", "exhausted", "milliseconds"),
        version=_INTEGER,
        text=_STRING,
        candidates={
            "type": "array",
            "maxItems": 3,
            "items": _object(
                ("text", "log_probability"),
                text=_STRING,
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
        id=_INTEGER,
        webhook_id=_INTEGER,
        message_id={"type": "string", "description": "The webhook-id header, the same at every attempt."},
        event=_STRING,
        payload=_object(("type", "timestamp", "data"), type=_STRING, timestamp=_TIME, data={"type": "object"}),
        status={"enum": ["waiting", "delivered", "failed"]},
        attempts=_INTEGER,
        next_attempt_at=_maybe(_TIME),
        response_status=_maybe(_INTEGER),
        error=_maybe(_STRING),
        created_at=_TIME,
        delivered_at=_maybe(_TIME),
    ),
}
