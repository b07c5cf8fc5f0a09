"""The part of the API's description that is about one's own desk: paths and shapes, merged into the whole."""

from __future__ import annotations

from typing import Any

from app.api.openapi_parts import JSON, NUMBER, STRING, maybe, operation, ref, reply


def _operation(summary: str, meaning: str, schema: str, *refusals: int, body: str | None = None) -> dict[str, Any]:
    sent = None if body is None else {JSON: {"schema": ref(body)}}
    return operation(summary, {"200": reply(meaning, ref(schema))}, *refusals, body=sent)


PATHS: dict[str, Any] = {
    "/me": {
        "get": _operation("Who one is, the settings of one's desk, and today's work", "Oneself.", "Me"),
        "patch": _operation(
            "Change settings of one's own desk", "Oneself, as changed.", "Me", 400, 422, body="MeChange"
        ),
    },
    "/guidelines": {"get": _operation("What makes a good rewrite", "The guidelines.", "Guidelines")},
    "/guidelines/preview": {
        "post": _operation(
            "Markdown as the guidelines would show it; nothing is stored. For admins.",
            "What it looks like.",
            "Guidelines",
            400,
            422,
            body="GuidelinesPreview",
        )
    },
}

_WHOLE = {"type": "integer", "minimum": 0}
_MAYBE_NUMBER = maybe(NUMBER)
_MARKDOWN = {"type": "string", "maxLength": 20_000}
_SETTINGS = {
    "blur": {
        "anyOf": [{"type": "boolean"}, {"type": "null"}],
        "description": "Hide toxic texts until they are asked for; null: as the studio has it.",
    },
    "diff": {"type": "boolean", "description": "Mark where a rewrite differs from its source."},
    "toured": {"type": "boolean", "description": "The tour was taken or declined."},
    "warned": {"type": "boolean", "description": "The content warning was read."},
    "time_zone": {"type": "string", "description": "IANA name; a day of work begins at its midnight."},
}


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


SCHEMAS: dict[str, Any] = {
    "DeskSettings": {"type": "object", "properties": _SETTINGS, "additionalProperties": False},
    "MeChange": _object(("settings",), settings=ref("DeskSettings")),
    "Me": _object(
        ("id", "email", "name", "role", "settings", "today", "sitting", "streak_days"),
        id=_WHOLE,
        email=STRING,
        name=STRING,
        role=STRING,
        settings=ref("DeskSettings"),
        today=_object(
            ("judged", "seconds", "per_minute"),
            judged=_WHOLE,
            seconds={"type": "number", "description": "Spent looking, at most two minutes a screen."},
            per_minute=_MAYBE_NUMBER,
        ),
        sitting=_object(
            ("judged", "minutes"),
            judged=_WHOLE,
            minutes={"type": "integer", "description": "Since the first judgment after a pause of half an hour."},
        ),
        streak_days={"type": "integer", "description": "Days in a row with a judgment, up to today or yesterday."},
    ),
    "Guidelines": _object(
        ("markdown", "html"), markdown=_MARKDOWN, html={"type": "string", "description": "Cleaned: safe to show."}
    ),
    "GuidelinesPreview": _object(("markdown",), markdown=_MARKDOWN),
}
