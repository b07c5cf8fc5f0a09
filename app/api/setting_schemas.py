"""The settings of training runs as JSON Schema, made from the descriptions that also check them."""

from __future__ import annotations

from typing import Any

from app.api.openapi_parts import BOOLEAN, INTEGER, NUMBER, STRING, Schema
from models.settings.clicks import CLICK_OPTIONS, PRESETS
from models.settings.options import OLD_NAMES, Options
from models.settings.setting import Setting
from models.settings.sft import SFTRecipe

_TYPES = {"bool": BOOLEAN, "int": INTEGER, "float": NUMBER, "str": STRING, "choice": STRING}


def _described(setting: Setting) -> Schema:
    """One setting: its type, bounds, choices, default and explanation."""
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    said = {"description": setting.sentence, "default": default}
    if setting.kind == "numbers":
        return {"type": "array", "items": NUMBER} | said
    one: Schema = STRING | ({"enum": list(setting.choices)} if setting.choices else {})
    if setting.kind == "names":
        return {"anyOf": [one, {"type": "array", "items": one}]} | said
    if setting.kind == "choice":
        return one | said
    least, greatest = setting.bounds
    bounds = {"minimum": least, "maximum": greatest} if setting.kind in ("int", "float") else {}
    return _TYPES[setting.kind] | bounds | said


def _settings(kind: type[Options], own: dict[str, Any], required: tuple[str, ...] = ()) -> Schema:
    """Everything that a run by one method can be asked for with; `own` is what is no setting of the training itself."""
    properties = own | {one.name: _described(one) for one in kind.offered()}
    old = {
        old: {"deprecated": True, "description": f"The old name of {new}."}
        for old, new in OLD_NAMES.items()
        if new in properties
    }
    return {
        "type": "object",
        "description": f"The settings of {kind.method}, by the names of TRL, PEFT and transformers.",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties | old,
    }


_PRESET = {"enum": list(PRESETS), "default": "default", "description": "Settings that the others are laid over."}
_PLAN = {
    "dataset": {"type": "string", "description": "The sha256 that POST /datasets gave."},
    "version": {"type": "integer", "description": "The version to start from."},
    "model_name_or_path": {
        "type": "string",
        "description": "The folder or hub id to start from. With neither it is the checkpoint that comes with Mellow.",
    },
    "source_column": {"type": "string", "description": "The column that the model reads."},
    "target_column": {"type": "string", "description": "The column that it learns to write."},
    "serve": {"type": "boolean", "default": True, "description": "Whether the version is to serve when it is done."},
}
SCHEMAS: dict[str, Schema] = {
    f"{method.upper()}Settings": _settings(kind, {"preset": _PRESET} if method == "dpo" else {})
    for method, kind in CLICK_OPTIONS.items()
} | {"SFTSettings": _settings(SFTRecipe, _PLAN, ("dataset",))}
