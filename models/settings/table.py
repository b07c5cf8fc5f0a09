"""Every setting of every way to train, described once, under the name that TRL, PEFT or transformers give it.

Checks, defaults, the flags of the command line, the fields of the forms and the API's description are made of this.
What a method has of its own, such as another default, stands beside its field: command_line.py, clicks.py, sft.py and
identity.py. The order is that of the forms. `anchor_weight` (worker/training/clicks/anchors.py) and `head_pairs`
(labelling.py) are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from models.settings.losses import LOSS_TYPES, SMOOTHED
from models.settings.setting import Setting

_SCHEDULERS = {
    "linear": "falling to zero",
    "cosine": "falling along a cosine",
    "constant": "the same throughout",
    "constant_with_warmup": "rising, then the same",
}
_OPTIMIZERS = ("adamw_torch", "adafactor", "sgd", "paged_adamw_8bit")
_OPTIMIZER_WORDS = {"adafactor": "Adafactor", "adamw_torch": "AdamW"}
_DEV_METRICS = {"loss": "the loss on held-out pairs", "chrf": "chrF of what it writes"}

_CLICKS = ("dpo", "orpo", "kto")
_ALL = (*_CLICKS, "sft")
_MANY = 100_000_000
_TOKENS = (2, 131_072)
_DTYPES = ("float32", "bfloat16", "float16", "auto")
_ATTENTION = ("default", "eager", "sdpa", "flash_attention_2")

_SETTINGS = (
    Setting("learning_rate", 0.0, "step size; 0 takes the one that suits method and model", (0, 0.1)),
    Setting("num_train_epochs", 1.0, "passes over the data", (0.001, 1000)),
    Setting(
        "beta",
        0.1,
        "how strongly the model is held to where it started, the reference model; smaller lets it move further",
        (1e-4, 10),
    ),
    Setting("per_device_train_batch_size", 8, "rows computed at once: lower it if memory runs out", (1, 1024)),
    Setting(
        "early_stopping_patience",
        0,
        "stop after so many scores without a better one, and keep the best; 0: never",
        (0, 1000),
    ),
    Setting(
        "anchor_weight",
        10.0,
        "how strongly the model is kept close to its parent on sentences that nobody clicked; 0: not at all",
        (0, 1000),
    ),
    Setting(
        "head_pairs",
        250,
        "at most so many pairs of rewrites that nobody clicked, labelled by what the clicks say; 0: clicks alone",
        (0, 10_000),
    ),
    Setting(
        "loss_type",
        ("sigmoid",),
        "which formula the preferences are learned by: one or more of TRL's losses, or listwise",
        choices=LOSS_TYPES,
    ),
    Setting("loss_weights", (), "weight of each loss (default: 1 each)", items=float),
    Setting(
        "label_smoothing",
        0.0,
        f"share of the preferences that are taken to be wrong; for the losses {', '.join(SMOOTHED)}",
        (0, 0.499),
    ),
    Setting("desirable_weight", 1.0, "weight of the good texts: how much one counts", (0, 100)),
    Setting(
        "undesirable_weight",
        1.0,
        "weight of the bad texts: lower it if there are many more of them than good ones",
        (0, 100),
    ),
    Setting(
        "lr_scheduler_type",
        "linear",
        "how the step size changes during the run",
        choices=tuple(_SCHEDULERS),
        words=_SCHEDULERS,
    ),
    Setting(
        "warmup_steps",
        0.0,
        "steps in which the step size rises from zero, or their share of the run when below 1",
        (0, 100_000),
    ),
    Setting("weight_decay", 0.0, "AdamW's pull of the weights towards zero", (0, 1)),
    Setting("max_grad_norm", 1.0, "longer gradients are scaled down to this norm", (1e-6, 1e6)),
    Setting(
        "optim",
        "adamw_torch",
        "optimizer: AdamW is the usual one, Adafactor needs less memory, the 8-bit one needs a GPU",
        choices=_OPTIMIZERS,
        words=_OPTIMIZER_WORDS,
    ),
    Setting(
        "gradient_accumulation_steps",
        1,
        "batches that make one optimizer step: raise it as you lower the batch size",
        (1, 1024),
    ),
    Setting("max_source_length", 512, "tokens; a longer source is cut", (2, 4096)),
    Setting("max_target_length", 512, "tokens; a pair with a longer target is left out and reported", (2, 4096)),
    Setting("max_samples", 0, "use that many rows, drawn by the seed; 0: all", (0, _MANY)),
    Setting("dataset_fraction", 1.0, "use that share of the rows, drawn by the seed", (0.0001, 1)),
    Setting("dev_split", 20, "one prompt in so many is held out, chosen by its hash; 0: none", (0, 1000)),
    Setting("save_steps", 0, "write a checkpoint every so many steps; 0: five times a run", (0, 1_000_000)),
    Setting(
        "metric_for_best_model",
        "loss",
        "what the kept checkpoint is best at; chrF rates copies of the source highly where rewrites change little",
        choices=tuple(_DEV_METRICS),
        words=_DEV_METRICS,
    ),
    Setting("use_peft", False, "train a LoRA adapter instead of all weights: less memory"),
    Setting("lora_r", 16, "rank of the adapter: how much it can learn, and how large it is", (1, 512)),
    Setting("lora_alpha", 32, "scale of the adapter: it counts lora_alpha / lora_r", (1, 1024)),
    Setting("lora_dropout", 0.05, "share of the adapter's input that is dropped while training", (0, 0.9)),
    Setting("max_prompt_length", 512, "in tokens; a row with a longer prompt is left out", _TOKENS),
    Setting("max_completion_length", 512, "in tokens; a row with a longer completion is left out", _TOKENS),
    Setting(
        "precompute_ref_log_probs", False, "run the reference model once, before training: faster, and less memory"
    ),
    Setting(
        "bf16",
        False,
        "compute in bfloat16: up to twice as fast on a processor with such instructions, slower on one without, and "
        "less exact; a GPU that can does so anyway",
    ),
    Setting("logging_steps", 10, "report the training loss every so many steps", (1, 10_000)),
    Setting(
        "seed",
        0,
        "of the order of the data, dropout, sampling and max_samples; the same seed and data give the same model on "
        "the same machine",
        (0, 2**32 - 1),
    ),
    Setting("dtype", "float32", "number format of the loaded weights", choices=_DTYPES),
    Setting("attn_implementation", "default", "how attention is computed", choices=_ATTENTION),
    Setting("load_in_4bit", False, "QLoRA: hold the frozen weights in 4 bits (bitsandbytes); needs --use_peft"),
    Setting("bnb_4bit_quant_type", "nf4", "the 4-bit number format", choices=("nf4", "fp4")),
    Setting("use_bnb_nested_quant", False, "also quantize the constants of the quantization"),
    Setting("lora_target_modules", (), "layers that get an adapter (default: every linear layer)"),
    Setting("max_steps", -1, "stop after so many optimizer steps; -1: as the epochs say", (-1, 10_000_000)),
    Setting("per_device_eval_batch_size", 8, "held-out rows computed at once", (1, 1024)),
    Setting("gradient_checkpointing", False, "compute activations twice instead of keeping them: less memory"),
    Setting("fp16", False, "compute in float16, for a GPU without bfloat16"),
    Setting("use_cpu", False, "leave the GPU alone"),
    Setting("max_eval_samples", 200, "score at most that many held-out rows; 0: all", (0, 100_000_000)),
    Setting(
        "eval_steps",
        0,
        "score on the held-out rows every so many steps; 0: once an epoch, or at each checkpoint with early stopping",
        (0, 1_000_000),
    ),
    Setting("source_prefix", "", "put before every source; only with --no_publish, since the studio puts none"),
    Setting("max_length", 1024, "a prompt with its completion that is longer is left out", (2, 131_072)),
    Setting("completion_only_loss", True, "learn the completion alone, not the prompt"),
    Setting("packing", False, "fill each row of a batch with several examples"),
    Setting("center_rewards_coefficient", 0.0, "pull of the rewards towards a mean of zero; 0.01 is usual", (0, 10)),
    Setting("ref_model", "", "another reference model, a folder or a hub id (default: the model as it was)"),
    Setting("reward_model_path", "", "folder of a reward model that `reward` trained, or a hub id"),
    Setting("temperature", 1.0, "of the sampling; 1 samples the policy itself", (0.01, 10)),
    Setting("top_p", 1.0, "sample from the likeliest tokens that hold this share", (0.01, 1)),
    Setting("top_k", 0, "sample from the so many likeliest tokens; 0: all", (0, 1_000_000)),
    Setting("num_generations", 4, "texts sampled for each prompt, and compared with each other", (2, 256)),
    Setting("num_iterations", 1, "optimizer passes over each batch of samples", (1, 100)),
    Setting("epsilon", 0.2, "the ratio of new to old policy counts up to 1 ± this", (1e-4, 10)),
    Setting("rollout_batch_size", 32, "prompts answered between two rounds of optimization", (1, 65_536)),
    Setting("num_ppo_epochs", 4, "optimizer passes over each batch of answers", (1, 100)),
    Setting("kl_coef", 0.05, "price of a nat of divergence from the reference model", (0, 100)),
    Setting("cliprange", 0.2, "the ratio of new to old policy counts up to 1 ± this", (1e-4, 10)),
    Setting("cliprange_value", 0.2, "a value may move that far from its old estimate in one round", (1e-4, 1000)),
    Setting("vf_coef", 0.1, "weight of the value loss", (0, 100)),
    Setting("gamma", 1.0, "discount of later rewards", (0, 1)),
    Setting("lam", 0.95, "GAE's trade of bias (0) for variance (1)", (0, 1)),
    Setting("whiten_rewards", False, "scale the rewards of a batch to unit variance"),
    Setting("whiten_advantages", True, "scale the advantages of a batch to a mean of 0 and unit variance"),
    Setting("missing_eos_penalty", 0.0, "taken from the reward of a text that does not end", (0, 1000)),
    Setting("kl_target", 0.0, "adapt kl_coef towards this divergence in nats a text; 0: kl_coef is fixed", (0, 1e4)),
    Setting(
        "value_model",
        "shared",
        "what estimates rewards to come: a head on the model itself (shared), or a second one (separate)",
        choices=("shared", "separate"),
    ),
    Setting("value_head_width", 0, "units of a hidden layer in the head of the value model; 0: none", (0, 65_536)),
    Setting("value_learning_rate", 1e-4, "step size of that head, which starts at zero", (0, 0.1)),
)

_OFFERED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "learning_rate": ("Learning rate", _ALL),
    "num_train_epochs": ("Epochs", _ALL),
    "beta": ("Beta", _CLICKS),
    "per_device_train_batch_size": ("Batch size", _ALL),
    "early_stopping_patience": ("Patience", ("sft",)),
    "anchor_weight": ("Stay close on other texts", _CLICKS),
    "head_pairs": ("Pairs of other texts", _CLICKS),
    "loss_type": ("Loss", ("dpo", "kto")),
    "loss_weights": ("Weights of the losses", ("dpo",)),
    "label_smoothing": ("Doubtful clicks", ("dpo",)),
    "desirable_weight": ("Weight of good texts", ("kto",)),
    "undesirable_weight": ("Weight of bad texts", ("kto",)),
    "lr_scheduler_type": ("Learning rate over time", _ALL),
    "warmup_steps": ("Warm-up steps", _ALL),
    "weight_decay": ("Weight decay", ("orpo", "kto")),
    "max_grad_norm": ("Longest gradient", _ALL),
    "optim": ("Optimizer", ("orpo", "kto", "sft")),
    "gradient_accumulation_steps": ("Batches a step", _ALL),
    "max_source_length": ("Longest source", ("sft",)),
    "max_target_length": ("Longest target", ("sft",)),
    "max_samples": ("Use so many pairs", ("sft",)),
    "dataset_fraction": ("Use this share of the pairs", ("sft",)),
    "dev_split": ("Hold out one source in", ("sft",)),
    "save_steps": ("Score every so many steps", ("sft",)),
    "metric_for_best_model": ("The best is chosen by", ("sft",)),
    "use_peft": ("Train an adapter (LoRA)", _ALL),
    "lora_r": ("Rank of the adapter", _ALL),
    "lora_alpha": ("Scale of the adapter", _ALL),
    "lora_dropout": ("Dropout of the adapter", _CLICKS),
    "max_prompt_length": ("Longest prompt", _CLICKS),
    "max_completion_length": ("Longest rewrite", _CLICKS),
    "precompute_ref_log_probs": ("Precompute the reference", ("dpo",)),
    "bf16": ("Compute in bfloat16", ("dpo", "sft")),
    "logging_steps": ("Chart every so many steps", _ALL),
    "seed": ("Seed", _ALL),
}
"""The label of a setting on a form, and the methods of training runs whose form and API take it, in their order."""

_MAIN = ("learning_rate", "num_train_epochs", "beta", "per_device_train_batch_size", "early_stopping_patience")
"""The few that most people change."""


def _described(setting: Setting) -> Setting:
    label, offered = _OFFERED.get(setting.name, ("", ()))
    return replace(setting, label=label, offered=offered, main=setting.name in _MAIN)


TABLE: Mapping[str, Setting] = MappingProxyType({one.name: _described(one) for one in _SETTINGS})
"""Every setting by its name; those that are offered come first, in the order of the forms."""
