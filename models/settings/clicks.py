"""The settings of a run on clicks: those of a method, with defaults that let few clicks matter.

The defaults of DPO were chosen by experiment (docs/experiments/dpo-defaults.md), as were those of ORPO and KTO
(docs/experiments/clicks-orpo-kto.md). Which settings can be asked for is said in table.py; the rest is about files of
data, graphics cards and checkpoints, which the studio sees to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Self

from models.model_errors import RecipeError
from models.settings.command_line import DPOOptions, KTOOptions, ORPOOptions, TrainOptions
from models.settings.options import OLD_NAMES, declared

PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "default": MappingProxyType({}),
        # What the first version of the studio ran: too gentle for twenty clicks to show.
        "seed": MappingProxyType(
            {
                "learning_rate": 1e-6,
                "beta": 0.1,
                "num_train_epochs": 2,
                "per_device_train_batch_size": 4,
                "anchor_weight": 0.0,
                "head_pairs": 0,
            }
        ),
    }
)
"""Named settings of DPO, each laid over its defaults."""

_GENTLER = "train a LoRA adapter instead of all weights: less memory, and gentler with few clicks"
_STEP = "how large the steps are: too large and the model forgets, too small and the clicks change nothing"


@dataclass(frozen=True, kw_only=True)
class ClickOptions(TrainOptions):
    """Settings of all methods on clicks: several passes, an adapter, and anchors that hold other sentences still."""

    anchor_weight: float = declared("anchor_weight")
    head_pairs: int = declared("head_pairs")
    use_peft: bool = declared("use_peft", default=True, help=_GENTLER)
    lora_dropout: float = declared("lora_dropout", default=0.0)
    learning_rate: float = declared("learning_rate", default=1e-3, help=f"{_STEP}; 0 takes the one that suits")
    num_train_epochs: float = declared(
        "num_train_epochs", default=2.0, help="passes over the clicks and the pairs of other texts"
    )
    logging_steps: int = declared("logging_steps", default=1)


_CUT = "in tokens; a longer prompt is cut"
_REFUSED = "in tokens; a longer rewrite is refused"


@dataclass(frozen=True, kw_only=True)
class DPOClickOptions(ClickOptions, DPOOptions):
    """Direct Preference Optimization on clicks (Rafailov et al. 2023).

    The loss is the sum over `loss_type` of each loss times its entry in `loss_weights`. `beta` scales the log-ratio of
    policy to reference model: the reward of a completion is beta * (log p_policy - log p_reference), in nats.
    """

    title: ClassVar[str] = "the DPO recipe"
    method: ClassVar[str] = "dpo"
    cuts_prompts: ClassVar[bool] = True

    learning_rate: float = declared("learning_rate", default=1e-3, help=_STEP)
    num_train_epochs: int = declared(
        "num_train_epochs", default=2, help="passes over the clicks and the pairs of other texts", bounds=(1, 1000)
    )
    loss_weights: tuple[float, ...] = declared("loss_weights", default=(1.0,))
    max_prompt_length: int = declared("max_prompt_length", help=_CUT, bounds=(2, 4096))
    max_completion_length: int = declared("max_completion_length", help=_REFUSED, bounds=(2, 4096))
    optim: str = declared("optim", default="adamw_torch_fused", choices=("adamw_torch_fused",))
    precompute_ref_log_probs: bool = declared("precompute_ref_log_probs", default=True)

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> Self:
        """The settings that `config` describes; `preset` starts from a preset, and losses without weights weigh 1 each.

        Raises `RecipeError` as for the other methods.
        """
        settings = dict(config)
        name = settings.pop("preset", "default")
        if not isinstance(name, str) or name not in PRESETS:
            raise RecipeError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}.")
        losses = settings.get("loss_type")
        if losses is not None and "loss_weights" not in settings:
            settings["loss_weights"] = [1.0] * (len(losses) if isinstance(losses, list | tuple) else 1)
        return super().from_mapping({**PRESETS[name], **settings})

    def step_size(self, default: float) -> float:
        """The step size that was asked for, also where it is 0."""
        return self.learning_rate


@dataclass(frozen=True, kw_only=True)
class ORPOClickOptions(ClickOptions, ORPOOptions):
    """Odds Ratio Preference Optimization on clicks."""

    title: ClassVar[str] = "orpo on clicks"
    method: ClassVar[str] = "orpo"


@dataclass(frozen=True, kw_only=True)
class KTOClickOptions(ClickOptions, KTOOptions):
    """Kahneman-Tversky Optimization on clicks, "none is good" among them."""

    title: ClassVar[str] = "kto on clicks"
    method: ClassVar[str] = "kto"

    beta: float = declared("beta", default=0.5)


CLICK_OPTIONS: Mapping[str, type[ClickOptions]] = MappingProxyType(
    {kind.method: kind for kind in (DPOClickOptions, ORPOClickOptions, KTOClickOptions)}
)
"""The methods that train on clicks."""


def click_options(method: str, config: Mapping[str, object]) -> ClickOptions:
    """The settings of a run by a method of `CLICK_OPTIONS`; what `config` (parsed JSON) leaves out has its default.

    Old names are read, too. Raises `RecipeError`, with one sentence that names the field, for a key that cannot be set,
    a value of the wrong type, or one out of bounds.
    """
    kind = CLICK_OPTIONS[method]
    if "preset" in config and method != "dpo":
        raise RecipeError(f"preset is a setting of dpo, not of {method}.")
    offered = {"preset", *(one.name for one in kind.offered())}
    for key in config:
        if OLD_NAMES.get(key, key) not in offered:
            raise RecipeError(f"{key} is not a setting of {kind.title}.")
    return kind.from_mapping(config)


def click_config(options: ClickOptions) -> dict[str, object]:
    """The settings of `options` that a version's manifest keeps, as JSON can hold them."""
    every = options.as_dict()
    return {one.name: every[one.name] for one in type(options).offered()}
