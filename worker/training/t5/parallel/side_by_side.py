"""Parallel computation of the parts of a batch on several cores, forward and backward.

A matrix product of a small model is done before a second thread has woken to share it. Here each core computes a part
of the batch from the first embedding to the last score, so the cores synchronize once forward and once backward and not
at every product. They are threads of one process: PyTorch releases the interpreter's lock while it computes.

The gradients of the parts are added in a fixed order, so the same batch always gives the same sum. This takes memory
for the gradients of one more part.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Part = Callable[[], tuple[Tensor, ...]]
"""Computes tensors on the CPU, from weights and from inputs without gradient, without random numbers."""


def side_by_side(parts: Sequence[Part], weights: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    """Compute the parts in parallel and return their outputs, with the gradients of `weights`.

    `weights` must be all tensors that require a gradient. Every part returns the same number of tensors, some with a
    gradient. There is one backward pass, as always without `retain_graph`.
    """
    trained = [weight for weight in weights if weight.requires_grad] if torch.is_grad_enabled() else []
    if not trained:
        return _call_in_threads(parts)
    outputs = _Parallel.apply(parts, *trained)  # type: ignore[no-untyped-call]
    each = len(outputs) // len(parts)
    return [tuple(outputs[first : first + each]) for first in range(0, len(outputs), each)]


def _call_in_threads(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call each function in a thread of its own and return the results.

    The threads inherit the caller's autocast and gradient modes and divide its PyTorch threads; after all have ended,
    the first error is raised.
    """
    threads = torch.get_num_threads()
    gradients = torch.is_grad_enabled()
    low, autocast = torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")

    def run(call: Callable[[], Any]) -> Any:
        torch.set_num_threads(max(1, threads // len(calls)))
        # Autocast's cache of converted weights belongs to the process and is cleared when the first thread ends.
        with torch.set_grad_enabled(gradients), torch.autocast("cpu", low, autocast, cache_enabled=False):
            return call()

    try:
        with ThreadPoolExecutor(len(calls) - 1) as pool:
            others = [pool.submit(run, call) for call in calls[1:]]
            return [run(calls[0]), *(other.result() for other in others)]
    finally:
        torch.set_num_threads(threads)


class _Parallel(torch.autograd.Function):
    """The autograd function of `side_by_side`."""

    @staticmethod
    def forward(context: Any, parts: Sequence[Part], *weights: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of all parts, one part after the other."""
        with torch.enable_grad():
            context.found = _call_in_threads(parts)
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
        """Return the sums of the parts' gradients."""
        given = iter(gradients)
        pairs = [[(output, next(given)) for output in part] for part in context.found]

        def differentiate(part: list[tuple[Tensor, Tensor]]) -> tuple[Tensor | None, ...]:
            outputs, by_outputs = zip(*(pair for pair in part if pair[0].requires_grad), strict=True)
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                outputs, context.weights, by_outputs, allow_unused=True
            )
            return found

        found = [list(gradients) for gradients in _call_in_threads([partial(differentiate, part) for part in pairs])]
        return (None, *(_sum(found, place) for place in range(len(context.weights))))


def _sum(found: list[list[Tensor | None]], place: int) -> Tensor | None:
    """Sum the parts' gradients of one weight in order, dropping each; return None if there is none."""
    total = None
    for gradients in found:
        gradient, gradients[place] = gradients[place], None
        if gradient is not None:
            total = gradient if total is None else total + gradient
    return total
