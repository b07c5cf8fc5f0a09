"""A matrix that is embeddings and output head at once, with one gradient for all its uses.

Left to autograd, each look-up would write a gradient as large as the table and zero but for a few rows, and each sum of
two would be a further one. Here the head's gradient, which is that large anyway, takes up the rows of the look-ups.
"""

from typing import Any

import torch
from torch import Tensor


def uses_of(table: Tensor, lookups: int) -> tuple[Tensor, ...]:
    """`table` (V, d) as the head's matrix, and as many times more for `look_up`."""
    uses: tuple[Tensor, ...] = _Uses.apply(table, lookups)  # type: ignore[no-untyped-call]
    return uses


def look_up(tokens: Tensor, table: Tensor) -> Tensor:
    """The rows (T, d) of the ids (T) in one of the tables that `uses_of` made."""
    rows: Tensor = _LookUp.apply(tokens, table)  # type: ignore[no-untyped-call]
    return rows


class _Uses(torch.autograd.Function):
    """See `uses_of`."""

    @staticmethod
    def forward(context: Any, table: Tensor, lookups: int) -> tuple[Tensor, ...]:
        """The same table again and again."""
        context.set_materialize_grads(False)
        return tuple(table.view_as(table) for _ in range(1 + lookups))

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None]:
        """The gradient by the table, in the memory of the head's."""
        by_head, *by_lookups = gradients
        by_head = None if by_head is None else by_head.contiguous()  # one that is spread out can't be added to
        for rows in by_lookups:
            if rows is None:
                continue
            if by_head is None:
                by_head = rows.to_dense()
            else:
                by_head.index_add_(0, rows._indices()[0], rows._values())
        return by_head, None


class _LookUp(torch.autograd.Function):
    """See `look_up`."""

    @staticmethod
    def forward(context: Any, tokens: Tensor, table: Tensor) -> Tensor:
        """(T, d) of the ids (T) and the table (V, d)."""
        context.save_for_backward(tokens)
        context.shape = table.shape
        return table.index_select(0, tokens)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """The gradient by the table, as its rows and where they stand."""
        (tokens,) = context.saved_tensors
        return None, torch.sparse_coo_tensor(tokens[None], gradients[0], context.shape, check_invariants=False)
