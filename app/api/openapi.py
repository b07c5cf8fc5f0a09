"""The API's own description: OpenAPI 3.1, written by hand so that it says what things mean.

A test holds it against the routes: each is described, and nothing else is.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.api import openapi_data, openapi_desk, openapi_training, openapi_versions, setting_schemas
from app.api import openapi_schemas as schemas
from app.api.openapi_parts import ADMIN, API_PREFIX, JSON, number_in_path, operation, ref, reply
from app.db import Verdict
from app.errors import Invalid
from app.services.exchange import exports
from app.services.training import initial_training
from app.version import VERSION

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def document() -> ResponseReturnValue:
    """The description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mellow",
            "version": VERSION,
            "description": "Draw three rewrites of a text, say which is best, retrain, choose which version serves. "
            "Errors are RFC 9457 problem documents whose detail is one sentence.",
        },
        "servers": [{"url": API_PREFIX}],
        "security": [{"token": []}],
        "paths": _PATHS,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **schemas.SCHEMAS,
                **setting_schemas.SCHEMAS,
                **openapi_data.SCHEMAS,
                **openapi_desk.SCHEMAS,
                **openapi_training.SCHEMAS,
                **openapi_versions.SCHEMAS,
            },
        },
    }


def refuse_unknown_parameters() -> None:
    """Raise Invalid for a parameter that the operation asked for does not have.

    A filter that is misspelt would otherwise be none, and mean everything.
    """
    rule = request.url_rule
    if not request.args or rule is None or not rule.rule.startswith(f"{API_PREFIX}/"):
        return
    path = _IN_PATH.sub(r"{\1}", rule.rule.removeprefix(API_PREFIX))
    described = _PATHS[path].get("get" if request.method == "HEAD" else request.method.lower(), {})
    known = [one["name"] for one in described.get("parameters", ()) if one["in"] == "query"]
    for name in request.args:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise Invalid(f"There is no parameter {name!r} here: {takes}.")


_IN_PATH = re.compile(r"<(?:\w+:)?(\w+)>")
_RUN_ID = number_in_path("run_id")
_PATHS: dict[str, Any] = {
    "/generations": {
        "post": operation(
            "Draw rewrites of a text, or of the next prompt in the queue",
            {
                "201": reply("The screen, in the order to show it.", ref("Generation")),
                "204": reply("The queue holds nothing for this person."),
            },
            400,
            422,
            503,
            body={JSON: {"schema": ref("GenerationRequest")}},
        )
    },
    "/judgments": {
        "post": operation(
            f"Say what is best on one's own screen: {', '.join(Verdict)}",
            {"201": reply("Stored; saying the same again yields the same id.", ref("Id"))},
            400,
            404,
            409,
            422,
            body={JSON: {"schema": ref("JudgmentRequest")}},
        ),
        **openapi_data.JUDGMENTS_OPERATIONS,
    },
    "/judgments/{judgment_id}": {
        "delete": operation(
            "Undo one's own judgment", {"204": reply("Undone.")}, 404, parameters=(number_in_path("judgment_id"),)
        )
    },
    "/preferences": {
        "get": operation(
            f"Export standing preferences, all or those that a filter finds. {ADMIN}",
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
        "post": operation(
            f"Queue texts for the annotators; rows that cannot be used are listed and the others kept. {ADMIN}",
            {"201": reply("What became of the rows.", ref("ImportReport"))},
            400,
            body={
                JSON: {"schema": ref("PromptList")},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
                "text/tab-separated-values": {"schema": {"type": "string"}},
            },
        ),
        **openapi_data.PROMPTS_OPERATIONS,
    },
    "/datasets": {
        "post": operation(
            f"Keep pairs for initial training, at most {initial_training.LARGEST_UPLOAD // 1024**2} MB, and say what "
            f"is in them. Rows that cannot be used are listed and left out. {ADMIN}",
            {"201": reply("What was found; sha256 names the data from now on.", ref("Dataset"))},
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
        "get": operation(
            f"The latest runs, the newest first. {ADMIN}",
            {"200": reply("Runs.", {"type": "array", "items": ref("Run")})},
        ),
        "post": operation(
            "Train: dpo, orpo and kto learn from the clicks, sft from uploaded pairs. Runs are carried out one after "
            f"the other; the same wish while its run is active yields that run. {ADMIN}",
            {"202": reply("The run that will do it.", ref("RunReceipt"))},
            400,
            404,
            409,
            422,
            body={JSON: {"schema": ref("RunRequest")}},
        ),
    },
    "/training-runs/{run_id}": {
        "get": operation(f"One run. {ADMIN}", {"200": reply("The run.", ref("Run"))}, 404, parameters=(_RUN_ID,))
    },
    "/training-runs/{run_id}/events": {
        "get": operation(
            f"A run, live, as server-sent events: run, metric, log, end. {ADMIN}",
            {"200": reply("The stream; Last-Event-ID resumes it.", {"type": "string"}, "text/event-stream")},
            404,
            parameters=(_RUN_ID,),
        )
    },
    "/training-runs/{run_id}/cancel": {
        "post": operation(
            f"Stop a run, at once if it waits and within seconds if it works. {ADMIN}",
            {"202": reply("The run.", ref("Run"))},
            404,
            409,
            parameters=(_RUN_ID,),
        )
    },
    "/versions": {
        "get": operation(
            f"All versions, the newest first. {ADMIN}",
            {"200": reply("Versions.", {"type": "array", "items": ref("Version")})},
        )
    },
    "/versions/{number}": {
        "get": operation(
            f"One version. {ADMIN}",
            {"200": reply("The version.", ref("Version"))},
            404,
            parameters=(number_in_path("number"),),
        ),
        **openapi_versions.VERSION_OPERATIONS,
    },
    "/aliases/serving": {
        "put": operation(
            f"Let a version serve: promote a newer one or roll back to an older one. {ADMIN}",
            {"200": reply("The version that serves.", ref("ServingAlias"))},
            400,
            404,
            409,
            422,
            body={JSON: {"schema": ref("ServingAlias")}},
        )
    },
    "/openapi.json": {
        "get": {
            "summary": "This document",
            "security": [],
            "responses": {"200": reply("OpenAPI 3.1.", {"type": "object"})},
        }
    },
    **openapi_data.PATHS,
    **openapi_desk.PATHS,
    **openapi_training.PATHS,
    **openapi_versions.PATHS,
}
