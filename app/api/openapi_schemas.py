"""The shapes that the API takes and gives, as JSON Schema."""

from __future__ import annotations

from typing import Any

from app.api import setting_schemas
from app.api.openapi_parts import BOOLEAN, INTEGER, NUMBER, STRING, TIME, maybe, ref
from app.db import RunStatus, Verdict
from app.services.training import runs


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_FREE = {"type": "object"}
SCHEMAS: dict[str, Any] = {
    "Problem": _object(
        ("type", "title", "status", "detail"),
        type=STRING,
        title=STRING,
        status=INTEGER,
        detail={"type": "string", "description": "One sentence for the person who asked."},
    ),
    "Id": _object(("id",), id=INTEGER),
    "GenerationRequest": {
        "oneOf": [
            _object(("text",), text={"type": "string", "minLength": 1}),
            _object(
                ("from",),
                **{
                    "from": {"const": "queue"},
                    "shown": {
                        "type": "array",
                        "items": INTEGER,
                        "maxItems": 100,
                        "description": "Screens on the desk already, which must not come again.",
                    },
                },
            ),
        ]
    },
    "Generation": _object(
        ("id", "text", "version", "candidates", "exhausted"),
        id=INTEGER,
        text=STRING,
        version=maybe(INTEGER),
        candidates={"type": "array", "maxItems": 3, "items": _object(("id", "text"), id=INTEGER, text=STRING)},
        exhausted={"type": "boolean", "description": "The model could not write three different rewrites."},
    ),
    "JudgmentRequest": _object(
        ("generation_id", "verdict"),
        generation_id=INTEGER,
        verdict={"enum": [str(verdict) for verdict in Verdict]},
        candidate_id={"type": "integer", "description": "The chosen one, with a verdict of chosen."},
        edited_text={"type": "string", "description": "The better text, with a verdict of edited."},
        seconds={"type": "number", "minimum": 0, "description": "How long the person looked."},
        tied={
            "type": "array",
            "items": INTEGER,
            "minItems": 2,
            "description": "The candidates that are equally good, with a verdict of tie; left out: all of them.",
        },
        reason={"type": "string", "description": "Why, with a verdict of skipped."},
        flagged={"type": "boolean", "description": "An admin should look at it, with a verdict of skipped."},
        client_key={
            "type": "string",
            "format": "uuid",
            "description": "Your own name for this gesture. Sent again, it is the same judgment, even if undone since.",
        },
    ),
    "PromptList": {
        "type": "array",
        "items": {
            "oneOf": [
                STRING,
                _object(
                    ("text",),
                    text=STRING,
                    priority=INTEGER,
                    overlap=INTEGER,
                    gold=STRING,
                    gold_wrong={"type": "array", "items": STRING},
                ),
            ],
        },
    },
    "ImportReport": _object(
        ("added", "duplicates", "rejected"),
        added=INTEGER,
        duplicates=INTEGER,
        rejected={"type": "array", "items": _object(("line", "reason"), line=INTEGER, reason=STRING)},
    ),
    "Dataset": _object(
        ("sha256", "rows", "pairs", "sources", "duplicates", "problem_count", "problems", "notes", "sample"),
        sha256={"type": "string", "description": "Of the format's extension, a line break and the content."},
        rows=INTEGER,
        pairs={"type": "integer", "description": "A row with three references is three pairs."},
        sources=INTEGER,
        dev_sources={"type": "integer", "description": "Held out at the default dev_split."},
        duplicates={"type": "integer", "description": "Pairs that repeat an earlier one; each is used once."},
        problem_count={"type": "integer", "description": "Rows that are left out."},
        problems={
            "type": "array",
            "maxItems": 20,
            "items": _object(("line", "reason"), line=INTEGER, reason=STRING),
        },
        notes={"type": "array", "items": STRING, "description": "How the file was understood, where that is open."},
        sample={
            "type": "array",
            "items": _object(
                ("line", "source", "references"),
                line=INTEGER,
                source=STRING,
                references={"type": "array", "items": STRING},
            ),
        },
    ),
    "RunRequest": _object(
        ("method",),
        method={"enum": list(runs.METHODS)},
        config={"description": "The settings of the method.", "anyOf": [ref(name) for name in setting_schemas.SCHEMAS]},
        selection=ref("Selection"),
        parent_version={
            "type": "integer",
            "description": "The version to start from; left out: the one that serves when the run begins. Not for sft.",
        },
    ),
    "RunReceipt": _object(("id", "status"), id=INTEGER, status={"enum": [str(status) for status in RunStatus]}),
    "Run": _object(
        ("id", "status", "stage", "method", "step", "total_steps"),
        id=INTEGER,
        status={"enum": [str(status) for status in RunStatus]},
        stage=STRING,
        method=STRING,
        config=_FREE,
        selection=ref("Selection"),
        position={**maybe(INTEGER), "description": "How many runs come before it; null when it has ended."},
        pairs=INTEGER,
        step=INTEGER,
        total_steps=INTEGER,
        eta_seconds=maybe(NUMBER),
        attempts=INTEGER,
        parent_version=maybe(INTEGER),
        produced_version=maybe(INTEGER),
        cancelling=BOOLEAN,
        error=maybe(STRING),
        note=maybe(STRING),
        created_at=TIME,
        started_at=maybe(TIME),
        finished_at=maybe(TIME),
    ),
    "Version": _object(
        ("number", "parent", "method", "metrics", "serving"),
        number=INTEGER,
        parent=maybe(INTEGER),
        run_id=maybe(INTEGER),
        method=STRING,
        metrics={
            "type": "object",
            "description": "The figures that decided whether it may serve, and of its training.",
        },
        evaluation=maybe(ref("Evaluation")),
        sha256=STRING,
        serving=BOOLEAN,
        note=STRING,
        created_at=TIME,
        deleted_at={**maybe(TIME), "description": "When its files were removed; null while they are there."},
    ),
    "Evaluation": _object(
        (),
        problem={"type": "string", "description": "Why there is no evaluation; then there is nothing else."},
        measured_with={
            "type": "integer",
            "description": "The version in whose training this one was measured, where that was not its own.",
        },
        test_set=_object(("name", "sha256", "texts"), name=STRING, sha256=STRING, texts=INTEGER),
        scorers={
            "type": "object",
            "description": "Role to scorer; figures of different scorers cannot be compared.",
            "additionalProperties": _object(("name", "version"), name=STRING, version=STRING),
        },
        systems={
            "type": "object",
            "description": "version, parent and the baselines; each has figures by name.",
            "additionalProperties": {"type": "object", "additionalProperties": ref("Estimate")},
        },
        comparisons={
            "type": "array",
            "items": _object(
                ("of", "with", "figures"),
                **{
                    "of": STRING,
                    "with": STRING,
                    "figures": {"type": "object", "additionalProperties": ref("Difference")},
                },
            ),
        },
        clicks={"type": "object", "description": "The same on clicks that were held out of training, or a note."},
        sampling=_FREE,
        bootstrap=_FREE,
        signatures=_FREE,
        format=INTEGER,
    ),
    "Estimate": _object(("value", "low", "high", "texts"), value=NUMBER, low=NUMBER, high=NUMBER, texts=INTEGER),
    "Difference": _object(
        ("value", "low", "high", "differs"),
        value=NUMBER,
        low=NUMBER,
        high=NUMBER,
        differs={"type": "boolean", "description": "Whether the interval leaves out zero."},
    ),
    "ServingAlias": _object(("version",), version=INTEGER),
}
