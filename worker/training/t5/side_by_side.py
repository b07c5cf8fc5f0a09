"""Parts of one computation on several cores at once, forward and backward.

A product of a small model is over before a second thread has woken to share it. Here each core computes a part of the
batch from its first embedding to its last score, so the cores wait for each other once forward and once backward and
not at every product. They are threads of one process: PyTorch lets go of the interpreter while it computes.

The gradients of the parts are added in the order of the parts, so the same batch always gives the same sum. Beside it,
memory is taken for the gradients of one more part.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Part = Callable[[], tuple[Tensor, ...]]
"""Computes tensors on the CPU, from weights and from what needs no gradient. It draws no random numbers."""


def side_by_side(parts: Sequence[Part], weights: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    """What each part returns, with the gradient by `weights`, which must be all that have one.

    Every part returns as many tensors, some of them with a gradient. There is one backward pass, as always without
    `retain_graph`.
    """
    trained = [weight for weight in weights if weight.requires_grad] if torch.is_grad_enabled() else []
    if not trained:
        return _at_once(parts)
    outputs = _SideBySide.apply(parts, *trained)  # type: ignore[no-untyped-call]
    each = len(outputs) // len(parts)
    return [tuple(outputs[first : first + each]) for first in range(0, len(outputs), each)]


def _at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the calls return. Each has a thread, the caller's number format, its mode of gradients and a share of its
    threads; the first error of any is raised when all have ended."""
    usual = torch.get_num_threads()
    gradients = torch.is_grad_enabled()
    low, autocast = torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")

    def run(call: Callable[[], Any]) -> Any:
        torch.set_num_threads(max(1, usual // len(calls)))
        # What autocast keeps of converted weights is the whole process's, and gone when the first thread has ended.
        with torch.set_grad_enabled(gradients), torch.autocast("cpu", low, autocast, cache_enabled=False):
            return call()

    try:
        with ThreadPoolExecutor(len(calls) - 1) as pool:
            others = [pool.submit(run, call) for call in calls[1:]]
            return [run(calls[0]), *(other.result() for other in others)]
    finally:
        torch.set_num_threads(usual)


class _SideBySide(torch.autograd.Function):
    """See `side_by_side`."""

    @staticmethod
    def forward(context: Any, parts: Sequence[Part], *weights: Tensor) -> tuple[Tensor, ...]:
        """The outputs of all parts, one part after the other."""
        with torch.enable_grad():
            context.found = _at_once(parts)
        context.weights = weights
        outputs = [output for part in context.found for output in part]
        copies = tuple(output.detach() for output in outputs)
        context.mark_non_differentiable(
            *(copy for copy, output in zip(copies, outputs, strict=True) if not output.requires_grad)
        )
        return copies

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The sums of the gradients of the parts."""
        given = iter(gradients)
        pairs = [[(output, next(given)) for output in part] for part in context.found]

        def differentiate(part: list[tuple[Tensor, Tensor]]) -> tuple[Tensor | None, ...]:
            outputs, by_outputs = zip(*(pair for pair in part if pair[0].requires_grad), strict=True)
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                outputs, context.weights, by_outputs, allow_unused=True
            )
            return found

        found = [list(gradients) for gradients in _at_once([partial(differentiate, part) for part in pairs])]
        return (None, *(_sum(found, place) for place in range(len(context.weights))))


def _sum(found: list[list[Tensor | None]], place: int) -> Tensor | None:
    """Of the gradients at one place of each part, in their order, which are dropped there; of none there is none."""
    total = None
    for gradients in found:
        gradient, gradients[place] = gradients[place], None
        if gradient is not None:
            total = gradient if total is None else total + gradient
    return total
