"""The settings of a run on clicks as the form shows them: meaning, bounds, default and presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.errors import Invalid
from models.errors import RecipeError
from models.settings.clicks import CLICK_OPTIONS, SETTINGS, click_config, click_options
from models.settings.dpo import BOUNDS, LOSS_TYPES, PRESETS, SCHEDULERS, DPORecipe

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "dpo": "Prefers what was chosen to what was not, and stays close to the version it starts from.",
        "orpo": "Also learns to write the chosen texts themselves, and compares with no other model.",
        "kto": "Takes each text by itself as good or bad, so it also learns from “none is good”.",
    }
)
"""The methods that learn from clicks, each with a description."""

_LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "learning_rate": (
            "Learning rate",
            "How large the steps are. Too large and the model forgets; too small and the clicks change nothing.",
        ),
        "num_train_epochs": ("Epochs", "How often the model sees every click."),
        "beta": ("Beta", "How strongly the model is held to where it started. Smaller lets it move further."),
        "per_device_train_batch_size": ("Batch size", "How many are computed at once. Lower it if memory runs out."),
        "anchor_weight": (
            "Hold on elsewhere",
            "How strongly it is kept as it was on sentences that nobody clicked. 0 lets go.",
        ),
        "head_pairs": (
            "Pairs of other texts",
            "At most so many pairs of rewrites that nobody clicked, labelled by what the clicks say. 0: clicks alone.",
        ),
        "loss_type": ("Loss", "Which formula the clicks are learned by. The default is the method's own."),
        "loss_weights": ("Weights of the losses", "One number for each loss, if there are several."),
        "label_smoothing": (
            "Doubtful clicks",
            "The share of clicks taken to be wrong; for robust, exo_pair, aot and aot_unpaired.",
        ),
        "desirable_weight": ("Weight of good texts", "How much a good text counts."),
        "undesirable_weight": (
            "Weight of bad texts",
            "How much a bad text counts. Lower it if there are many more bad ones than good ones.",
        ),
        "lr_scheduler_type": ("Learning rate over time", "How the learning rate changes during the run."),
        "warmup_steps": (
            "Warm-up steps",
            "Steps in which the learning rate rises from zero. Below 1 it is a share of the run.",
        ),
        "weight_decay": ("Weight decay", "How strongly the weights are pulled towards zero."),
        "max_grad_norm": ("Longest gradient", "Longer gradients are scaled down to this norm."),
        "optim": ("Optimizer", "AdamW is the usual one; Adafactor needs less memory; the 8-bit one needs a GPU."),
        "gradient_accumulation_steps": (
            "Batches a step",
            "Batches that make one step. Raise it as you lower the batch size.",
        ),
        "use_lora": (
            "Train an adapter (LoRA)",
            "Train an adapter instead of all weights: less memory, gentler with few clicks.",
        ),
        "use_peft": (
            "Train an adapter (LoRA)",
            "Train an adapter instead of all weights: less memory, gentler with few clicks.",
        ),
        "lora_r": ("Rank of the adapter", "How much the adapter can learn, and how large it is."),
        "lora_alpha": ("Scale of the adapter", "The adapter counts this much divided by its rank."),
        "lora_dropout": ("Dropout of the adapter", "The share of its input that is dropped while training."),
        "max_prompt_length": ("Longest prompt", "In tokens. DPO cuts a longer one, the others leave it out."),
        "max_completion_length": ("Longest rewrite", "In tokens. DPO cuts a longer one, the others leave it out."),
        "precompute_ref_log_probs": (
            "Ask the old model once",
            "Score everything with the old model before training begins: faster, and less memory.",
        ),
        "bf16": (
            "Compute in bfloat16",
            "Up to twice as fast on a processor with bfloat16 instructions, slower on one without, and less exact. "
            "A GPU that can does so anyway.",
        ),
        "logging_steps": ("Chart every so many steps", "How often the charts get a point."),
        "seed": ("Seed", "The same seed and clicks give the same model on the same machine."),
    }
)

_MAIN = ("learning_rate", "num_train_epochs", "beta", "per_device_train_batch_size")
_GENTLE = ("Gentle", "A third of the usual step and half the passes: for few clicks, or ones that disagree.")


@dataclass(frozen=True)
class Setting:
    """One field of the form. `kind` is float, int, bool, choice, names or numbers (several, separated by commas)."""

    name: str
    label: str
    help: str
    kind: str
    default: Any
    least: float = -math.inf
    greatest: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def main(self) -> bool:
        """Return whether it is one of the few settings that most people change."""
        return self.name in _MAIN

    @property
    def bounds(self) -> str:
        """Return the least and the greatest value in words, empty for other kinds than numbers."""
        if self.kind not in ("int", "float"):
            return ""
        least, greatest = (f"{Decimal(repr(bound)).normalize():,f}" for bound in (self.least, self.greatest))
        return f"From {least} to {greatest}."

    def shown(self, value: Any) -> str:
        """Return a value of this setting as the form shows it."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list | tuple):
            return ", ".join(self.shown(one) for one in value)
        return f"{value:.10g}" if isinstance(value, float) else str(value)


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
    found = _dpo_settings() if method == "dpo" else _click_settings(method)
    order = {name: place for place, name in enumerate(_LABELS)}
    return tuple(sorted(found, key=lambda setting: order[setting.name]))


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
    return _LABELS[name][0] if name in _LABELS else name


def effective(method: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of a run by `method` with `config`; raises Invalid."""
    try:
        if method in CLICK_OPTIONS:
            return click_config(click_options(method, config))
        return DPORecipe.from_mapping(config).as_dict()
    except RecipeError as error:
        raise Invalid(str(error)) from None


def _dpo_settings() -> list[Setting]:
    assert set(PRESETS) == {"default", "seed"}
    choices = {"loss_type": LOSS_TYPES, "lr_scheduler_type": SCHEDULERS}
    found = []
    for one in fields(DPORecipe):
        least, greatest = BOUNDS.get(one.name, (-math.inf, math.inf))
        kind = _kind(one.default, one.name in choices)
        found.append(
            Setting(one.name, *_LABELS[one.name], kind, one.default, least, greatest, choices.get(one.name, ()))
        )
    return found


def _click_settings(method: str) -> list[Setting]:
    found = []
    for one in fields(CLICK_OPTIONS[method]):
        if one.name in SETTINGS:
            meta = one.metadata
            kind = _kind(one.default, bool(meta["choices"]))
            bounds = (meta["least"], meta["greatest"])
            found.append(Setting(one.name, *_LABELS[one.name], kind, one.default, *bounds, meta["choices"]))
    return found


def _kind(default: Any, of_choices: bool) -> str:
    if isinstance(default, tuple):
        return "names" if default and isinstance(default[0], str) else "numbers"
    if isinstance(default, bool):
        return "bool"
    return "choice" if of_choices else type(default).__name__
