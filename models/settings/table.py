"""Every setting of every way to train, described once, under the name that TRL, PEFT or transformers give it.

Checks, defaults, the flags of the command line, the fields of the forms and the API's description are made of this.
What a method has of its own, such as another default, stands beside its field: command_line.py, clicks.py, sft.py and
identity.py. The order is that of the forms. `anchor_weight` (worker/training/clicks/anchors.py) and `head_pairs`
(labelling.py) are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.settings.losses import LOSS_TYPES, SMOOTHED
from models.settings.setting import Setting
from models.settings.tool_settings import TOOL_SETTINGS

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

_OFFERED = (
    Setting(
        "learning_rate",
        0.0,
        "step size; 0 takes the one that suits method and model",
        (0, 0.1),
        label="Learning rate",
        offered=_ALL,
        main=True,
    ),
    Setting("num_train_epochs", 1.0, "passes over the data", (0.001, 1000), label="Epochs", offered=_ALL, main=True),
    Setting(
        "beta",
        0.1,
        "how strongly the model is held to where it started, the reference model; smaller lets it move further",
        (1e-4, 10),
        label="Beta",
        offered=_CLICKS,
        main=True,
    ),
    Setting(
        "per_device_train_batch_size",
        8,
        "rows computed at once: lower it if memory runs out",
        (1, 1024),
        label="Batch size",
        offered=_ALL,
        main=True,
    ),
    Setting(
        "early_stopping_patience",
        0,
        "stop after so many scores without a better one, and keep the best; 0: never",
        (0, 1000),
        label="Patience",
        offered=("sft",),
        main=True,
    ),
    Setting(
        "anchor_weight",
        10.0,
        "how strongly it is kept as the parent was on sentences that nobody clicked; 0 lets go",
        (0, 1000),
        label="Hold on elsewhere",
        offered=_CLICKS,
    ),
    Setting(
        "head_pairs",
        250,
        "at most so many pairs of rewrites that nobody clicked, labelled by what the clicks say; 0: clicks alone",
        (0, 10_000),
        label="Pairs of other texts",
        offered=_CLICKS,
    ),
    Setting(
        "loss_type",
        ("sigmoid",),
        "which formula the preferences are learned by: one or more of TRL's losses, or listwise",
        choices=LOSS_TYPES,
        label="Loss",
        offered=("dpo", "kto"),
    ),
    Setting(
        "loss_weights",
        (),
        "weight of each loss (default: 1 each)",
        items=float,
        label="Weights of the losses",
        offered=("dpo",),
    ),
    Setting(
        "label_smoothing",
        0.0,
        f"share of the preferences that are taken to be wrong; for the losses {', '.join(SMOOTHED)}",
        (0, 0.499),
        label="Doubtful clicks",
        offered=("dpo",),
    ),
    Setting(
        "desirable_weight",
        1.0,
        "weight of the good texts: how much one counts",
        (0, 100),
        label="Weight of good texts",
        offered=("kto",),
    ),
    Setting(
        "undesirable_weight",
        1.0,
        "weight of the bad texts: lower it if there are many more of them than good ones",
        (0, 100),
        label="Weight of bad texts",
        offered=("kto",),
    ),
    Setting(
        "lr_scheduler_type",
        "linear",
        "how the step size changes during the run",
        choices=tuple(_SCHEDULERS),
        words=_SCHEDULERS,
        label="Learning rate over time",
        offered=_ALL,
    ),
    Setting(
        "warmup_steps",
        0.0,
        "steps in which the step size rises from zero, or their share of the run when below 1",
        (0, 100_000),
        label="Warm-up steps",
        offered=_ALL,
    ),
    Setting(
        "weight_decay",
        0.0,
        "AdamW's pull of the weights towards zero",
        (0, 1),
        label="Weight decay",
        offered=("orpo", "kto"),
    ),
    Setting(
        "max_grad_norm",
        1.0,
        "longer gradients are scaled down to this norm",
        (1e-6, 1e6),
        label="Longest gradient",
        offered=_ALL,
    ),
    Setting(
        "optim",
        "adamw_torch",
        "optimizer: AdamW is the usual one, Adafactor needs less memory, the 8-bit one needs a GPU",
        choices=_OPTIMIZERS,
        words=_OPTIMIZER_WORDS,
        label="Optimizer",
        offered=("orpo", "kto", "sft"),
    ),
    Setting(
        "gradient_accumulation_steps",
        1,
        "batches that make one optimizer step: raise it as you lower the batch size",
        (1, 1024),
        label="Batches a step",
        offered=_ALL,
    ),
    Setting(
        "max_source_length", 512, "tokens; a longer source is cut", (2, 4096), label="Longest source", offered=("sft",)
    ),
    Setting(
        "max_target_length",
        512,
        "tokens; a pair with a longer target is left out and reported",
        (2, 4096),
        label="Longest target",
        offered=("sft",),
    ),
    Setting(
        "max_samples",
        0,
        "use that many rows, drawn by the seed; 0: all",
        (0, _MANY),
        label="Use so many pairs",
        offered=("sft",),
    ),
    Setting(
        "dataset_fraction",
        1.0,
        "use that share of the rows, drawn by the seed",
        (0.0001, 1),
        label="Use this share of the pairs",
        offered=("sft",),
    ),
    Setting(
        "dev_split",
        20,
        "one prompt in so many is held out, chosen by its hash; 0: none",
        (0, 1000),
        label="Hold out one source in",
        offered=("sft",),
    ),
    Setting(
        "save_steps",
        0,
        "write a checkpoint every so many steps; 0: five times a run",
        (0, 1_000_000),
        label="Score every so many steps",
        offered=("sft",),
    ),
    Setting(
        "metric_for_best_model",
        "loss",
        "what the kept checkpoint is best at; chrF rates copies of the source highly where rewrites change little",
        choices=tuple(_DEV_METRICS),
        words=_DEV_METRICS,
        label="The best is chosen by",
        offered=("sft",),
    ),
    Setting(
        "use_peft",
        False,
        "train a LoRA adapter instead of all weights: less memory",
        label="Train an adapter (LoRA)",
        offered=_ALL,
    ),
    Setting(
        "lora_r",
        16,
        "rank of the adapter: how much it can learn, and how large it is",
        (1, 512),
        label="Rank of the adapter",
        offered=_ALL,
    ),
    Setting(
        "lora_alpha",
        32,
        "scale of the adapter: it counts lora_alpha / lora_r",
        (1, 1024),
        label="Scale of the adapter",
        offered=_ALL,
    ),
    Setting(
        "lora_dropout",
        0.05,
        "share of the adapter's input that is dropped while training",
        (0, 0.9),
        label="Dropout of the adapter",
        offered=_CLICKS,
    ),
    Setting(
        "max_prompt_length",
        512,
        "in tokens; a row with a longer prompt is left out",
        _TOKENS,
        label="Longest prompt",
        offered=_CLICKS,
    ),
    Setting(
        "max_completion_length",
        512,
        "in tokens; a row with a longer completion is left out",
        _TOKENS,
        label="Longest rewrite",
        offered=_CLICKS,
    ),
    Setting(
        "precompute_ref_log_probs",
        False,
        "run the reference model once, before training: faster, and less memory",
        label="Ask the old model once",
        offered=("dpo",),
    ),
    Setting(
        "bf16",
        False,
        "compute in bfloat16: up to twice as fast on a processor with such instructions, slower on one without, and "
        "less exact; a GPU that can does so anyway",
        label="Compute in bfloat16",
        offered=("dpo", "sft"),
    ),
    Setting(
        "logging_steps",
        10,
        "report the training loss every so many steps",
        (1, 10_000),
        label="Chart every so many steps",
        offered=_ALL,
    ),
    Setting(
        "seed",
        0,
        "of the order of the data, dropout, sampling and max_samples; the same seed and data give the same model on "
        "the same machine",
        (0, 2**32 - 1),
        label="Seed",
        offered=_ALL,
    ),
)

TABLE: Mapping[str, Setting] = MappingProxyType({one.name: one for one in (*_OFFERED, *TOOL_SETTINGS)})
"""Every setting by its name."""
