"""The numbers of a DPO run: their names (TRL's own), bounds, presets, and what is said when one is wrong.

Those of initial training are in sft.py, which checks its values with the functions at the end of this file.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from models.errors import RecipeError

LOSS_TYPES = (
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
    "listwise",
)
"""TRL 1.16's loss types, and `listwise`, which is ours: the chosen text against all rejected ones of its click at once.

`sigmoid` is DPO itself; `sft` is the negative log-likelihood a token of the chosen text.
"""

SMOOTHED = ("robust", "exo_pair", "aot", "aot_unpaired")
"""The losses that TRL 1.16 reads `label_smoothing` in."""

SCHEDULERS = ("linear", "cosine", "constant", "constant_with_warmup")

BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "beta": (1e-4, 10.0),
        "anchor_weight": (0.0, 1000.0),
        "head_pairs": (0, 10_000),
        "label_smoothing": (0.0, 0.499),
        "learning_rate": (0.0, 0.1),
        "num_train_epochs": (1, 1000),
        "per_device_train_batch_size": (1, 1024),
        "gradient_accumulation_steps": (1, 1024),
        "warmup_steps": (0, 100_000),
        "max_grad_norm": (1e-6, 1e6),
        "lora_r": (1, 512),
        "lora_alpha": (1, 1024),
        "lora_dropout": (0.0, 0.9),
        "max_prompt_length": (2, 4096),
        "max_completion_length": (2, 4096),
        "logging_steps": (1, 10_000),
        "seed": (0, 2**32 - 1),
    }
)
"""The least and greatest value of each numeric setting, both included."""


@dataclass(frozen=True)
class DPORecipe:
    """One DPO run (Rafailov et al. 2023), in TRL's vocabulary. The defaults are the preset `default`.

    The loss is the sum over `loss_type` of each loss times its entry in `loss_weights`. `beta` scales the log-ratio of
    policy to reference model: the reward of a completion is beta * (log p_policy - log p_reference), in nats.
    Two are ours and not TRL's: `anchor_weight` is the weight of staying as the parent was on other sentences
    (anchors.py), `head_pairs` how many pairs of other texts the reward head may label beside the clicks
    (labelling.py).
    Lengths are in tokens, EOS included. `warmup_steps` is in optimizer steps, or a share of the run when below 1.
    `bf16` computes in bfloat16; a GPU that can does so anyway.
    """

    beta: float = 0.1
    loss_type: tuple[str, ...] = ("sigmoid",)
    loss_weights: tuple[float, ...] = (1.0,)
    label_smoothing: float = 0.0
    anchor_weight: float = 10.0
    head_pairs: int = 250
    learning_rate: float = 1e-3
    lr_scheduler_type: str = "linear"
    warmup_steps: float = 0.0
    max_grad_norm: float = 1.0
    num_train_epochs: int = 2
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    use_lora: bool = True
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    max_prompt_length: int = 512
    max_completion_length: int = 512
    precompute_ref_log_probs: bool = True
    bf16: bool = False
    logging_steps: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field; `RecipeError` names the first that is wrong."""
        check_bounds(self, BOUNDS)
        check_choice("lr_scheduler_type", self.lr_scheduler_type, SCHEDULERS)
        if not self.loss_type:
            raise RecipeError("loss_type must name at least one loss.")
        for loss in self.loss_type:
            if loss not in LOSS_TYPES:
                raise RecipeError(f"loss_type must be one of {', '.join(LOSS_TYPES)}, not {loss!r}.")
        if len(self.loss_weights) != len(self.loss_type):
            raise RecipeError(
                f"loss_weights must have one weight for each loss_type: {len(self.loss_type)}, "
                f"not {len(self.loss_weights)}."
            )
        if not all(math.isfinite(weight) and weight > 0 for weight in self.loss_weights):
            raise RecipeError("loss_weights must be positive numbers.")
        check_label_smoothing(self.loss_type, self.label_smoothing)

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> "DPORecipe":
        """The recipe that `config` (parsed JSON) describes; what it leaves out comes from the preset `default`.

        `preset` starts from another named preset. `loss_type` may be one name or a list; several losses without
        `loss_weights` weigh 1 each. Raises `RecipeError`, with one sentence that names the field, for an unknown key,
        a value of the wrong type, or one out of bounds.
        """
        settings = dict(config)
        name = settings.pop("preset", "default")
        if not isinstance(name, str) or name not in PRESETS:
            raise RecipeError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}.")
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for key in settings:
            if key not in kinds:
                raise RecipeError(f"{key} is not a setting of the DPO recipe.")
        converted = {
            key: convert_setting(key, value, kinds[key]) for key, value in {**PRESETS[name], **settings}.items()
        }
        if "loss_type" in settings and "loss_weights" not in settings:
            converted["loss_weights"] = (1.0,) * len(converted["loss_type"])
        return cls(**converted)

    def as_dict(self) -> dict[str, object]:
        """Every setting, as JSON can hold it. `from_mapping` reads it back to an equal recipe."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        # Chosen by experiment so that twenty clicks matter: docs/experiments/dpo-defaults.md.
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
"""Named settings, each laid over the defaults of `DPORecipe`."""


def check_label_smoothing(loss_type: Sequence[str], label_smoothing: float) -> None:
    """Raise `RecipeError` where `label_smoothing` would be ignored, or is missing."""
    if "exo_pair" in loss_type and label_smoothing == 0:
        raise RecipeError("label_smoothing must be above 0 with loss_type exo_pair; its paper suggests 0.001.")
    if label_smoothing and not set(loss_type) & set(SMOOTHED):
        raise RecipeError(f"label_smoothing has a meaning for the losses {', '.join(SMOOTHED)} only.")


def check_bounds(recipe: object, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Raise `RecipeError` for the first field of `recipe` that is not within its bounds, both included."""
    for name, (least, greatest) in bounds.items():
        value = getattr(recipe, name)
        if not least <= value <= greatest:  # also refuses NaN
            raise RecipeError(f"{name} must be between {least:g} and {greatest:g}, not {as_float(value):g}.")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise `RecipeError` unless `value` is one of `choices`."""
    if value not in choices:
        raise RecipeError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")


def convert_setting(key: str, value: object, kind: type) -> Any:
    """`value` as the type of field `key`; `RecipeError` when JSON gave another type."""
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return as_float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in (bool, str) and isinstance(value, kind):
        return value
    if key != "loss_weights" and kind is tuple:
        names = [value] if isinstance(value, str) else value
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            return tuple(names)
    if key == "loss_weights" and isinstance(value, list | tuple):
        return tuple(convert_setting("loss_weights", weight, float) for weight in value)
    wanted = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        tuple: "a list of numbers" if key == "loss_weights" else "a name or a list of names",
    }
    raise RecipeError(f"{key} must be {wanted[kind]}, not {value!r}.")


def as_float(value: float) -> float:
    """`value` as a float; infinite for a whole number of more digits than a float can tell."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
