"""The API's own description: OpenAPI 3.1, written by hand so that it says what things mean.

A test holds it against the routes: each is described, and nothing else is.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.db import Verdict
from app.routes import openapi_data, openapi_desk, openapi_training, openapi_versions
from app.routes import openapi_schemas as schemas
from app.services import exports, initial_training

blueprint = Blueprint("openapi", __name__)

_JSON = "application/json"
_ADMIN = "For admins."


@blueprint.get("/openapi.json")
def document() -> ResponseReturnValue:
    """The description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mellow",
            "version": "1",
            "description": "Draw three rewrites of a text, say which is best, retrain, choose which version serves. "
            "Errors are RFC 9457 problem documents whose detail is one sentence.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": {
            **_PATHS,
            **openapi_data.PATHS,
            **openapi_desk.PATHS,
            **openapi_training.PATHS,
            **openapi_versions.PATHS,
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **schemas.SCHEMAS,
                **openapi_data.SCHEMAS,
                **openapi_desk.SCHEMAS,
                **openapi_training.SCHEMAS,
                **openapi_versions.SCHEMAS,
            },
        },
    }


def _reply(description: str, schema: dict[str, Any] | None = None, media: str = _JSON) -> dict[str, Any]:
    reply: dict[str, Any] = {"description": description}
    if schema is not None:
        reply["content"] = {media: {"schema": schema}}
    return reply


def _operation(
    summary: str,
    replies: dict[str, dict[str, Any]],
    *refusals: int,
    body: dict[str, Any] | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    """One operation; `refusals` are the statuses of its problem documents, besides 401 and 403."""
    problems = {str(status): _PROBLEM[status] for status in (401, 403, *refusals)}
    operation: dict[str, Any] = {"summary": summary, "responses": {**replies, **problems}}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


_PROBLEM = {
    status: _reply(meaning, schemas.ref("Problem"), "application/problem+json")
    for status, meaning in {
        400: "The body cannot be read.",
        401: "No token, or one that is not known.",
        403: "This person may not do that.",
        404: "There is no such thing, or it is not this person's.",
        409: "It does not fit the present state.",
        413: "More than is accepted at once.",
        422: "What was sent cannot be used.",
        503: "No version is loaded yet.",
    }.items()
}


def _number(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}


_RUN_ID = _number("run_id")
_PATHS: dict[str, Any] = {
    "/generations": {
        "post": _operation(
            "Draw rewrites of a text, or of the next prompt in the queue",
            {
                "201": _reply("The screen, in the order to show it.", schemas.ref("Generation")),
                "204": _reply("The queue holds nothing for this person."),
            },
            400,
            422,
            503,
            body={_JSON: {"schema": schemas.ref("GenerationRequest")}},
        )
    },
    "/judgments": {
        "post": _operation(
            f"Say what is best on one's own screen: {', '.join(Verdict)}",
            {"201": _reply("Stored; saying the same again yields the same id.", schemas.ref("Id"))},
            400,
            404,
            409,
            422,
            body={_JSON: {"schema": schemas.ref("JudgmentRequest")}},
        ),
        **openapi_data.JUDGMENTS_OPERATIONS,
    },
    "/judgments/{judgment_id}": {
        "delete": _operation(
            "Undo one's own judgment", {"204": _reply("Undone.")}, 404, parameters=(_number("judgment_id"),)
        )
    },
    "/preferences": {
        "get": _operation(
            f"Export standing preferences, all or those that a filter finds. {_ADMIN}",
            {
                "200": {
                    "description": "One record a line.",
                    "content": {
                        media: {"schema": {"type": "string"}} for media in ("application/x-ndjson", "text/csv")
                    },
                }
            },
            422,
            parameters=(
                {
                    "name": "format",
                    "in": "query",
                    "schema": {"type": "string", "enum": list(exports.FORMATS), "default": "trl"},
                },
                *openapi_data.JUDGMENT_FILTER,
            ),
        )
    },
    "/prompts": {
        "post": _operation(
            f"Queue texts for the annotators; rows that cannot be used are listed and the others kept. {_ADMIN}",
            {"201": _reply("What became of the rows.", schemas.ref("ImportReport"))},
            400,
            body={
                _JSON: {"schema": schemas.ref("PromptList")},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
                "text/tab-separated-values": {"schema": {"type": "string"}},
            },
        ),
        **openapi_data.PROMPTS_OPERATIONS,
    },
    "/datasets": {
        "post": _operation(
            f"Keep pairs for initial training, at most {initial_training.LARGEST_UPLOAD // 1024**2} MB, and say what "
            f"is in them. Rows that cannot be used are listed and left out. {_ADMIN}",
            {"201": _reply("What was found; sha256 names the data from now on.", schemas.ref("Dataset"))},
            400,
            413,
            422,
            body={media: {"schema": {"type": "string"}} for media in initial_training.CONTENT_TYPES},
            parameters=tuple(
                {"name": name, "in": "query", "schema": {"type": "string"}, "description": "Its name in the header."}
                for name in ("source_column", "target_column")
            ),
        )
    },
    "/training-runs": {
        "get": _operation(
            f"The latest runs, the newest first. {_ADMIN}",
            {"200": _reply("Runs.", {"type": "array", "items": schemas.ref("Run")})},
        ),
        "post": _operation(
            "Train: dpo, orpo and kto learn from the clicks, sft from uploaded pairs. Runs are carried out one after "
            f"the other; the same wish while its run is active yields that run. {_ADMIN}",
            {"202": _reply("The run that will do it.", schemas.ref("RunReceipt"))},
            400,
            404,
            409,
            422,
            body={_JSON: {"schema": schemas.ref("RunRequest")}},
        ),
    },
    "/training-runs/{run_id}": {
        "get": _operation(
            f"One run. {_ADMIN}", {"200": _reply("The run.", schemas.ref("Run"))}, 404, parameters=(_RUN_ID,)
        )
    },
    "/training-runs/{run_id}/events": {
        "get": _operation(
            f"A run, live, as server-sent events: run, metric, log, end. {_ADMIN}",
            {"200": _reply("The stream; Last-Event-ID resumes it.", {"type": "string"}, "text/event-stream")},
            404,
            parameters=(_RUN_ID,),
        )
    },
    "/training-runs/{run_id}/cancel": {
        "post": _operation(
            f"Stop a run, at once if it waits and within seconds if it works. {_ADMIN}",
            {"202": _reply("The run.", schemas.ref("Run"))},
            404,
            409,
            parameters=(_RUN_ID,),
        )
    },
    "/versions": {
        "get": _operation(
            f"All versions, the newest first. {_ADMIN}",
            {"200": _reply("Versions.", {"type": "array", "items": schemas.ref("Version")})},
        )
    },
    "/versions/{number}": {
        "get": _operation(
            f"One version. {_ADMIN}",
            {"200": _reply("The version.", schemas.ref("Version"))},
            404,
            parameters=(_number("number"),),
        ),
        **openapi_versions.VERSION_OPERATIONS,
    },
    "/aliases/serving": {
        "put": _operation(
            f"Let a version serve: promote a newer one or roll back to an older one. {_ADMIN}",
            {"200": _reply("The version that serves.", schemas.ref("ServingAlias"))},
            400,
            404,
            409,
            422,
            body={_JSON: {"schema": schemas.ref("ServingAlias")}},
        )
    },
    "/openapi.json": {
        "get": {
            "summary": "This document",
            "security": [],
            "responses": {"200": _reply("OpenAPI 3.1.", {"type": "object"})},
        }
    },
}
