"""TRL's DPO trainer on pairs that have weights, in every loss that is a mean over pairs.

A batch's loss is the one of worker/training/shared/row_weights.py: that of each pair times its weight, over the number
of pairs. TRL computes the losses of the pairs and averages them in one function, which leaves no place for weights of
our own. But it has one for those of WPO (Zhou et al. 2024, eq. 2): with `use_weighting` it multiplies the loss of each
pair by

    exp( mean over tokens of (log p - log sum_v p_v^2) )        of the chosen text, times that of the rejected text

without gradient. `_Weighed` hands it, for log sum_v p_v^2, the number that makes this the weight w of the pair:
log p - log w for the chosen text and log p for the rejected one. They are in double precision, so that w comes out to
the last digit of single precision, and exactly 1 for w = 1. WPO's own weights are multiplied by w in the same way.

`sft` is a mean over all chosen tokens of a batch, so it is computed here, each token times the weight of its pair. The
losses of MIXING compare pairs of a batch with each other, so that a pair has no loss of its own to be weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.utils import FusedCausalLMOutput

from worker.training import processes
from worker.training.distributed.batches import SharedBatchesMixin, averaged, weight_of
from worker.training.shared.examples import WEIGHT
from worker.training.shared.row_weights import WeightCollator, WeightColumnMixin

MIXING = ("aot", "aot_unpaired")
"""The losses that sort the log-ratios of a batch."""
BATCHWIDE = (*MIXING, "bco_pair")
"""Those, and the one whose loss of a pair depends on the rewards of the others."""
_SFT = "sft"
_LEAST = torch.finfo(torch.float64).tiny  # stands in for a weight of 0, which has no logarithm; its product vanishes


class WeightedDPOTrainer(SharedBatchesMixin, WeightColumnMixin, DPOTrainer):
    """TRL's `DPOTrainer`, whose rows may have a `weight`; it behaves like TRL's if no training row weighs other than 1.

    Several processes share its batches, and compute what one process does. Raises `ValueError` for weights with a loss
    of MIXING.
    """

    pairs_weight = 1.0
    """What a mean over the pairs of the present batch weighs among those of all processes."""

    def __init__(self, model: Any, ref_model: Any = None, *, args: DPOConfig, **kwargs: Any) -> None:
        super().__init__(model, ref_model, args=args, **kwargs)
        # A mean over tokens, of which the processes have not as many as they have pairs.
        self.sft_weight = self.take_over(_SFT) if processes.count() > 1 else 0.0
        if all(weight == 1.0 for weight in self._training_weights()):
            return
        for loss in self.loss_types:
            if loss in MIXING:
                raise ValueError(f"The loss {loss} compares pairs with each other, so they cannot have weights.")
        self.sft_weight += self.take_over(_SFT)
        self.use_weighting = True
        self.data_collator = WeightCollator(self.data_collator)

    def shares_batches(self) -> bool:
        """Return whether the losses are of pairs alone, so that the pairs of a batch may be computed apart."""
        return not any(loss in BATCHWIDE for loss in self.loss_types)

    def _training_weights(self) -> Sequence[float]:
        rows: Any = self.train_dataset
        return rows[WEIGHT] if WEIGHT in rows.column_names else ()

    def take_over(self, loss_type: str) -> float:
        """Take a loss from those that TRL computes; returns its weight among the losses, 0 if it is not one of them."""
        losses = list(zip(self.loss_types, self.loss_weights, strict=True))
        self.loss_types = [loss for loss, _ in losses if loss != loss_type]
        self.loss_weights = [weight for loss, weight in losses if loss != loss_type]
        return sum(weight for loss, weight in losses if loss == loss_type)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's losses and metrics, the losses weighted if the batch has weights."""
        batch = dict(inputs)
        weights = batch.pop(WEIGHT, None)
        pairs = len(batch["input_ids"]) // 2
        self.pairs_weight = weight_of(pairs)
        policy = FirstOutput(model if weights is None else _Weighed(model, weights))
        network: Any = self.model
        with averaged(self.accelerator, self._metrics["train" if network.training else "eval"], pairs):
            result = super().compute_loss(policy, batch, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        loss = (result[0] if return_outputs else result) * self.pairs_weight
        if self.sft_weight:
            tokens = int(batch["completion_mask"][:pairs, 1:].sum())
            loss = loss + self.sft_weight * weight_of(tokens) * _weighted_nll(policy.output, batch, weights)
        return (loss, result[1]) if return_outputs else loss


class FirstOutput:
    """A callable model that keeps the output of its first call."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.output: Any = None

    def __call__(self, **inputs: Any) -> Any:
        answer = self.model(**inputs)
        if self.output is None:
            self.output = answer
        return answer


class _Weighed:
    """A callable model in whose outputs TRL finds the pairs' weights (N), where it looks for those of WPO."""

    def __init__(self, model: Any, weights: Tensor) -> None:
        self.model = model
        self.log_weights = weights.double().clamp(min=_LEAST).log()

    def __call__(self, **inputs: Any) -> Any:
        answer: Any = self.model(**inputs)
        if not isinstance(answer, FusedCausalLMOutput):  # the logits alone, which TRL returns on request
            return answer
        assert answer.log_probs is not None
        start = answer.log_probs if answer.log_sum_sq_probs is None else answer.log_sum_sq_probs
        of_rows = torch.cat([self.log_weights, torch.zeros_like(self.log_weights)])
        answer.log_sum_sq_probs = start.detach().double() - of_rows[:, None]
        return answer


def _weighted_nll(outputs: Any, batch: Mapping[str, Tensor], weights: Tensor | None) -> Tensor:
    """Return -log p of the chosen texts in nats, each times the weight of its pair, over the number of their tokens."""
    mask = batch["completion_mask"][:, 1:]
    chosen, _ = outputs.log_probs[:, -mask.shape[1] :].sum(1).chunk(2)
    tokens, _ = mask.chunk(2)
    loss: Tensor = -(chosen if weights is None else chosen * weights).sum() / tokens.sum()
    return loss
