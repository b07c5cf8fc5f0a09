"""The settings of every method of the command line, under the names that TRL's own gives them.

One frozen dataclass a method, all built on `TrainOptions`. What each setting means, its bounds and its choices stand in
table.py; here stand which of them a method has, what is its own about them, and what cannot go together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from models.model_errors import RecipeError
from models.settings.losses import check_label_smoothing
from models.settings.options import Options, declared

_KL = "weight of the KL divergence from the reference model"
_SAMPLED = "the longest text that is sampled, in tokens"


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Options):
    """Settings of every method. Lengths are in tokens; `learning_rate` 0 stands for the method's own."""

    cuts_prompts: ClassVar[bool] = False
    """Whether a prompt longer than `max_prompt_length` is cut rather than its row left out."""

    dtype: str = declared("dtype")
    attn_implementation: str = declared("attn_implementation")
    load_in_4bit: bool = declared("load_in_4bit")
    bnb_4bit_quant_type: str = declared("bnb_4bit_quant_type")
    use_bnb_nested_quant: bool = declared("use_bnb_nested_quant")

    use_peft: bool = declared("use_peft")
    lora_r: int = declared("lora_r")
    lora_alpha: int = declared("lora_alpha")
    lora_dropout: float = declared("lora_dropout")
    lora_target_modules: tuple[str, ...] = declared("lora_target_modules")

    learning_rate: float = declared("learning_rate")
    num_train_epochs: float = declared("num_train_epochs")
    max_steps: int = declared("max_steps")
    per_device_train_batch_size: int = declared("per_device_train_batch_size")
    per_device_eval_batch_size: int = declared("per_device_eval_batch_size")
    gradient_accumulation_steps: int = declared("gradient_accumulation_steps")
    gradient_checkpointing: bool = declared("gradient_checkpointing")
    optim: str = declared("optim")
    weight_decay: float = declared("weight_decay")
    lr_scheduler_type: str = declared("lr_scheduler_type")
    warmup_steps: float = declared("warmup_steps")
    max_grad_norm: float = declared("max_grad_norm")
    bf16: bool = declared("bf16")
    fp16: bool = declared("fp16")
    use_cpu: bool = declared("use_cpu")
    seed: int = declared("seed")

    max_samples: int = declared("max_samples")
    dataset_fraction: float = declared("dataset_fraction")
    dev_split: int = declared("dev_split")
    max_eval_samples: int = declared("max_eval_samples")

    logging_steps: int = declared("logging_steps")
    eval_steps: int = declared("eval_steps")
    save_steps: int = declared("save_steps")
    early_stopping_patience: int = declared("early_stopping_patience")

    def __post_init__(self) -> None:
        """Check every field; `RecipeError` names the first that is wrong."""
        super().__post_init__()
        if self.dev_split == 1:
            raise RecipeError("dev_split must not be 1: one prompt in one held out leaves none to train on.")
        if self.max_steps == 0:
            raise RecipeError("max_steps must be -1 or at least 1.")
        if self.load_in_4bit and not self.use_peft:
            raise RecipeError("load_in_4bit needs use_peft: weights of 4 bits cannot be trained, an adapter can.")
        if self.bf16 and self.fp16:
            raise RecipeError("bf16 and fp16 cannot both be on.")
        if self.early_stopping_patience and not self.dev_split:
            raise RecipeError("early_stopping_patience needs held-out rows: dev_split must not be 0.")

    def step_size(self, default: float) -> float:
        """The step size to train with, where `default` is the method's own."""
        return self.learning_rate or default


@dataclass(frozen=True, kw_only=True)
class SFTOptions(TrainOptions):
    """Supervised fine-tuning of a decoder-only model on prompts and completions, with TRL's `SFTTrainer`."""

    num_train_epochs: float = declared("num_train_epochs", default=3.0)
    max_length: int = declared("max_length")
    completion_only_loss: bool = declared("completion_only_loss")
    packing: bool = declared("packing")


@dataclass(frozen=True, kw_only=True)
class RewardOptions(TrainOptions):
    """A reward model: a classifier with one output that rates the chosen text above the rejected (Bradley-Terry)."""

    max_length: int = declared("max_length", default=512)
    center_rewards_coefficient: float = declared("center_rewards_coefficient")


@dataclass(frozen=True, kw_only=True)
class _CompletionLengths(TrainOptions):
    max_prompt_length: int = declared("max_prompt_length")
    max_completion_length: int = declared("max_completion_length")


@dataclass(frozen=True, kw_only=True)
class DPOOptions(_CompletionLengths):
    """Direct Preference Optimization (Rafailov et al. 2023), with TRL's `DPOTrainer`."""

    beta: float = declared("beta")
    loss_type: tuple[str, ...] = declared("loss_type")
    loss_weights: tuple[float, ...] = declared("loss_weights")
    label_smoothing: float = declared("label_smoothing")
    ref_model: str = declared("ref_model")
    precompute_ref_log_probs: bool = declared("precompute_ref_log_probs")

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        if not self.loss_type:
            raise RecipeError("loss_type must name at least one loss.")
        if self.loss_weights and len(self.loss_weights) != len(self.loss_type):
            raise RecipeError(
                f"loss_weights must have one weight for each loss_type: {len(self.loss_type)}, "
                f"not {len(self.loss_weights)}."
            )
        if not all(math.isfinite(weight) and weight > 0 for weight in self.loss_weights):
            raise RecipeError("loss_weights must be positive numbers.")
        check_label_smoothing(self.loss_type, self.label_smoothing)


@dataclass(frozen=True, kw_only=True)
class ORPOOptions(_CompletionLengths):
    """Odds Ratio Preference Optimization (Hong et al. 2024): one stage, no reference model."""

    other_names: ClassVar[Mapping[str, str]] = MappingProxyType({"lambda_param": "beta"})

    beta: float = declared("beta", help="weight of the odds ratio beside the likelihood (lambda in the paper)")


@dataclass(frozen=True, kw_only=True)
class KTOOptions(_CompletionLengths):
    """Kahneman-Tversky Optimization (Ethayarajh et al. 2024): learns from single texts marked good or bad."""

    beta: float = declared("beta")
    loss_type: str = declared(
        "loss_type",
        default="kto",
        help="which formula: KTO's own, or apo_zero_unpaired",
        choices=("kto", "apo_zero_unpaired"),
    )
    desirable_weight: float = declared("desirable_weight")
    undesirable_weight: float = declared("undesirable_weight")

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        if self.loss_type == "kto" and self.per_device_train_batch_size < 2:
            raise RecipeError("per_device_train_batch_size must be at least 2: KTO compares the rows of a batch.")


@dataclass(frozen=True, kw_only=True)
class _OnlineOptions(_CompletionLengths):
    reward_model_path: str = declared("reward_model_path")
    temperature: float = declared("temperature")
    top_p: float = declared("top_p")
    top_k: int = declared("top_k")


@dataclass(frozen=True, kw_only=True)
class _GroupOptions(_OnlineOptions):
    max_completion_length: int = declared("max_completion_length", default=128, help=_SAMPLED)
    num_generations: int = declared("num_generations")
    num_iterations: int = declared("num_iterations")
    epsilon: float = declared("epsilon")


@dataclass(frozen=True, kw_only=True)
class GRPOOptions(_GroupOptions):
    """Group Relative Policy Optimization (Shao et al. 2024), with TRL's `GRPOTrainer`."""

    beta: float = declared("beta", default=0.02, help=_KL, bounds=(0, 10))


@dataclass(frozen=True, kw_only=True)
class RLOOOptions(_GroupOptions):
    """REINFORCE Leave-One-Out (Ahmadian et al. 2024), with TRL's `RLOOTrainer`."""

    beta: float = declared("beta", default=0.05, help=_KL, bounds=(0, 10))


@dataclass(frozen=True, kw_only=True)
class PPOOptions(_OnlineOptions):
    """Proximal Policy Optimization (Schulman et al. 2017) from a reward model (Ziegler et al. 2019)."""

    max_completion_length: int = declared("max_completion_length", default=128, help=_SAMPLED)
    rollout_batch_size: int = declared("rollout_batch_size")
    num_ppo_epochs: int = declared("num_ppo_epochs")
    kl_coef: float = declared("kl_coef")
    cliprange: float = declared("cliprange")
    cliprange_value: float = declared("cliprange_value")
    vf_coef: float = declared("vf_coef")
    gamma: float = declared("gamma")
    lam: float = declared("lam")
    whiten_rewards: bool = declared("whiten_rewards")
    whiten_advantages: bool = declared("whiten_advantages")
    missing_eos_penalty: float = declared("missing_eos_penalty")
    kl_target: float = declared("kl_target")
    value_model: str = declared("value_model")
    value_head_width: int = declared("value_head_width")
    value_learning_rate: float = declared("value_learning_rate")


LEARNING_RATES: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        # all weights and LoRA of an encoder-decoder, all weights and LoRA of a decoder-only model
        "sft": (1e-4, 1e-3, 2e-5, 2e-4),
        "reward": (5e-5, 5e-4, 1e-5, 1e-4),
        "dpo": (1e-5, 1e-4, 1e-6, 5e-5),
        "orpo": (1e-4, 1e-3, 8e-6, 5e-5),
        "kto": (3e-5, 5e-4, 1e-6, 5e-5),
        "grpo": (1e-5, 3e-4, 1e-6, 1e-5),
        "rloo": (1e-5, 3e-4, 1e-6, 1e-5),
        "ppo": (1e-5, 3e-4, 3e-6, 3e-5),
    }
)
"""The learning rates that `learning_rate` 0 stands for. Small T5s and classifiers need larger steps."""


def default_learning_rate(method: str, architecture: str, use_peft: bool) -> float:
    """The learning rate that suits `method` for an `architecture` of seq2seq, causal or classifier."""
    return LEARNING_RATES[method][2 * (architecture == "causal") + use_peft]


METHOD_OPTIONS: Mapping[str, type[TrainOptions]] = MappingProxyType(
    {
        "sft": SFTOptions,
        "reward": RewardOptions,
        "dpo": DPOOptions,
        "orpo": ORPOOptions,
        "kto": KTOOptions,
        "grpo": GRPOOptions,
        "rloo": RLOOOptions,
        "ppo": PPOOptions,
    }
)
"""The settings of each method, by its name."""
