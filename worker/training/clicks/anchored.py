"""Any method of training an encoder-decoder, with the penalty of anchors.py beside its loss.

The gradient of the penalty is there before the first batch of a step adds its own, so every optimizer step follows

    the method's loss + anchor_weight * KL( p_parent || p_policy )

clipped as one. Which anchors have their turn depends on the step alone: a run that goes on after its worker died takes
those that it would have taken.
"""

import random
from typing import Any

from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from worker.training.clicks.anchors import ANCHORS_PER_STEP, divergence_from_parent, read_anchors
from worker.training.run.held_out import Figures
from worker.training.run.method import Job, Method


class Anchored:
    """`method` with the penalty at `weight`."""

    def __init__(self, method: Method, weight: float) -> None:
        self.method, self.weight = method, weight
        self.name, self.kind = method.name, method.kind
        self.classifier, self.best_metric = method.classifier, method.best_metric

    def build(self, job: Job) -> Trainer:
        """The method's trainer, which has the penalty for a callback unless it weighs nothing."""
        trainer = self.method.build(job)
        if self.weight:
            trainer.add_callback(AnchorPenalty(trainer, job.loaded.tokenizer, self.weight))
        return trainer

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """The model that was trained."""
        return self.method.policy(trainer)

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """The method's own figures."""
        return self.method.score(job, model)


class AnchorPenalty(TrainerCallback):
    """Adds the gradient of the penalty to each step of `trainer`; logs its mean as `anchor_kl`, before its weight.

    It must be made before the first step, and before a checkpoint is loaded: then the policy is still the parent.
    """

    def __init__(self, trainer: Trainer, tokenizer: Any, weight: float) -> None:
        self.trainer, self.weight = trainer, weight
        with trainer.accelerator.autocast():
            self.anchors = read_anchors(trainer.model, tokenizer)
        random.Random(trainer.args.seed).shuffle(self.anchors)
        self._measured: list[float] = []

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave the gradient of the penalty on the next few anchors where the batches of the step add theirs."""
        first = state.global_step * ANCHORS_PER_STEP % len(self.anchors)
        turn = (self.anchors + self.anchors)[first : first + ANCHORS_PER_STEP]
        with self.trainer.accelerator.autocast():
            divergence = divergence_from_parent(self.trainer.model, turn)
        (self.weight * divergence).backward()  # type: ignore[no-untyped-call]
        self._measured.append(float(divergence.detach()))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add `anchor_kl`, the mean since the last log, in nats a token."""
        if logs is not None and "loss" in logs and self._measured:
            logs["anchor_kl"] = sum(self._measured) / len(self._measured)
            self._measured.clear()
