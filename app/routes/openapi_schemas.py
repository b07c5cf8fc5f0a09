"""The shapes that the API takes and gives, as JSON Schema."""

from __future__ import annotations

from typing import Any

from app.db import RunStatus, Verdict
from app.services import runs
from models.click_options import SETTINGS


def ref(name: str) -> dict[str, str]:
    """A reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_INTEGER = {"type": "integer"}
_STRING = {"type": "string"}
_NUMBER = {"type": "number"}
_BOOLEAN = {"type": "boolean"}
_FREE = {"type": "object"}
_TIME = {"type": "string", "format": "date-time"}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


SCHEMAS: dict[str, Any] = {
    "Problem": _object(
        ("type", "title", "status", "detail"),
        type=_STRING,
        title=_STRING,
        status=_INTEGER,
        detail={"type": "string", "description": "One sentence for the person who asked."},
    ),
    "Id": _object(("id",), id=_INTEGER),
    "GenerationRequest": {
        "oneOf": [
            _object(("text",), text={"type": "string", "minLength": 1}),
            _object(
                ("from",),
                **{
                    "from": {"const": "queue"},
                    "shown": {
                        "type": "array",
                        "items": _INTEGER,
                        "maxItems": 100,
                        "description": "Screens on the desk already, which must not come again.",
                    },
                },
            ),
        ]
    },
    "Generation": _object(
        ("id", "text", "version", "candidates", "exhausted"),
        id=_INTEGER,
        text=_STRING,
        version=_maybe(_INTEGER),
        candidates={"type": "array", "maxItems": 3, "items": _object(("id", "text"), id=_INTEGER, text=_STRING)},
        exhausted={"type": "boolean", "description": "The model could not write three different rewrites."},
    ),
    "JudgmentRequest": _object(
        ("generation_id", "verdict"),
        generation_id=_INTEGER,
        verdict={"enum": [str(verdict) for verdict in Verdict]},
        candidate_id={"type": "integer", "description": "The chosen one, with a verdict of chosen."},
        edited_text={"type": "string", "description": "The better text, with a verdict of edited."},
        seconds={"type": "number", "minimum": 0, "description": "How long the person looked."},
        tied={
            "type": "array",
            "items": _INTEGER,
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
                _STRING,
                _object(
                    ("text",),
                    text=_STRING,
                    priority=_INTEGER,
                    overlap=_INTEGER,
                    gold=_STRING,
                    gold_wrong={"type": "array", "items": _STRING},
                ),
            ],
        },
    },
    "ImportReport": _object(
        ("added", "duplicates", "rejected"),
        added=_INTEGER,
        duplicates=_INTEGER,
        rejected={"type": "array", "items": _object(("line", "reason"), line=_INTEGER, reason=_STRING)},
    ),
    "Dataset": _object(
        ("sha256", "rows", "pairs", "sources", "duplicates", "problem_count", "problems", "notes", "sample"),
        sha256={"type": "string", "description": "Of the format's extension, a line break and the content."},
        rows=_INTEGER,
        pairs={"type": "integer", "description": "A row with three references is three pairs."},
        sources=_INTEGER,
        dev_sources={"type": "integer", "description": "Held out at the default dev_split."},
        duplicates={"type": "integer", "description": "Pairs that repeat an earlier one; each is used once."},
        problem_count={"type": "integer", "description": "Rows that are left out."},
        problems={
            "type": "array",
            "maxItems": 20,
            "items": _object(("line", "reason"), line=_INTEGER, reason=_STRING),
        },
        notes={"type": "array", "items": _STRING, "description": "How the file was understood, where that is open."},
        sample={
            "type": "array",
            "items": _object(
                ("line", "source", "references"),
                line=_INTEGER,
                source=_STRING,
                references={"type": "array", "items": _STRING},
            ),
        },
    ),
    "RunRequest": _object(
        ("method",),
        method={"enum": list(runs.METHODS)},
        config={
            "type": "object",
            "description": f"For dpo, settings by TRL's names, over a preset: {', '.join(runs.PRESETS)}. For orpo and "
            "kto, settings by TRL's names, without presets: "
            f"{', '.join(SETTINGS)}. `loss_type`, `desirable_weight` and `undesirable_weight` are kto's. For sft, "
            "`dataset` (the sha256 that POST /datasets gave), `version` or `model_name_or_path` to start from "
            "(neither: the checkpoint that comes with Mellow), `source_column`, `target_column`, `serve` (true unless "
            "given), and settings by the names of transformers' Seq2SeqTrainingArguments.",
        },
        selection=ref("Selection"),
        parent_version={
            "type": "integer",
            "description": "The version to start from; left out: the one that serves when the run begins. Not for sft.",
        },
    ),
    "RunReceipt": _object(("id", "status"), id=_INTEGER, status={"enum": [str(status) for status in RunStatus]}),
    "Run": _object(
        ("id", "status", "stage", "method", "step", "total_steps"),
        id=_INTEGER,
        status={"enum": [str(status) for status in RunStatus]},
        stage=_STRING,
        method=_STRING,
        config=_FREE,
        selection=ref("Selection"),
        position={**_maybe(_INTEGER), "description": "How many runs come before it; null when it has ended."},
        pairs=_INTEGER,
        step=_INTEGER,
        total_steps=_INTEGER,
        eta_seconds=_maybe(_NUMBER),
        attempts=_INTEGER,
        parent_version=_maybe(_INTEGER),
        produced_version=_maybe(_INTEGER),
        cancelling=_BOOLEAN,
        error=_maybe(_STRING),
        note=_maybe(_STRING),
        created_at=_TIME,
        started_at=_maybe(_TIME),
        finished_at=_maybe(_TIME),
    ),
    "Version": _object(
        ("number", "parent", "method", "metrics", "serving"),
        number=_INTEGER,
        parent=_maybe(_INTEGER),
        run_id=_maybe(_INTEGER),
        method=_STRING,
        metrics={
            "type": "object",
            "description": "The figures that decided whether it may serve, and of its training.",
        },
        evaluation=_maybe(ref("Evaluation")),
        sha256=_STRING,
        serving=_BOOLEAN,
        note=_STRING,
        created_at=_TIME,
        deleted_at={**_maybe(_TIME), "description": "When its files were removed; null while they are there."},
    ),
    "Evaluation": _object(
        (),
        problem={"type": "string", "description": "Why there is no evaluation; then there is nothing else."},
        measured_with={
            "type": "integer",
            "description": "The version in whose training this one was measured, where that was not its own.",
        },
        test_set=_object(("name", "sha256", "texts"), name=_STRING, sha256=_STRING, texts=_INTEGER),
        scorers={
            "type": "object",
            "description": "Role to scorer; figures of different scorers cannot be compared.",
            "additionalProperties": _object(("name", "version"), name=_STRING, version=_STRING),
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
                    "of": _STRING,
                    "with": _STRING,
                    "figures": {"type": "object", "additionalProperties": ref("Difference")},
                },
            ),
        },
        clicks={"type": "object", "description": "The same on clicks that were held out of training, or a note."},
        sampling=_FREE,
        bootstrap=_FREE,
        signatures=_FREE,
        format=_INTEGER,
    ),
    "Estimate": _object(("value", "low", "high", "texts"), value=_NUMBER, low=_NUMBER, high=_NUMBER, texts=_INTEGER),
    "Difference": _object(
        ("value", "low", "high", "differs"),
        value=_NUMBER,
        low=_NUMBER,
        high=_NUMBER,
        differs={"type": "boolean", "description": "Whether the interval leaves out zero."},
    ),
    "ServingAlias": _object(("version",), version=_INTEGER),
}
