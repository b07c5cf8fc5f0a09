"""The part of the API's description that is about data: paths and shapes, merged into the whole."""

from __future__ import annotations

from typing import Any

from app.db import Verdict
from app.routes.openapi_schemas import ref
from app.services.import_rows import LAYOUTS
from app.services.prompt_search import STATES

_JSON = "application/json"
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_ADMIN = "For admins."
_STRING = {"type": "string"}
_WHOLE = {"type": "integer"}
_BOOLEAN = {"type": "boolean"}
_PROBLEMS = {
    400: "The body or the file cannot be read.",
    401: "No token, or one that is not known.",
    403: "This person may not do that.",
    404: "There is no such thing.",
    409: "It does not fit the present state; `bytes` says how much of the file is there.",
    413: "More than is accepted.",
    422: "What was sent cannot be used.",
    503: "The file cannot be kept.",
}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _reply(description: str, schema: dict[str, Any], media: str = _JSON) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def _operation(
    summary: str,
    replies: dict[str, dict[str, Any]],
    *refusals: int,
    body: dict[str, Any] | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    problems = {str(one): {"description": _PROBLEMS[one], "content": problem} for one in (401, 403, *refusals)}
    operation: dict[str, Any] = {"summary": f"{summary} {_ADMIN}", "responses": {**replies, **problems}}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _query(name: str, description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema or _STRING}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_SWITCH = {"type": "string", "enum": ["yes", "no"]}
_LIMIT = _query("limit", "At most so many, 50 unless given.", {"type": "integer", "minimum": 1, "maximum": 500})
JUDGMENT_FILTER = (
    _query("person", "The id of who judged.", _WHOLE),
    _query("verdict", "What was said.", {"type": "string", "enum": [str(one) for one in Verdict]}),
    _query("since", "The first day, UTC.", {"type": "string", "format": "date"}),
    _query("until", "The last day, UTC.", {"type": "string", "format": "date"}),
    _query("text", "What the prompt, a rewrite, an edited text or a reason holds."),
    _query("flagged", "Whether it was flagged.", _SWITCH),
    _query("gold", "Whether it was an attention check.", _SWITCH),
    _query("version", "A version that wrote a rewrite on the screen.", _WHOLE),
    _query("source", "Where the prompt comes from."),
)
_UNDONE = _query(
    "undone", "Undone ones; only those that stand unless given.", {"type": "string", "enum": ["yes", "no", "any"]}
)
_PROMPT_FILTER = (
    _query("state", "Which prompts; the queue unless given.", {"type": "string", "enum": list(STATES)}),
    _query("text", "What the prompt holds."),
    _query("source", "Where it comes from."),
)
_UPLOAD = _path("upload_id", _STRING)
_COLUMNS = ("text", "priority", "gold", "gold_wrong", "overlap")

PATHS: dict[str, Any] = {
    "/imports": {
        "post": _operation(
            "Begin to send a file: CSV, TSV, JSON, JSON Lines or plain lines, also with .gz.",
            {"201": _reply("What is there; send the rest with PATCH.", ref("Upload"))},
            413,
            422,
            503,
            body=_BYTES,
            parameters=(_query("name", "The file's name; its ending tells the layout.") | {"required": True},),
        )
    },
    "/imports/{upload_id}": {
        "get": _operation(
            "Look into a file that was sent; nothing is stored.",
            {"200": _reply("What an import would do.", ref("ImportPreview"))},
            400,
            404,
            422,
            parameters=(
                _UPLOAD,
                _query("layout", "How it is laid out.", {"type": "string", "enum": list(LAYOUTS)}),
                _query("header", "Whether its first line names the columns.", _SWITCH),
                *(_query(name, "The column for it.") for name in _COLUMNS),
            ),
        ),
        "patch": _operation(
            "Send the next piece of a file.",
            {"200": _reply("What is there.", ref("Upload"))},
            404,
            409,
            413,
            422,
            503,
            body=_BYTES,
            parameters=(_UPLOAD, _query("offset", "Where the piece begins, in bytes.", _WHOLE) | {"required": True}),
        ),
        "post": _operation(
            "Store a file: queue its texts, take over its judgments, or both.",
            {
                "200": _reply(
                    "A line of JSON after each batch, each an ImportProgress; the last one is `done`.",
                    _STRING,
                    "application/x-ndjson",
                )
            },
            400,
            404,
            422,
            body={_JSON: {"schema": ref("ImportWish")}},
            parameters=(_UPLOAD,),
        ),
        "delete": _operation(
            "Forget a file that was sent.", {"204": {"description": "Forgotten."}}, parameters=(_UPLOAD,)
        ),
    },
    "/prompts/{prompt_id}": {
        "patch": _operation(
            "Change a prompt.",
            {"200": _reply("The prompt.", ref("Prompt"))},
            400,
            404,
            422,
            body={_JSON: {"schema": ref("PromptChange")}},
            parameters=(_path("prompt_id", _WHOLE),),
        )
    },
}
PROMPTS_OPERATIONS: dict[str, Any] = {
    "get": _operation(
        "Prompts: the queue in its order, anything else the newest first.",
        {"200": _reply("Prompts; `after` leads to the next ones.", ref("PromptPage"))},
        422,
        parameters=(
            *_PROMPT_FILTER,
            _LIMIT,
            _query("after_id", "Of the last page's `after`.", _WHOLE),
            _query("after_priority", "Of the last page's `after`.", _WHOLE),
        ),
    ),
    "patch": _operation(
        "Change all prompts that a filter finds.",
        {"200": _reply("How many.", _object(changed=_WHOLE))},
        400,
        422,
        body={_JSON: {"schema": ref("PromptsChange")}},
        parameters=_PROMPT_FILTER,
    ),
}
JUDGMENTS_OPERATIONS: dict[str, Any] = {
    "get": _operation(
        "Judgments of everybody, the newest first.",
        {"200": _reply("Judgments; send `before` for those before them.", ref("JudgmentPage"))},
        422,
        parameters=(*JUDGMENT_FILTER, _UNDONE, _LIMIT, _query("before", "Only ids below it.", _WHOLE)),
    )
}

_REFUSED = {"type": "array", "items": _object(line=_WHOLE, reason=_STRING)}
_TEXTS = {"type": "array", "items": _STRING}
_MAPPING = {"layout": {"enum": list(LAYOUTS)}, "header": _BOOLEAN} | dict.fromkeys(_COLUMNS, _STRING)
_CHANGE = {"priority": _WHOLE, "overlap": _maybe(_WHOLE), "queued": _BOOLEAN}
_GOLD = {"gold": _maybe(_STRING), "gold_wrong": _maybe(_TEXTS)}

SCHEMAS: dict[str, Any] = {
    "Upload": _object(id=_STRING, bytes=_WHOLE),
    "ImportPreview": _object(
        id=_STRING,
        name=_STRING,
        bytes=_WHOLE,
        mapping=_object(**_MAPPING),
        found=_object(columns=_TEXTS, format=_STRING, what=_STRING, judged=_BOOLEAN),
        rows={"type": "integer", "description": "Rows that were looked at; `complete` says whether that is all."},
        usable=_WHOLE,
        repeated=_WHOLE,
        known=_WHOLE,
        gold=_WHOLE,
        judgments=_WHOLE,
        bad=_WHOLE,
        complete=_BOOLEAN,
        problems=_REFUSED,
        sample={"type": "array", "items": {"type": "object"}},
    ),
    "ImportWish": {
        "type": "object",
        "required": ["layout", "text"],
        "properties": {
            **_MAPPING,
            "text": {"type": "string", "description": "A column, or @prompt: where the format keeps its prompt."},
            "source": {"type": "string", "maxLength": 200},
            "priority_of_all": _WHOLE,
            "overlap_of_all": _maybe(_WHOLE),
            "queue": _BOOLEAN,
            "judgments": _BOOLEAN,
        },
    },
    "ImportProgress": _object(
        fraction={"type": "number", "minimum": 0, "maximum": 1},
        rows=_WHOLE,
        added=_WHOLE,
        duplicates=_WHOLE,
        judgments=_WHOLE,
        rejected_count=_WHOLE,
        rejected=_REFUSED,
        done=_BOOLEAN,
        problem={"type": "string", "description": "Why the import broke off; what came before is stored."},
    ),
    "Prompt": _object(
        id=_WHOLE,
        text=_STRING,
        source=_STRING,
        judged_by=_WHOLE,
        wanted={"type": "integer", "description": "How many people are to judge it."},
        state={"enum": ["waiting", "begun", "done", "out", "attention check"]},
        **_CHANGE,
        **_GOLD,
    ),
    "PromptPage": _object(prompts={"type": "array", "items": ref("Prompt")}, after=_maybe({"type": "object"})),
    "PromptChange": _object(**_CHANGE, **_GOLD),
    "PromptsChange": _object(**_CHANGE),
    "FoundJudgment": _object(
        id=_WHOLE,
        person=_object(id=_WHOLE, name=_STRING),
        verdict={"enum": [str(one) for one in Verdict]},
        prompt=_object(id=_WHOLE, text=_STRING, source=_STRING),
        candidates={
            "type": "array",
            "items": _object(id=_WHOLE, text=_STRING, version=_maybe(_WHOLE), best=_BOOLEAN),
        },
        edited_text=_maybe(_STRING),
        reason=_maybe(_STRING),
        flagged=_BOOLEAN,
        gold=_BOOLEAN,
        right={"description": "Whether an attention check was passed.", **_maybe(_BOOLEAN)},
        seconds=_maybe({"type": "number"}),
        created_at={"type": "string", "format": "date-time"},
        undone_at=_maybe({"type": "string", "format": "date-time"}),
    ),
    "JudgmentPage": _object(judgments={"type": "array", "items": ref("FoundJudgment")}, before=_maybe(_WHOLE)),
}
