"""The part of the API's description that is about what training runs learn from and measured: paths and shapes."""

from __future__ import annotations

from typing import Any

from app.api.openapi_parts import ADMIN, FORM, INTEGER, JSON, STRING, number_in_path, operation, ref, reply

_DAY = {"type": "string", "format": "date"}
_RETRAIN_FORM = {
    "type": "object",
    "description": "The fields of the Retrain form on the Training page; an empty one leaves what is usual.",
    "properties": {"method": STRING, "parent_version": STRING},
    "additionalProperties": STRING,
}


def _operation(summary: str, meaning: str, schema: str, *refusals: int, **more: Any) -> dict[str, Any]:
    return operation(f"{summary} {ADMIN}", {"200": reply(meaning, ref(schema))}, *refusals, **more)


PATHS: dict[str, Any] = {
    "/training-runs/preview": {
        "post": _operation(
            "What a run on clicks would train on, and how long it would take. Nothing is stored.",
            "The amount, and two sentences about it.",
            "RunPreview",
            400,
            422,
            body={JSON: {"schema": ref("RunRequest")}, FORM: {"schema": _RETRAIN_FORM}},
        )
    },
    "/training-runs/{run_id}/metrics": {
        "get": _operation(
            "The points of one metric of a run, at most 1,000 of them, and which metrics it has.",
            "The points.",
            "RunCurve",
            404,
            parameters=(
                number_in_path("run_id"),
                {"name": "name", "in": "query", "schema": {"type": "string", "default": "loss"}},
            ),
        )
    },
}

SCHEMAS: dict[str, Any] = {
    "Selection": {
        "type": "object",
        "description": "Which of the clicks a run learns from; what is left out leaves nothing out.",
        "additionalProperties": False,
        "properties": {
            "people": {"type": "array", "items": INTEGER, "description": "The ids of those who judged."},
            "sources": {"type": "array", "items": STRING, "description": "Where the prompts came from."},
            "from_day": {**_DAY, "description": "In UTC, included."},
            "to_day": {**_DAY, "description": "In UTC, included."},
            "min_agreement": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "On prompts that several people judged, the least share of them that gave the answer.",
            },
        },
    },
    "RunPreview": {
        "type": "object",
        "required": ["judgments", "pairs", "prompts", "people", "none_good", "estimate", "summary", "duration"],
        "properties": {
            "judgments": {"type": "integer", "description": "Those that yield pairs."},
            "pairs": INTEGER,
            "prompts": INTEGER,
            "people": INTEGER,
            "none_good": {
                "type": "integer",
                "description": "Screens of which none was good; only kto learns from them.",
            },
            "estimate": {
                "anyOf": [
                    {
                        "type": "object",
                        "description": "Seconds: the middle, and the range that past runs of the method suggest.",
                        "properties": dict.fromkeys(("seconds", "least", "greatest", "runs"), INTEGER),
                    },
                    {"type": "null"},
                ]
            },
            "summary": STRING,
            "duration": STRING,
        },
    },
    "RunCurve": {
        "type": "object",
        "required": ["run", "name", "names", "points"],
        "properties": {
            "run": INTEGER,
            "name": STRING,
            "names": {"type": "array", "items": STRING},
            "points": {
                "type": "array",
                "items": {
                    "type": "array",
                    "description": "Step and value.",
                    "items": {"type": "number"},
                    "minItems": 2,
                    "maxItems": 2,
                },
            },
        },
    },
}
