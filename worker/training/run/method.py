"""The interface between a training method and the runner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel, Trainer

from worker.training.loading.loading import Loaded
from worker.training.run.held_out import Figures
from worker.training.shared.progress import Progress

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """Everything from which a method builds its trainer.

    `train` and `held_out` are rows of the method's kind, rendered for the model: messages for a chat model, else text.
    `arguments(Config, **extra)` returns the trainer's arguments, of the given class, with all common settings.
    `peft_config` is the LoRA adapter to train, or None. `work` is a scratch folder that is removed at the end.
    """

    loaded: Loaded
    train: Rows
    held_out: Rows
    options: Any  # the method's own subclass of TrainOptions
    learning_rate: float
    work: Path
    progress: Progress
    arguments: Callable[..., Any]
    peft_config: LoraConfig | None

    @property
    def trains_adapter(self) -> bool:
        """Return whether an adapter is trained: a new one, or one that the model has already."""
        return self.peft_config is not None or isinstance(self.loaded.model, PeftModel)


class Method(Protocol):
    """A training method.

    `kind` is the kind of its rows (models/formats), `classifier` is true if it trains a classifier with one output
    instead of a text generator, and `best_metric` is the metric of `early_stopping_patience`: the trainer's name of a
    held-out metric, with `-` before it if lower is better.
    """

    name: str
    kind: str
    classifier: bool
    best_metric: str

    def build(self, job: Job) -> Trainer:
        """Build the trainer, ready for `train(resume_from_checkpoint=…)`; the runner adds its callbacks."""

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """Return the trained model, wrapped by PEFT if it has an adapter, without parts that only training needs."""

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return this method's own held-out metrics of `model`, each with its interval, before and after training.

        The runner itself scores held-out pairs, for every method whose model generates text.
        """


def unwrapped(trainer: Trainer) -> PreTrainedModel:
    """Return the model of a trainer, unwrapped from accelerate."""
    return cast(PreTrainedModel, trainer.accelerator.unwrap_model(trainer.model))
