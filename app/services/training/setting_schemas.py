"""The settings of each method as JSON Schema, of the names, bounds and choices that models.settings has for them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from app.services.training import setting_labels
from app.services.training.setting_labels import Setting
from models.settings.clicks import SETTINGS
from models.settings.dpo import PRESETS, SCHEDULERS
from models.settings.sft import DEV_METRICS, OPTIMIZERS, SFT_BOUNDS, SFTRecipe

JsonSchema = dict[str, Any]
DESCRIPTION = (
    f"For dpo, settings by TRL's names, over a preset: {', '.join(PRESETS)}. For orpo and kto, settings by TRL's "
    f"names, without presets: {', '.join(SETTINGS)}. `loss_type`, `desirable_weight` and `undesirable_weight` are "
    "kto's. For sft, `dataset` (the sha256 that POST /datasets gave), `version` or `model_name_or_path` to start from "
    "(neither: the checkpoint that comes with Mellow), `source_column`, `target_column`, `serve` (true unless given), "
    "and settings by the names of transformers' Seq2SeqTrainingArguments."
)


def by_method() -> list[JsonSchema]:
    """What the request of each method has to fulfil."""
    return [*of_clicks(), _request("sft", _of_sft(), {"selection": {"maxProperties": 0}, "parent_version": _NULL})]


def of_clicks() -> list[JsonSchema]:
    """The same for the methods that learn from clicks."""
    return [_request(method, _of_clicks(method)) for method in setting_labels.METHODS]


_NULL: JsonSchema = {"type": "null"}
_TYPES = {"float": "number", "int": "integer", "bool": "boolean", "str": "string"}


def _request(method: str, config: JsonSchema, others: JsonSchema | None = None) -> JsonSchema:
    needed = ["method", "config"] if config.get("required") else ["method"]
    return {"properties": {"method": {"const": method}, "config": config, **(others or {})}, "required": needed}


def _of_clicks(method: str) -> JsonSchema:
    found = {setting.name: _setting(setting) for setting in setting_labels.settings(method)}
    if method == "dpo":
        found["preset"] = {"enum": list(PRESETS)}
    if method == "kto":
        found["per_device_train_batch_size"]["minimum"] = 2  # it compares the rows of a batch
    return {"properties": found, "additionalProperties": False}


def _setting(setting: Setting) -> JsonSchema:
    if setting.kind == "choice":
        return {"enum": list(setting.choices)}
    if setting.kind == "names":
        name: JsonSchema = {"enum": list(setting.choices)}
        return {"anyOf": [name, {"type": "array", "minItems": 1, "items": name}]}
    if setting.kind == "numbers":
        return {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}}
    return {"type": _TYPES[setting.kind], **_bounds(setting.least, setting.greatest)}


def _bounds(least: float, greatest: float) -> JsonSchema:
    return {"minimum": least, "maximum": greatest} if greatest < float("inf") else {}


def _of_sft() -> JsonSchema:
    choices = {"optim": OPTIMIZERS, "lr_scheduler_type": SCHEDULERS, "metric_for_best_model": DEV_METRICS}
    found: JsonSchema = {
        "dataset": {"type": "string", "minLength": 1},
        "version": {"type": "integer"},
        **{name: {"type": "string"} for name in ("model_name_or_path", "source_column", "target_column")},
        "serve": {"type": "boolean"},
    }
    for field in fields(SFTRecipe):
        if field.name in choices:
            found[field.name] = {"enum": list(choices[field.name])}
        else:
            bounds = SFT_BOUNDS.get(field.name)
            found[field.name] = {"type": _TYPES[type(field.default).__name__], **(_bounds(*bounds) if bounds else {})}
    return {"properties": found, "additionalProperties": False, "required": ["dataset"]}
