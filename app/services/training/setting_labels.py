"""The settings of a run on clicks as the form shows them: those of each method, their labels, and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.domain_errors import Invalid
from models.model_errors import RecipeError
from models.settings.clicks import CLICK_OPTIONS, PRESETS, click_config, click_options
from models.settings.options import OLD_NAMES
from models.settings.setting import Setting
from models.settings.table import TABLE

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "dpo": "Prefers what was chosen to what was not, and stays close to the version it starts from.",
        "orpo": "Also learns to write the chosen texts themselves, and compares with no other model.",
        "kto": "Takes each text by itself as good or bad, so it also learns from “none is good”.",
    }
)
"""The methods that learn from clicks, each with a description."""

_GENTLE = ("Gentle", "A third of the usual step and half the passes: for few clicks, or ones that disagree.")


@dataclass(frozen=True)
class Preset:
    """A named start for the settings. `config` is what a run is requested with, `values` the settings it changes."""

    name: str
    label: str
    help: str
    config: Mapping[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        """Return the settings that it changes, by name."""
        return dict(PRESETS[self.config["preset"]]) if "preset" in self.config else dict(self.config)


def settings(method: str) -> tuple[Setting, ...]:
    """Return every setting of a method on clicks, the ones that are changed most first."""
    return CLICK_OPTIONS[method].offered()


def presets(method: str) -> tuple[Preset, ...]:
    """Return the presets of a method; the first is the default."""
    usual = {setting.name: setting.default for setting in settings(method)}
    gentle = {"learning_rate": 3e-4, "num_train_epochs": max(1, int(usual["num_train_epochs"] / 2))}
    found = [
        Preset(
            "default", "Standard", "What an experiment found to make twenty clicks matter and harm little else.", {}
        ),
        Preset("gentle", *_GENTLE, gentle),
    ]
    if method == "dpo":
        said = "What the first version of this studio used: so gentle that twenty clicks show nothing."
        found.append(Preset("seed", "Very gentle", said, {"preset": "seed"}))
    return tuple(found)


def label(name: str) -> str:
    """Return the label of a setting; its own name if it has none."""
    known = TABLE.get(OLD_NAMES.get(name, name))
    return known.label or name if known else name


def effective(method: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of a run by `method` with `config`; raises Invalid."""
    try:
        return click_config(click_options(method, config))
    except RecipeError as error:
        raise Invalid(str(error)) from None
