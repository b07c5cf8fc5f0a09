"""The settings of initial training: supervised fine-tuning (SFT) of a T5 on pairs of a source and its rewrite.

Names are those of transformers' `Seq2SeqTrainingArguments` and of TRL's command line where they have one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from models.model_errors import RecipeError
from models.settings.options import Options, declared
from models.settings.setting import convert


@dataclass(frozen=True, kw_only=True)
class SFTRecipe(Options):
    """One run of initial training. Lengths are in tokens, EOS included.

    Adafactor at a constant learning rate of 1e-3, relative to the size of the weights, is how T5 and mT5 were fine-
    tuned by their makers (Raffel et al. 2020, section 3.1.2; Xue et al. 2021); with `adamw_torch` take 1e-4 to
    3e-4. `warmup_steps` is in optimizer steps, or a share of the run when below 1. `dataset_fraction` takes that
    share of the pairs and `max_samples` at most that many (0: all), drawn by `seed`. One source in `dev_split` is
    held out (0: none). Every `save_steps` steps, or once an epoch if 0, the model is scored on the held-out sources
    and a checkpoint is written; the one with the best `metric_for_best_model` becomes the version, and
    `early_stopping_patience` scores without a better one end the run (0: never). `bf16` computes in bfloat16 on the
    CPU too; a GPU that can does so anyway.
    """

    title: ClassVar[str] = "the SFT recipe"
    method: ClassVar[str] = "sft"

    num_train_epochs: int = declared(
        "num_train_epochs",
        default=20,
        help="passes over the pairs; the best of them is kept, so too many cost time only",
        bounds=(1, 1000),
    )
    learning_rate: float = declared(
        "learning_rate", default=1e-3, help="step size; 0.001 suits Adafactor, 0.0001 to 0.0003 suit AdamW"
    )
    optim: str = declared(
        "optim",
        default="adafactor",
        help="optimizer; Adafactor is what T5 was made with, and needs less memory",
        choices=("adafactor", "adamw_torch"),
    )
    lr_scheduler_type: str = declared("lr_scheduler_type", default="constant")
    warmup_steps: float = declared("warmup_steps")
    max_grad_norm: float = declared("max_grad_norm")
    per_device_train_batch_size: int = declared("per_device_train_batch_size", default=32)
    gradient_accumulation_steps: int = declared("gradient_accumulation_steps")
    max_source_length: int = declared("max_source_length")
    max_target_length: int = declared("max_target_length")
    source_prefix: str = declared("source_prefix")
    max_samples: int = declared("max_samples")
    dataset_fraction: float = declared("dataset_fraction")
    dev_split: int = declared(
        "dev_split", help="one source in so many is held out, scored and never trained on, chosen by its hash; 0: none"
    )
    save_steps: int = declared(
        "save_steps", help="score, and write a checkpoint to go on from, every so many steps; 0: once an epoch"
    )
    metric_for_best_model: str = declared("metric_for_best_model")
    early_stopping_patience: int = declared("early_stopping_patience")
    use_peft: bool = declared(
        "use_peft", help="train a LoRA adapter instead of all weights: less memory, and usually a little less good"
    )
    lora_r: int = declared("lora_r")
    lora_alpha: int = declared("lora_alpha")
    bf16: bool = declared("bf16")
    logging_steps: int = declared("logging_steps")
    seed: int = declared("seed")

    def __post_init__(self) -> None:
        """Check every setting; `RecipeError` names the first that is wrong."""
        super().__post_init__()
        if self.dev_split == 1:
            raise RecipeError("dev_split must not be 1: one source in one held out leaves none to train on.")


@dataclass(frozen=True)
class SFTPlan:
    """Request for a supervised fine-tuning: the data, what to start from, and the recipe.

    `dataset` is the hash of uploaded data. The base is a published `version`, or `model_name_or_path` (a folder on
    the worker's machine or a hub id), or, with neither, the checkpoint that comes with Mellow.
    """

    recipe: SFTRecipe
    dataset: str
    version: int = 0
    model_name_or_path: str = ""
    source_column: str = ""
    target_column: str = ""
    serve: bool = True

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> "SFTPlan":
        """The plan in the `config` of a training run; raises `RecipeError` as `SFTRecipe.from_mapping` does."""
        kinds = {"dataset": str, "version": int, "model_name_or_path": str}
        kinds |= {"source_column": str, "target_column": str, "serve": bool}
        own = {key: convert(key, value, kinds[key]) for key, value in config.items() if key in kinds}
        if not own.get("dataset"):
            raise RecipeError("dataset must be the SHA-256 of data that was uploaded before.")
        if own.get("version") and own.get("model_name_or_path"):
            raise RecipeError("Give version or model_name_or_path, not both.")
        recipe = SFTRecipe.from_mapping({key: value for key, value in config.items() if key not in kinds})
        if recipe.source_prefix:
            raise RecipeError("source_prefix cannot be used here: the studio gives the model texts as they are typed.")
        return cls(recipe, **own)
