"""Weights of training rows: the column that holds them, and how it gets into a batch.

With the losses l_i of the N rows of a batch, of which row i weighs w_i,

    loss of the batch = (w_1 l_1 + … + w_N l_N) / N

It is divided by the number of rows and not by the sum of their weights. So batches of one size that are accumulated to
a step give what one large batch gives; a batch of rows that count little moves the model little, instead of as much as
any other; and where every weight is one the loss is the same as without weights, to the last bit. Figures beside the
loss (rewards, margins, accuracy, log-probabilities) tell what the model does, and are not weighted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from worker.training.shared.examples import WEIGHT


def are_weighted(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether any row has another weight than 1."""
    return any(row.get(WEIGHT, 1.0) != 1.0 for row in rows)


def with_weights(made: Sequence[dict[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tokenized rows `made` with the weights of the rows that they were made of."""
    return [{**ids, WEIGHT: float(row.get(WEIGHT, 1.0))} for ids, row in zip(made, rows, strict=True)]


class WeightCollator:
    """Collates rows with `collate`, a collator that knows no weights, and adds their `weight` (N)."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Collate the rows without their weights, and add these."""
        batch: dict[str, Tensor] = self.collate(
            [{name: value for name, value in row.items() if name != WEIGHT} for row in examples]
        )
        batch[WEIGHT] = torch.tensor([row.get(WEIGHT, 1.0) for row in examples])
        return batch


class WeightColumnMixin:
    """Mixin for a trainer of TRL, which drops the columns that it does not know before they are collated.

    It keeps those in `kept_columns`, which a trainer that reads more of them names anew.
    """

    kept_columns: tuple[str, ...] = (WEIGHT,)

    def _set_signature_columns_if_needed(self: Any) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[misc]
        self._signature_columns += [name for name in self.kept_columns if name not in self._signature_columns]
