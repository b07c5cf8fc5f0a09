"""A wrapper that adds the KL penalty of anchors.py to any method that trains an encoder-decoder.

Each optimizer step follows the gradient, clipped as one, of

    the method's loss + anchor_weight * KL( p_parent || p_policy )

The penalty's gradient is computed beside the one of the first batch of a step, in the same pass where the model has our
head (worker/training/t5/packed_scores.py), or else before it. The anchors of a step depend on the step's number alone,
so a resumed run uses the same ones.
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

from worker.training.clicks.anchors import ANCHORS_PER_STEP, beside_next_batch, divergence_from_parent, read_anchors
from worker.training.run.held_out import Figures
from worker.training.run.method import Job, Method
from worker.training.t5.packed_scores import Anchors


class Anchored:
    """A method that trains with the loss of `method` plus the anchor penalty times `weight`."""

    def __init__(self, method: Method, weight: float) -> None:
        self.method, self.weight = method, weight
        self.name, self.kind = method.name, method.kind
        self.classifier, self.best_metric = method.classifier, method.best_metric

    def build(self, job: Job) -> Trainer:
        """Build the method's trainer and, unless the weight is 0, add the penalty as a callback."""
        trainer = self.method.build(job)
        if self.weight:
            trainer.add_callback(AnchorPenalty(trainer, job.loaded.tokenizer, self.weight))
        return trainer

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """Return the trained model."""
        return self.method.policy(trainer)

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return the method's own held-out metrics."""
        return self.method.score(job, model)


class AnchorPenalty(TrainerCallback):
    """Callback that adds the gradient of the penalty to each step; it logs the unweighted mean as `anchor_kl`.

    Create it before the first step and before a checkpoint is loaded, while the policy still equals the parent.
    """

    def __init__(self, trainer: Trainer, tokenizer: Any, weight: float) -> None:
        self.trainer, self.weight = trainer, weight
        with trainer.accelerator.autocast():
            self.anchors = read_anchors(trainer.model, tokenizer)
        random.Random(trainer.args.seed).shuffle(self.anchors)
        self._measured: list[float] = []
        self._beside: Anchors | None = None

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Have the penalty on the step's anchors computed with the first batch, or accumulate its gradient here."""
        first = state.global_step * ANCHORS_PER_STEP % len(self.anchors)
        turn = (self.anchors + self.anchors)[first : first + ANCHORS_PER_STEP]
        self._beside = beside_next_batch(self.trainer.model, turn, self.weight)
        if self._beside is not None:
            return
        with self.trainer.accelerator.autocast():
            divergence = divergence_from_parent(self.trainer.model, turn)
        (self.weight * divergence).backward()  # type: ignore[no-untyped-call]
        self._measured.append(float(divergence.detach()))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Note the divergence, if it was computed beside the first batch."""
        if self._beside is not None:
            assert self._beside.divergence is not None
            self._measured.append(float(self._beside.divergence))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Log `anchor_kl`, the mean since the last log, in nats per token."""
        if logs is not None and "loss" in logs and self._measured:
            logs["anchor_kl"] = sum(self._measured) / len(self._measured)
            self._measured.clear()
