"""The settings of training runs as JSON Schema, made from the descriptions that also check them."""

from __future__ import annotations

from typing import Any

from app.schemas.describing import JsonSchema, reference
from models.settings.clicks import CLICK_OPTIONS, PRESETS
from models.settings.options import OLD_NAMES, Options
from models.settings.setting import Setting
from models.settings.sft import SFTRecipe

_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string", "choice": "string"}
_TEXT: JsonSchema = {"type": "string"}


def settings_of(*methods: str) -> list[JsonSchema]:
    """Return references to the settings of those methods."""
    return [reference(_name(method)) for method in methods]


def by_method() -> list[JsonSchema]:
    """Return what the request of each method has to fulfil."""
    others = {"selection": {"maxProperties": 0}, "parent_version": {"type": "null"}}
    return [*of_clicks(), _request(SFTRecipe.method, ("config",), others)]


def of_clicks() -> list[JsonSchema]:
    """Return the same for the methods that learn from clicks."""
    return [_request(method) for method in CLICK_OPTIONS]


def _request(method: str, needed: tuple[str, ...] = (), others: JsonSchema | None = None) -> JsonSchema:
    properties = {"method": {"const": method}, "config": reference(_name(method)), **(others or {})}
    return {"properties": properties, "required": ["method", *needed]}


def _name(method: str) -> str:
    return f"{method.upper()}Settings"


def _described(setting: Setting) -> JsonSchema:
    """One setting: its type, bounds, choices, default and explanation."""
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    said = {"description": setting.sentence, "default": default}
    if setting.kind == "numbers":
        return {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}} | said
    one = _TEXT | ({"enum": list(setting.choices)} if setting.choices else {})
    if setting.kind == "names":
        return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]} | said
    if setting.kind == "choice":
        return one | said
    least, greatest = setting.bounds
    bounds = {"minimum": least, "maximum": greatest} if setting.kind in ("int", "float") else {}
    return {"type": _TYPES[setting.kind]} | bounds | said


def _settings(kind: type[Options], own: JsonSchema, required: tuple[str, ...] = ()) -> JsonSchema:
    """Everything that a run by one method can be asked for with; `own` is what is no setting of the training itself."""
    properties = own | {one.name: _described(one) for one in kind.offered()}
    renamed = {old: new for old, new in OLD_NAMES.items() if new in properties}
    old_ones = {
        old: properties[new] | {"deprecated": True, "description": f"The old name of {new}."}
        for old, new in renamed.items()
    }
    return {
        "type": "object",
        "description": f"The settings of {kind.method}, by the names of TRL, PEFT and transformers.",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties | old_ones,
        "allOf": [{"not": {"required": [old, new]}} for old, new in renamed.items()] + _RULES.get(kind.method, []),
    }


_OWN: dict[str, JsonSchema] = {
    "dpo": {"preset": {"enum": list(PRESETS), "default": "default", "description": "What the others are laid over."}}
}
_PLAN: dict[str, Any] = {
    "dataset": _TEXT | {"minLength": 1, "description": "The sha256 that POST /datasets gave."},
    "version": {"type": "integer", "description": "The version to start from."},
    "model_name_or_path": _TEXT
    | {"description": "The folder or hub id to start from. With neither it is the checkpoint that comes with Mellow."},
    "source_column": _TEXT | {"description": "The column that the model reads."},
    "target_column": _TEXT | {"description": "The column that it learns to write."},
    "serve": {"type": "boolean", "default": True, "description": "Whether the version is to serve when it is done."},
}
_RULES: dict[str, list[JsonSchema]] = {
    "kto": [  # it compares the rows of a batch
        {
            "if": {"properties": {"loss_type": {"const": "kto"}}},
            "then": {"properties": {"per_device_train_batch_size": {"minimum": 2}}},
        }
    ],
    "sft": [
        {"properties": {"dev_split": {"not": {"const": 1}}}},
        {
            "not": {
                "properties": {"version": {"not": {"const": 0}}, "model_name_or_path": {"minLength": 1}},
                "required": ["version", "model_name_or_path"],
            }
        },
    ],
}
"""Rules between the settings of a method, as far as a schema can say them."""
SCHEMAS: dict[str, JsonSchema] = {
    _name(method): _settings(kind, _OWN.get(method, {})) for method, kind in CLICK_OPTIONS.items()
} | {_name(SFTRecipe.method): _settings(SFTRecipe, _PLAN, ("dataset",))}
"""The settings of each method, by the names that the API's description has for them."""
