"""A matrix that is both embedding table and output head, with one gradient for all its uses.

Autograd alone would allocate, for each look-up, a gradient as large as the table and zero but for a few rows, and
another for each sum of two. Here the rows of the look-ups are added to the head's gradient, which is that large anyway.
"""

from typing import Any

import torch
from torch import Tensor


def uses_of(table: Tensor, lookups: int) -> tuple[Tensor, ...]:
    """Return `table` (V, d) as the head's matrix, followed by `lookups` views of it for `look_up`."""
    uses: tuple[Tensor, ...] = _Uses.apply(table, lookups)  # type: ignore[no-untyped-call]
    return uses


def look_up(tokens: Tensor, table: Tensor) -> Tensor:
    """Return the rows (T, d) of the ids (T) in one of the views from `uses_of`."""
    rows: Tensor = _LookUp.apply(tokens, table)  # type: ignore[no-untyped-call]
    return rows


class _Uses(torch.autograd.Function):
    """The autograd function of `uses_of`."""

    @staticmethod
    def forward(context: Any, table: Tensor, lookups: int) -> tuple[Tensor, ...]:
        """Return views of the table."""
        context.set_materialize_grads(False)
        return tuple(table.view_as(table) for _ in range(1 + lookups))

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None]:
        """Return the table's gradient, in the memory of the head's."""
        by_head, *by_lookups = gradients
        by_head = None if by_head is None else by_head.contiguous()  # an expanded tensor cannot be added to in place
        for rows in by_lookups:
            if rows is None:
                continue
            if by_head is None:
                by_head = rows.to_dense()
            else:
                by_head.index_add_(0, rows._indices()[0], rows._values())
        return by_head, None


class _LookUp(torch.autograd.Function):
    """The autograd function of `look_up`."""

    @staticmethod
    def forward(context: Any, tokens: Tensor, table: Tensor) -> Tensor:
        """Return (T, d) from the ids (T) and the table (V, d)."""
        context.save_for_backward(tokens)
        context.shape = table.shape
        return table.index_select(0, tokens)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """Return the table's gradient as a sparse tensor."""
        (tokens,) = context.saved_tensors
        return None, torch.sparse_coo_tensor(tokens[None], gradients[0], context.shape, check_invariants=False)
