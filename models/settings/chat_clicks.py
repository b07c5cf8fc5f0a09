"""The settings of a run on clicks that trains a chat model: always an adapter, without what only a T5 has.

They are a part of those in clicks.py, under the same names, with defaults that suit an adapter of a chat model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from models.model_errors import RecipeError
from models.settings.command_line import DPOOptions, KTOOptions, ORPOOptions, TrainOptions
from models.settings.losses import LISTWISE, LOSS_TYPES
from models.settings.options import OLD_NAMES, declared

_STEP = "how large the steps are: too large and the model forgets, too small and the clicks change nothing"
_PROMPT = "in tokens; a longer conversation is left out"
_ANSWER = "in tokens; a longer answer is left out"
_PASSES = "passes over the clicks"
_LOSS = "which formula the preferences are learned by: one or more of TRL's losses"
_LOSSES = tuple(one for one in LOSS_TYPES if one != LISTWISE)


@dataclass(frozen=True, kw_only=True)
class ChatOptions(TrainOptions):
    """Settings of all methods on clicks of answers."""

    use_peft: bool = declared("use_peft", default=True, offered=())
    lora_dropout: float = declared("lora_dropout", default=0.0, offered=())
    learning_rate: float = declared("learning_rate", default=2e-4, help=_STEP)
    num_train_epochs: float = declared("num_train_epochs", default=2.0, help=_PASSES)
    per_device_train_batch_size: int = declared("per_device_train_batch_size", default=4)
    logging_steps: int = declared("logging_steps", default=1)
    max_prompt_length: int = declared(
        "max_prompt_length", default=1024, label="Longest conversation", help=_PROMPT, bounds=(2, 4096)
    )
    max_completion_length: int = declared(
        "max_completion_length", default=1024, label="Longest answer", help=_ANSWER, bounds=(2, 4096)
    )

    def step_size(self, default: float) -> float:
        """The step size that was asked for, also where it is 0."""
        return self.learning_rate


@dataclass(frozen=True, kw_only=True)
class DPOChatOptions(ChatOptions, DPOOptions):
    """Direct Preference Optimization on clicks of answers."""

    title: ClassVar[str] = "dpo on answers"
    method: ClassVar[str] = "dpo"

    num_train_epochs: int = declared("num_train_epochs", default=2, help=_PASSES, bounds=(1, 1000))
    loss_type: tuple[str, ...] = declared("loss_type", help=_LOSS, choices=_LOSSES)
    precompute_ref_log_probs: bool = declared("precompute_ref_log_probs", default=True)


@dataclass(frozen=True, kw_only=True)
class ORPOChatOptions(ChatOptions, ORPOOptions):
    """Odds Ratio Preference Optimization on clicks of answers."""

    title: ClassVar[str] = "orpo on answers"
    method: ClassVar[str] = "orpo"

    learning_rate: float = declared("learning_rate", default=5e-5, help=_STEP)


@dataclass(frozen=True, kw_only=True)
class KTOChatOptions(ChatOptions, KTOOptions):
    """Kahneman-Tversky Optimization on clicks of answers, "none is good" among them."""

    title: ClassVar[str] = "kto on answers"
    method: ClassVar[str] = "kto"


CHAT_OPTIONS: Mapping[str, type[ChatOptions]] = MappingProxyType(
    {kind.method: kind for kind in (DPOChatOptions, ORPOChatOptions, KTOChatOptions)}
)
"""The methods that train a chat model on clicks."""


def chat_options(method: str, config: Mapping[str, object]) -> Any:
    """The settings of a run by a method of `CHAT_OPTIONS`, a `ChatOptions`; what `config` leaves out has its default.

    Raises `RecipeError`, with one sentence that names the field, for a key that cannot be set, a value of the wrong
    type, or one out of bounds.
    """
    kind = CHAT_OPTIONS[method]
    offered = {one.name for one in kind.offered()}
    for key in config:
        if OLD_NAMES.get(key, key) not in offered:
            raise RecipeError(f"{key} is not a setting of {kind.title}.")
    return kind.from_mapping(config)


def chat_config(options: ChatOptions) -> dict[str, object]:
    """The settings of `options` that a version's manifest keeps, as JSON can hold them."""
    every = options.as_dict()
    return {one.name: every[one.name] for one in type(options).offered()}
