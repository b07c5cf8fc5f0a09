"""The settings of initial training: supervised fine-tuning (SFT) of a T5 on pairs of a source and its rewrite.

Names are those of transformers' `Seq2SeqTrainingArguments` and of TRL's command line where they have one.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

from models.errors import RecipeError
from models.settings.dpo import SCHEDULERS, check_bounds, check_choice, convert_setting

OPTIMIZERS = ("adafactor", "adamw_torch")
DEV_METRICS = ("loss", "chrf")

SFT_BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "num_train_epochs": (1, 1000),
        "learning_rate": (0.0, 0.1),
        "warmup_steps": (0, 100_000),
        "max_grad_norm": (1e-6, 1e6),
        "per_device_train_batch_size": (1, 1024),
        "gradient_accumulation_steps": (1, 1024),
        "max_source_length": (2, 4096),
        "max_target_length": (2, 4096),
        "max_samples": (0, 100_000_000),
        "dataset_fraction": (0.0001, 1),
        "dev_split": (0, 1000),
        "save_steps": (0, 1_000_000),
        "early_stopping_patience": (0, 1000),
        "lora_r": (1, 512),
        "lora_alpha": (1, 1024),
        "logging_steps": (1, 10_000),
        "seed": (0, 2**32 - 1),
    }
)
"""The least and greatest value of each numeric setting, both included."""


@dataclass(frozen=True)
class SFTRecipe:
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

    num_train_epochs: int = 20
    learning_rate: float = 1e-3
    optim: str = "adafactor"
    lr_scheduler_type: str = "constant"
    warmup_steps: float = 0.0
    max_grad_norm: float = 1.0
    per_device_train_batch_size: int = 32
    gradient_accumulation_steps: int = 1
    max_source_length: int = 512
    max_target_length: int = 512
    source_prefix: str = ""
    max_samples: int = 0
    dataset_fraction: float = 1.0
    dev_split: int = 20
    save_steps: int = 0
    metric_for_best_model: str = "loss"
    early_stopping_patience: int = 0
    use_peft: bool = False
    lora_r: int = 16
    lora_alpha: int = 32
    bf16: bool = False
    logging_steps: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field; `RecipeError` names the first that is wrong."""
        check_bounds(self, SFT_BOUNDS)
        check_choice("optim", self.optim, OPTIMIZERS)
        check_choice("lr_scheduler_type", self.lr_scheduler_type, SCHEDULERS)
        check_choice("metric_for_best_model", self.metric_for_best_model, DEV_METRICS)
        if self.dev_split == 1:
            raise RecipeError("dev_split must not be 1: one source in one held out leaves none to train on.")

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> "SFTRecipe":
        """The recipe that `config` (parsed JSON) describes; what it leaves out has its default.

        Raises `RecipeError`, with one sentence that names the field, for an unknown key, a value of the wrong type, or
        one out of bounds.
        """
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for key in config:
            if key not in kinds:
                raise RecipeError(f"{key} is not a setting of the SFT recipe.")
        return cls(**{key: convert_setting(key, value, kinds[key]) for key, value in config.items()})

    def as_dict(self) -> dict[str, object]:
        """Every setting, as JSON can hold it. `from_mapping` reads it back to an equal recipe."""
        return asdict(self)


@dataclass(frozen=True)
class SFTPlan:
    """What the studio is asked for: the data, what to start from, and the recipe.

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
        own = {key: convert_setting(key, value, kinds[key]) for key, value in config.items() if key in kinds}
        if not own.get("dataset"):
            raise RecipeError("dataset must be the SHA-256 of data that was uploaded before.")
        if own.get("version") and own.get("model_name_or_path"):
            raise RecipeError("Give version or model_name_or_path, not both.")
        recipe = SFTRecipe.from_mapping({key: value for key, value in config.items() if key not in kinds})
        if recipe.source_prefix:
            raise RecipeError("source_prefix cannot be used here: the studio gives the model texts as they are typed.")
        return cls(recipe, **own)
