"""The part of the API's description that is about what training runs learn from and measured: paths and shapes."""

from __future__ import annotations

from typing import Any

from app.routes.openapi_schemas import ref

_JSON = "application/json"
_PROBLEMS = {
    400: "The body cannot be read.",
    401: "No token, or one that is not known.",
    403: "This is for admins.",
    404: "There is no such run.",
    422: "What was sent cannot be used.",
}
_INTEGER = {"type": "integer"}
_STRING = {"type": "string"}
_DAY = {"type": "string", "format": "date"}


def _operation(summary: str, meaning: str, schema: str, *refusals: int, **more: Any) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    refused = {str(each): {"description": _PROBLEMS[each], "content": problem} for each in (401, 403, *refusals)}
    success = {"description": meaning, "content": {_JSON: {"schema": ref(schema)}}}
    return {"summary": f"{summary} For admins.", "responses": {"200": success, **refused}, **more}


PATHS: dict[str, Any] = {
    "/training-runs/preview": {
        "post": _operation(
            "What a run on clicks would train on, and how long it would take. Nothing is stored.",
            "The amount, and two sentences about it.",
            "RunPreview",
            400,
            422,
            requestBody={"required": True, "content": {_JSON: {"schema": ref("RunRequest")}}},
        )
    },
    "/training-runs/{run_id}/metrics": {
        "get": _operation(
            "The points of one metric of a run, at most 1,000 of them, and which metrics it has.",
            "The points.",
            "RunCurve",
            404,
            parameters=[
                {"name": "run_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}},
                {"name": "name", "in": "query", "schema": {"type": "string", "default": "loss"}},
            ],
        )
    },
}

SCHEMAS: dict[str, Any] = {
    "Selection": {
        "type": "object",
        "description": "Which of the clicks a run learns from; what is left out leaves nothing out.",
        "additionalProperties": False,
        "properties": {
            "people": {"type": "array", "items": _INTEGER, "description": "The ids of those who judged."},
            "sources": {"type": "array", "items": _STRING, "description": "Where the prompts came from."},
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
            "pairs": _INTEGER,
            "prompts": _INTEGER,
            "people": _INTEGER,
            "none_good": {
                "type": "integer",
                "description": "Screens of which none was good; only kto learns from them.",
            },
            "estimate": {
                "anyOf": [
                    {
                        "type": "object",
                        "description": "Seconds: the middle, and the range that past runs of the method suggest.",
                        "properties": dict.fromkeys(("seconds", "least", "greatest", "runs"), _INTEGER),
                    },
                    {"type": "null"},
                ]
            },
            "summary": _STRING,
            "duration": _STRING,
        },
    },
    "RunCurve": {
        "type": "object",
        "required": ["run", "name", "names", "points"],
        "properties": {
            "run": _INTEGER,
            "name": _STRING,
            "names": {"type": "array", "items": _STRING},
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
