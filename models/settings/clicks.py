"""The settings of a run on clicks: which of the method's can be set, and their defaults.

What the studio is asked of DPO is a `DPORecipe` (dpo.py), which becomes `DPOClickOptions` here. The names are those of
command_line.py, but for `anchor_weight` and `head_pairs`, which are ours and mean here what they mean there. The
defaults of ORPO and KTO were chosen by experiment: docs/experiments/clicks-orpo-kto.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import ClassVar, Self

from models.errors import RecipeError
from models.settings.command_line import DPOOptions, KTOOptions, ORPOOptions, TrainOptions, setting
from models.settings.dpo import DPORecipe

SETTINGS = (
    "beta",
    "loss_type",
    "desirable_weight",
    "undesirable_weight",
    "anchor_weight",
    "head_pairs",
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "max_grad_norm",
    "optim",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "use_peft",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "max_prompt_length",
    "max_completion_length",
    "logging_steps",
    "seed",
)
"""What can be set. The rest is about files of data, graphics cards and checkpoints, which the studio sees to."""


@dataclass(frozen=True, kw_only=True)
class ClickOptions(TrainOptions):
    """What the methods share: few clicks are passed over often, by an adapter, and other sentences are held still."""

    anchor_weight: float = setting(10.0, "weight of staying as the parent was on other sentences", 0, 1000)
    head_pairs: int = setting(250, "pairs of other texts that the reward head labels, at most", 0, 10_000)
    use_peft: bool = setting(True, "train a LoRA adapter instead of all weights")
    lora_dropout: float = setting(0.0, "share of the adapter's input that is dropped while training", 0, 0.9)
    learning_rate: float = setting(1e-3, "step size; 0 takes the one that suits the method", 0, 0.1)
    num_train_epochs: float = setting(2.0, "passes over the clicks and the pairs of other texts", 0.001, 1000)
    logging_steps: int = setting(1, "report the training loss every so many steps", 1, 10_000)


@dataclass(frozen=True, kw_only=True)
class DPOClickOptions(ClickOptions, DPOOptions):
    """Direct Preference Optimization on clicks, made of a `DPORecipe`."""

    cuts_prompts: ClassVar[bool] = True

    optim: str = setting("adamw_torch_fused", "optimizer", choices=("adamw_torch_fused",))

    @classmethod
    def from_recipe(cls, recipe: DPORecipe) -> Self:
        """The options that train as `recipe` says."""
        settings = asdict(recipe)
        return cls(use_peft=settings.pop("use_lora"), **settings)

    def step_size(self, default: float) -> float:
        """The step size of the recipe, also where it is 0."""
        return self.learning_rate


@dataclass(frozen=True, kw_only=True)
class ORPOClickOptions(ClickOptions, ORPOOptions):
    """Odds Ratio Preference Optimization on clicks."""


@dataclass(frozen=True, kw_only=True)
class KTOClickOptions(ClickOptions, KTOOptions):
    """Kahneman-Tversky Optimization on clicks, "none is good" among them."""

    beta: float = setting(0.5, "how dear it is to move away from the reference model", 1e-4, 10)


CLICK_OPTIONS: Mapping[str, type[ClickOptions]] = MappingProxyType({"orpo": ORPOClickOptions, "kto": KTOClickOptions})
"""The methods besides DPO that train on clicks."""


def click_options(method: str, config: Mapping[str, object]) -> ClickOptions:
    """The options of a run by a method of `CLICK_OPTIONS`; what `config` (parsed JSON) leaves out has its default.

    Raises `RecipeError`, with one sentence that names the field, for a key that cannot be set, a value of the wrong
    type, or one out of bounds.
    """
    kind = CLICK_OPTIONS[method]
    if "preset" in config:
        raise RecipeError(f"preset is a setting of dpo, not of {method}.")
    for key in config:
        if key not in SETTINGS or not hasattr(kind, key):
            raise RecipeError(f"{key} is not a setting of {method} on clicks.")
    return kind.from_mapping(config)


def click_config(options: ClickOptions) -> dict[str, object]:
    """The settings of `options` that a version's manifest keeps, as JSON can hold them."""
    return {key: value for key, value in options.as_dict().items() if key in SETTINGS}
