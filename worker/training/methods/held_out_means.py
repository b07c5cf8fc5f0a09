"""Held-out metrics of a trainer as means over all rows.

TRL averages the figures of batches, in which the rows of a short last batch count more than others. So does
transformers where a loss is a mean over tokens, in which those of short rows count more. Early stopping chooses by
these figures. Here each batch counts by what its figures are means over: its rows, its tokens, or its rows of one
label. Not covered: figures of tokens beside figures of rows (`entropy`, `logits/…` and `mean_token_accuracy` of
preference methods, the NLL in ORPO's loss), which count by rows.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from worker.training import processes
from worker.training.t5.token_scores import IGNORED

LOSS = "loss"


class HeldOutMeansMixin:
    """Mixin for a trainer of TRL or transformers, to stand before it; `counted` is a column with one item a row."""

    counted = "input_ids"

    def batch_weight(self, name: str, inputs: Any) -> int:
        """Return how much a batch counts in the metric `name`, or in the loss: by default the number of its rows."""
        return len(inputs) if isinstance(inputs, list) else len(inputs[self.counted])

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate as usual, and weight the figures of the batches."""
        self._weights: defaultdict[str, list[float]] = defaultdict(list)
        self._losses: list[float] = []
        output = super().evaluation_loop(*args, **kwargs)  # type: ignore[misc]
        for name in output.metrics:
            if name.endswith(f"_{LOSS}"):
                output.metrics[name] = _mean(self._losses, self._weights.pop(LOSS))
        figures = self.batch_figures()
        for name, weights in self._weights.items():
            if len(figures[name]) == len(weights):  # else a running total, which replaces itself
                figures[name] = [_mean(figures[name], weights)]
        return output

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate a batch, and note how much its figures count."""
        batch = copy.copy(inputs)  # TRL takes columns out of its own
        known = {name: len(values) for name, values in self.batch_figures().items()}
        result = super().prediction_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        self._losses.append(self._loss_of_all(float(result[0]), batch))
        for name in (
            LOSS,
            *(name for name, values in self.batch_figures().items() if len(values) > known.get(name, 0)),
        ):
            self._weights[name].append(processes.sums([self.batch_weight(name, batch)])[0])
        return result

    def _loss_of_all(self, loss: float, batch: Any) -> float:
        """Return the mean loss of the processes' batches, of which this one's is given."""
        if processes.count() == 1:
            return loss
        weight = self.batch_weight(LOSS, batch)
        total, weights = processes.sums([loss * weight, weight])
        return total / weights if weights else 0.0

    def batch_figures(self: Any) -> dict[str, list[Any]]:
        """Return TRL's lists of the held-out figures of batches, which it averages when it logs them."""
        for kept in ("_metrics", "_stored_metrics"):
            if hasattr(self, kept):
                figures: dict[str, list[Any]] = getattr(self, kept)["eval"]
                return figures
        return {}


class TokenMeansMixin(HeldOutMeansMixin):
    """The same where loss and metrics are means over the tokens of `labels`."""

    def batch_weight(self: Any, name: str, inputs: Any) -> int:
        """Return the number of tokens that are scored."""
        labels = inputs["labels"]
        scored = labels if self.model.config.is_encoder_decoder else labels[:, 1:]
        return int((scored != IGNORED).sum())


def _mean(values: list[Any], weights: list[float]) -> float:
    total = sum(weights)
    return sum(float(value) * weight for value, weight in zip(values, weights, strict=True)) / total if total else 0.0
