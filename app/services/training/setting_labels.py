"""The settings of a run on clicks as the form shows them: those of each method, their labels, and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.db import ANSWERING, REWRITING
from app.domain_errors import Invalid
from app.words import N_, gettext, number
from models.model_errors import RecipeError
from models.settings.chat_clicks import CHAT_OPTIONS, chat_config, chat_options
from models.settings.clicks import CLICK_OPTIONS, PRESETS, click_config, click_options
from models.settings.options import OLD_NAMES
from models.settings.setting import Setting
from models.settings.table import TABLE

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "dpo": N_("Prefers what was chosen to what was not, and stays close to the version it starts from."),
        "orpo": N_("Also learns to write the chosen texts themselves, and compares with no other model."),
        "kto": N_("Takes each text by itself as good or bad, so it also learns from “none is good”."),
    }
)
"""The methods that learn from clicks, each with a description."""

_GENTLE = (
    N_("Gentle"),
    N_("A third of the usual step and half the passes: for few clicks, or clicks that disagree."),
)


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


def settings(method: str, task: str = REWRITING) -> tuple[Setting, ...]:
    """Return every setting of a method on clicks, the ones that are changed most first."""
    return (CHAT_OPTIONS if task == ANSWERING else CLICK_OPTIONS)[method].offered()


def presets(method: str, task: str = REWRITING) -> tuple[Preset, ...]:
    """Return the presets of a method; the first is the default."""
    usual = {setting.name: setting.default for setting in settings(method, task)}
    gentle = {
        "learning_rate": float(f"{usual['learning_rate'] / 3:.1g}"),
        "num_train_epochs": max(1, round(usual["num_train_epochs"] / 2)),
    }
    standard = (
        N_("What suits an adapter of a chat model.")
        if task == ANSWERING
        else N_("What an experiment found to make twenty clicks matter and harm little else.")
    )
    found = [Preset("default", N_("Standard"), standard, {}), Preset("gentle", *_GENTLE, gentle)]
    if method == "dpo" and task == REWRITING:
        said = N_("What the first version of this studio used: so gentle that twenty clicks show nothing.")
        found.append(Preset("seed", N_("Very gentle"), said, {"preset": "seed"}))
    return tuple(found)


def label(name: str) -> str:
    """Return the label of a setting; its own name if it has none."""
    known = TABLE.get(OLD_NAMES.get(name, name))
    return known.label or name if known else name


def shown(setting: Setting, value: Any) -> str:
    """Return a value of a setting as a form shows it in the reader's language; what it sends stays English."""
    if setting.kind == "bool":
        return gettext("yes") if value else gettext("no")
    return setting.shown(value)


def bounds_of(setting: Setting) -> str:
    """Return the least and the greatest value of a setting in words, empty where there are none."""
    if setting.kind not in ("int", "float"):
        return ""
    least, greatest = map(_exact, setting.bounds)
    return gettext("From %(least)s to %(greatest)s.", least=least, greatest=greatest)


def _exact(bound: float) -> str:
    exponent = Decimal(repr(bound)).normalize().as_tuple().exponent
    return number(bound, max(0, -int(exponent)))


def effective(method: str, config: Mapping[str, Any], task: str = REWRITING) -> dict[str, Any]:
    """Return every setting of a run by `method` with `config`; raises Invalid."""
    try:
        if task == ANSWERING:
            return chat_config(chat_options(method, config))
        return click_config(click_options(method, config))
    except RecipeError as error:
        raise Invalid(str(error)) from None
