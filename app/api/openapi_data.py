"""The part of the API's description that is about data: paths and shapes, merged into the whole."""

from __future__ import annotations

from typing import Any

from app.api.openapi_parts import ADMIN, BOOLEAN, INTEGER, JSON, STRING, maybe, operation, ref, reply
from app.db import Verdict
from app.services.exchange.rows import LAYOUTS
from app.services.prompts.search import STATES

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def _operation(summary: str, *replies: Any, **more: Any) -> dict[str, Any]:
    return operation(f"{summary} {ADMIN}", *replies, **more)


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _query(name: str, description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema or STRING}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_SWITCH = {"type": "string", "enum": ["yes", "no"]}
_LIMIT = _query("limit", "At most so many, 50 unless given.", {"type": "integer", "minimum": 1, "maximum": 500})
JUDGMENT_FILTER = (
    _query("person", "The id of who judged.", INTEGER),
    _query("verdict", "What was said.", {"type": "string", "enum": [str(one) for one in Verdict]}),
    _query("since", "The first day, UTC.", {"type": "string", "format": "date"}),
    _query("until", "The last day, UTC.", {"type": "string", "format": "date"}),
    _query("text", "What the prompt, a rewrite, an edited text or a reason holds."),
    _query("flagged", "Whether it was flagged.", _SWITCH),
    _query("gold", "Whether it was an attention check.", _SWITCH),
    _query("version", "A version that wrote a rewrite on the screen.", INTEGER),
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
_UPLOAD = _path("upload_id", STRING)
_COLUMNS = ("text", "priority", "gold", "gold_wrong", "overlap")

PATHS: dict[str, Any] = {
    "/imports": {
        "post": _operation(
            "Begin to send a file: CSV, TSV, JSON, JSON Lines or plain lines, also with .gz.",
            {"201": reply("What is there; send the rest with PATCH.", ref("Upload"))},
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
            {"200": reply("What an import would do.", ref("ImportPreview"))},
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
            "Send the next piece of a file; where a piece does not fit, `bytes` in the refusal says how much is there.",
            {"200": reply("What is there.", ref("Upload"))},
            404,
            409,
            413,
            422,
            503,
            body=_BYTES,
            parameters=(_UPLOAD, _query("offset", "Where the piece begins, in bytes.", INTEGER) | {"required": True}),
        ),
        "post": _operation(
            "Store a file: queue its texts, take over its judgments, or both.",
            {
                "200": reply(
                    "A line of JSON after each batch, each an ImportProgress; the last one is `done`.",
                    STRING,
                    "application/x-ndjson",
                )
            },
            400,
            404,
            422,
            body={JSON: {"schema": ref("ImportWish")}},
            parameters=(_UPLOAD,),
        ),
        "delete": _operation(
            "Forget a file that was sent.", {"204": {"description": "Forgotten."}}, parameters=(_UPLOAD,)
        ),
    },
    "/prompts/{prompt_id}": {
        "patch": _operation(
            "Change a prompt.",
            {"200": reply("The prompt.", ref("Prompt"))},
            400,
            404,
            422,
            body={JSON: {"schema": ref("PromptChange")}},
            parameters=(_path("prompt_id", INTEGER),),
        )
    },
}
PROMPTS_OPERATIONS: dict[str, Any] = {
    "get": _operation(
        "Prompts: the queue in its order, anything else the newest first.",
        {"200": reply("Prompts; `after` leads to the next ones.", ref("PromptPage"))},
        422,
        parameters=(
            *_PROMPT_FILTER,
            _LIMIT,
            _query("after_id", "Of the last page's `after`.", INTEGER),
            _query("after_priority", "Of the last page's `after`.", INTEGER),
        ),
    ),
    "patch": _operation(
        "Change all prompts that a filter finds.",
        {"200": reply("How many.", _object(changed=INTEGER))},
        400,
        422,
        body={JSON: {"schema": ref("PromptsChange")}},
        parameters=_PROMPT_FILTER,
    ),
}
JUDGMENTS_OPERATIONS: dict[str, Any] = {
    "get": _operation(
        "Judgments of everybody, the newest first.",
        {"200": reply("Judgments; send `before` for those before them.", ref("JudgmentPage"))},
        422,
        parameters=(*JUDGMENT_FILTER, _UNDONE, _LIMIT, _query("before", "Only ids below it.", INTEGER)),
    )
}

_REFUSED = {"type": "array", "items": _object(line=INTEGER, reason=STRING)}
_TEXTS = {"type": "array", "items": STRING}
_MAPPING = {"layout": {"enum": list(LAYOUTS)}, "header": BOOLEAN} | dict.fromkeys(_COLUMNS, STRING)
_CHANGE = {"priority": INTEGER, "overlap": maybe(INTEGER), "queued": BOOLEAN}
_GOLD = {"gold": maybe(STRING), "gold_wrong": maybe(_TEXTS)}

SCHEMAS: dict[str, Any] = {
    "Upload": _object(id=STRING, bytes=INTEGER),
    "ImportPreview": _object(
        id=STRING,
        name=STRING,
        bytes=INTEGER,
        mapping=_object(**_MAPPING),
        found=_object(columns=_TEXTS, format=STRING, what=STRING, judged=BOOLEAN),
        rows={"type": "integer", "description": "Rows that were looked at; `complete` says whether that is all."},
        usable=INTEGER,
        repeated=INTEGER,
        known=INTEGER,
        gold=INTEGER,
        judgments=INTEGER,
        bad=INTEGER,
        complete=BOOLEAN,
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
            "priority_of_all": INTEGER,
            "overlap_of_all": maybe(INTEGER),
            "queue": BOOLEAN,
            "judgments": BOOLEAN,
        },
    },
    "ImportProgress": _object(
        fraction={"type": "number", "minimum": 0, "maximum": 1},
        rows=INTEGER,
        added=INTEGER,
        duplicates=INTEGER,
        judgments=INTEGER,
        rejected_count=INTEGER,
        rejected=_REFUSED,
        done=BOOLEAN,
        problem={"type": "string", "description": "Why the import broke off; what came before is stored."},
    ),
    "Prompt": _object(
        id=INTEGER,
        text=STRING,
        source=STRING,
        judged_by=INTEGER,
        wanted={"type": "integer", "description": "How many people are to judge it."},
        state={"enum": ["waiting", "begun", "done", "skipped", "out", "attention check"]},
        **_CHANGE,
        **_GOLD,
    ),
    "PromptPage": _object(prompts={"type": "array", "items": ref("Prompt")}, after=maybe({"type": "object"})),
    "PromptChange": _object(**_CHANGE, **_GOLD),
    "PromptsChange": _object(**_CHANGE),
    "FoundJudgment": _object(
        id=INTEGER,
        person=_object(id=INTEGER, name=STRING),
        verdict={"enum": [str(one) for one in Verdict]},
        prompt=_object(id=INTEGER, text=STRING, source=STRING),
        candidates={
            "type": "array",
            "items": _object(id=INTEGER, text=STRING, version=maybe(INTEGER), best=BOOLEAN),
        },
        edited_text=maybe(STRING),
        reason=maybe(STRING),
        flagged=BOOLEAN,
        gold=BOOLEAN,
        right={"description": "Whether an attention check was passed.", **maybe(BOOLEAN)},
        seconds=maybe({"type": "number"}),
        created_at={"type": "string", "format": "date-time"},
        undone_at=maybe({"type": "string", "format": "date-time"}),
    ),
    "JudgmentPage": _object(judgments={"type": "array", "items": ref("FoundJudgment")}, before=maybe(INTEGER)),
}
