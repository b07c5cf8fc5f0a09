"""The settings of every way to train, under the names that TRL's own command line gives them.

One frozen dataclass a method, all built on `TrainOptions`. A setting is written once: its default, its bounds, its
choices and the sentence that explains it; the command line, the files of `--config` and the checks are made from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar, Self

from models.errors import RecipeError
from models.settings.dpo import LOSS_TYPES, SCHEDULERS, as_float, check_choice, check_label_smoothing, convert_setting

DTYPES = ("float32", "bfloat16", "float16", "auto")
ATTENTION = ("default", "eager", "sdpa", "flash_attention_2")
OPTIMIZERS = ("adamw_torch", "adafactor", "sgd", "paged_adamw_8bit")


def setting(
    default: object,
    help: str,
    least: float = -math.inf,
    greatest: float = math.inf,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field with its default, the sentence that explains it, and its bounds (both included) or choices."""
    metadata = {"help": help, "least": least, "greatest": greatest, "choices": choices}
    return field(default=default, metadata=MappingProxyType(metadata))


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What every method can be told. Lengths are in tokens; `learning_rate` 0 stands for the method's own."""

    cuts_prompts: ClassVar[bool] = False
    """Whether a prompt longer than `max_prompt_length` is cut rather than its row left out."""

    dtype: str = setting("float32", "number format of the loaded weights", choices=DTYPES)
    attn_implementation: str = setting("default", "how attention is computed", choices=ATTENTION)
    load_in_4bit: bool = setting(False, "QLoRA: hold the frozen weights in 4 bits (bitsandbytes); needs --use_peft")
    bnb_4bit_quant_type: str = setting("nf4", "the 4-bit number format", choices=("nf4", "fp4"))
    use_bnb_nested_quant: bool = setting(False, "also quantize the constants of the quantization")

    use_peft: bool = setting(False, "train a LoRA adapter instead of all weights")
    lora_r: int = setting(16, "rank of the adapter: how much it can learn, and how large it is", 1, 512)
    lora_alpha: int = setting(32, "the adapter counts lora_alpha / lora_r", 1, 1024)
    lora_dropout: float = setting(0.05, "share of the adapter's input that is dropped while training", 0, 0.9)
    lora_target_modules: tuple[str, ...] = setting((), "layers that get an adapter (default: every linear layer)")

    learning_rate: float = setting(0.0, "step size; 0 takes the one that suits method and model", 0, 0.1)
    num_train_epochs: float = setting(1.0, "passes over the data", 0.001, 1000)
    max_steps: int = setting(-1, "stop after so many optimizer steps; -1: as the epochs say", -1, 10_000_000)
    per_device_train_batch_size: int = setting(8, "rows computed at once: lower it if memory runs out", 1, 1024)
    per_device_eval_batch_size: int = setting(8, "held-out rows computed at once", 1, 1024)
    gradient_accumulation_steps: int = setting(1, "batches that make one optimizer step", 1, 1024)
    gradient_checkpointing: bool = setting(False, "compute activations twice instead of keeping them: less memory")
    optim: str = setting("adamw_torch", "optimizer", choices=OPTIMIZERS)
    weight_decay: float = setting(0.0, "AdamW's pull of the weights towards zero", 0, 1)
    lr_scheduler_type: str = setting("linear", "how the step size falls", choices=SCHEDULERS)
    warmup_steps: float = setting(0.0, "steps in which the step size rises, or their share when below 1", 0, 100_000)
    max_grad_norm: float = setting(1.0, "longer gradients are scaled down to this norm", 1e-6, 1e6)
    bf16: bool = setting(False, "compute in bfloat16 (a GPU that can does so anyway)")
    fp16: bool = setting(False, "compute in float16, for a GPU without bfloat16")
    use_cpu: bool = setting(False, "leave the GPU alone")
    seed: int = setting(0, "of the order of the data, dropout, sampling and --max_samples", 0, 2**32 - 1)

    max_samples: int = setting(0, "use that many rows, drawn by the seed; 0: all", 0, 100_000_000)
    dataset_fraction: float = setting(1.0, "use that share of the rows, drawn by the seed", 0.0001, 1)
    dev_split: int = setting(20, "one prompt in so many is held out, chosen by its hash; 0: none", 0, 1000)
    max_eval_samples: int = setting(200, "score at most that many held-out rows; 0: all", 0, 100_000_000)

    logging_steps: int = setting(10, "report the training loss every so many steps", 1, 10_000)
    eval_steps: int = setting(
        0,
        "score on the held-out rows every so many steps; 0: once an epoch, or at each checkpoint with early stopping",
        0,
        1_000_000,
    )
    save_steps: int = setting(0, "write a checkpoint every so many steps; 0: five times a run", 0, 1_000_000)
    early_stopping_patience: int = setting(
        0, "stop after so many scores without a better one, and keep the best; 0: never", 0, 1000
    )

    def __post_init__(self) -> None:
        """Check every field; `RecipeError` names the first that is wrong."""
        for one in fields(self):
            value, meta = getattr(self, one.name), one.metadata
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and not meta["least"] <= value <= meta["greatest"]:  # also refuses NaN
                bounds = f"between {meta['least']:g} and {meta['greatest']:g}"
                raise RecipeError(f"{one.name} must be {bounds}, not {as_float(value):g}.")
            for name in (value if isinstance(value, tuple) else (value,)) if meta["choices"] else ():
                check_choice(one.name, name, meta["choices"])
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

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> Self:
        """The options that `config` (parsed JSON or YAML) describes; what it leaves out has its default.

        Raises `RecipeError`, with one sentence that names the field, for an unknown key, a value of the wrong type, or
        one out of bounds.
        """
        kinds = {one.name: type(one.default) for one in fields(cls)}
        for key in config:
            if key not in kinds:
                raise RecipeError(f"{key} is not a setting of this method.")
        return cls(**{key: convert_setting(key, value, kinds[key]) for key, value in config.items()})

    def as_dict(self) -> dict[str, object]:
        """Every setting, as JSON can hold it. `from_mapping` reads it back to equal options."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class SFTOptions(TrainOptions):
    """Supervised fine-tuning of a decoder-only model on prompts and completions, with TRL's `SFTTrainer`."""

    num_train_epochs: float = setting(3.0, "passes over the data", 0.001, 1000)
    max_length: int = setting(1024, "a prompt with its completion that is longer is left out", 2, 131_072)
    completion_only_loss: bool = setting(True, "learn the completion alone, not the prompt")
    packing: bool = setting(False, "fill each row of a batch with several examples")


@dataclass(frozen=True, kw_only=True)
class RewardOptions(TrainOptions):
    """A reward model: a classifier with one output that rates the chosen text above the rejected (Bradley-Terry)."""

    max_length: int = setting(512, "a prompt with its completion that is longer is left out", 2, 131_072)
    center_rewards_coefficient: float = setting(0.0, "pull of the rewards towards a mean of zero; 0.01 is usual", 0, 10)


@dataclass(frozen=True, kw_only=True)
class _CompletionLengths(TrainOptions):
    max_prompt_length: int = setting(512, "a row with a longer prompt is left out", 2, 131_072)
    max_completion_length: int = setting(512, "a row with a longer completion is left out", 2, 131_072)


@dataclass(frozen=True, kw_only=True)
class DPOOptions(_CompletionLengths):
    """Direct Preference Optimization (Rafailov et al. 2023), with TRL's `DPOTrainer`."""

    beta: float = setting(0.1, "how dear it is to move away from the reference model", 1e-4, 10)
    loss_type: tuple[str, ...] = setting(("sigmoid",), "one or more of TRL's losses, or listwise", choices=LOSS_TYPES)
    loss_weights: tuple[float, ...] = setting((), "weight of each loss (default: 1 each)")
    label_smoothing: float = setting(0.0, "share of the preferences that are taken to be wrong", 0, 0.499)
    ref_model: str = setting("", "another reference model, a folder or a hub id (default: the model as it was)")
    precompute_ref_log_probs: bool = setting(False, "run the reference model once, before training: less memory")

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        if self.loss_weights and len(self.loss_weights) != len(self.loss_type):
            raise RecipeError("loss_weights must have one weight for each loss_type.")
        if not all(math.isfinite(weight) and weight > 0 for weight in self.loss_weights):
            raise RecipeError("loss_weights must be positive numbers.")
        check_label_smoothing(self.loss_type, self.label_smoothing)


@dataclass(frozen=True, kw_only=True)
class ORPOOptions(_CompletionLengths):
    """Odds Ratio Preference Optimization (Hong et al. 2024): one stage, no reference model."""

    beta: float = setting(0.1, "weight of the odds ratio beside the likelihood (lambda in the paper)", 1e-4, 10)


@dataclass(frozen=True, kw_only=True)
class KTOOptions(_CompletionLengths):
    """Kahneman-Tversky Optimization (Ethayarajh et al. 2024): learns from single texts marked good or bad."""

    beta: float = setting(0.1, "how dear it is to move away from the reference model", 1e-4, 10)
    loss_type: str = setting("kto", "kto, or apo_zero_unpaired", choices=("kto", "apo_zero_unpaired"))
    desirable_weight: float = setting(1.0, "weight of the good texts", 0, 100)
    undesirable_weight: float = setting(1.0, "weight of the bad texts", 0, 100)

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        if self.loss_type == "kto" and self.per_device_train_batch_size < 2:
            raise RecipeError("per_device_train_batch_size must be at least 2: KTO compares the rows of a batch.")


@dataclass(frozen=True, kw_only=True)
class _OnlineOptions(_CompletionLengths):
    reward_model_path: str = setting("", "folder of a reward model that `reward` trained, or a hub id")
    temperature: float = setting(1.0, "of the sampling; 1 samples the policy itself", 0.01, 10)
    top_p: float = setting(1.0, "sample from the likeliest tokens that hold this share", 0.01, 1)
    top_k: int = setting(0, "sample from the so many likeliest tokens; 0: all", 0, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class _GroupOptions(_OnlineOptions):
    max_completion_length: int = setting(128, "the longest text that is sampled", 2, 131_072)
    num_generations: int = setting(4, "texts sampled for each prompt, and compared with each other", 2, 256)
    num_iterations: int = setting(1, "optimizer passes over each batch of samples", 1, 100)
    epsilon: float = setting(0.2, "the ratio of new to old policy counts up to 1 ± this", 1e-4, 10)


@dataclass(frozen=True, kw_only=True)
class GRPOOptions(_GroupOptions):
    """Group Relative Policy Optimization (Shao et al. 2024), with TRL's `GRPOTrainer`."""

    beta: float = setting(0.02, "weight of the KL divergence from the reference model", 0, 10)


@dataclass(frozen=True, kw_only=True)
class RLOOOptions(_GroupOptions):
    """REINFORCE Leave-One-Out (Ahmadian et al. 2024), with TRL's `RLOOTrainer`."""

    beta: float = setting(0.05, "weight of the KL divergence from the reference model", 0, 10)


@dataclass(frozen=True, kw_only=True)
class PPOOptions(_OnlineOptions):
    """Proximal Policy Optimization (Schulman et al. 2017) from a reward model (Ziegler et al. 2019)."""

    max_completion_length: int = setting(128, "the longest text that is sampled", 2, 131_072)
    rollout_batch_size: int = setting(32, "prompts answered between two rounds of optimization", 1, 65_536)
    num_ppo_epochs: int = setting(4, "optimizer passes over each batch of answers", 1, 100)
    kl_coef: float = setting(0.05, "price of a nat of divergence from the reference model", 0, 100)
    cliprange: float = setting(0.2, "the ratio of new to old policy counts up to 1 ± this", 1e-4, 10)
    cliprange_value: float = setting(0.2, "a value may move that far from its old estimate in one round", 1e-4, 1000)
    vf_coef: float = setting(0.1, "weight of the value loss", 0, 100)
    gamma: float = setting(1.0, "discount of later rewards", 0, 1)
    lam: float = setting(0.95, "GAE's trade of bias (0) for variance (1)", 0, 1)
    whiten_rewards: bool = setting(False, "scale the rewards of a batch to unit variance")
    whiten_advantages: bool = setting(True, "scale the advantages of a batch to a mean of 0 and unit variance")
    missing_eos_penalty: float = setting(0.0, "taken from the reward of a text that does not end", 0, 1000)
    kl_target: float = setting(0.0, "adapt kl_coef towards this divergence in nats a text; 0: kl_coef is fixed", 0, 1e4)
    value_model: str = setting(
        "shared",
        "what estimates rewards to come: a head on the model itself (shared), or a second one (separate)",
        choices=("shared", "separate"),
    )
    value_head_width: int = setting(0, "units of a hidden layer in the head of the value model; 0: none", 0, 65_536)
    value_learning_rate: float = setting(1e-4, "step size of that head, which starts at zero", 0, 0.1)


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
"""What `learning_rate` 0 stands for. Small T5s and classifiers bear, and need, larger steps than chat models."""


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
