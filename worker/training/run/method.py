"""What a method of training is to the runner: from a job to a trainer, a trained model and its figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from peft import LoraConfig
from transformers import PreTrainedModel, Trainer

from worker.training.loading.loading import Loaded
from worker.training.run.held_out import Figures
from worker.training.shared.progress import Progress

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """What a method gets to build its trainer from.

    `train` and `held_out` are rows of the method's kind, rendered for the model: messages for a chat model, else text.
    `arguments(Config, **extra)` makes the trainer's arguments, of the given class, from everything that is common.
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


class Method(Protocol):
    """One way to train.

    `kind` names the rows it learns from (models/formats), `classifier` says that it trains a classifier with one
    output rather than a text generator, and `best_metric` is what `early_stopping_patience` waits for: the name that
    the trainer gives a held-out score, with `-` before it where less is better.
    """

    name: str
    kind: str
    classifier: bool
    best_metric: str

    def build(self, job: Job) -> Trainer:
        """The trainer, ready for `train(resume_from_checkpoint=…)`; the runner adds its callbacks."""

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """The model that was trained, wrapped by PEFT where an adapter was, without what only training needs."""

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Held-out figures of `model` that are this method's own (each with its interval), before and after training.

        The runner itself scores held-out preferences, for every method whose model writes text.
        """


def unwrapped(trainer: Trainer) -> PreTrainedModel:
    """The model of a trainer, out of what accelerate wraps it in."""
    return cast(PreTrainedModel, trainer.accelerator.unwrap_model(trainer.model))
