"""A second process that computes a part of each batch on a core of its own, forward and backward.

Threads take turns at Python itself (side_by_side.py), which takes too much of the time in a narrow model. A forked
process has a Python of its own. It has the model as it was when it was forked; the trained weights lie in memory that
both processes share, so it sees each step of the optimizer. The parts of a batch, their outputs and the gradients of
these go through a pipe, and the gradients of the weights come back in shared memory. They are added in the order of the
parts, so the same batch always gives the same sum.
"""

import gc
import mmap
import pickle
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from worker.training.shared.training_errors import ProcessesLost

Outputs = tuple[Tensor, ...]
Compute = Callable[..., Outputs]
"""Computes tensors on the CPU from the weights and from arguments without gradient, without random numbers."""

_FORWARD, _BACKWARD = "forward", "backward"


class SecondProcess:
    """The process, as the one that forked it sees it; `weights` are all that `compute` finds a gradient for."""

    def __init__(self, compute: Compute, weights: Sequence[Tensor], connection: Connection) -> None:
        self.compute, self.weights, self._connection = compute, weights, connection
        self.gradients = [_shared_copy(weight) for weight in weights]
        self._forwards = 0

    def side_by_side(self, here: tuple[Any, ...], there: tuple[Any, ...]) -> tuple[Outputs, Outputs]:
        """Compute both parts, given by their arguments, at the same time, with the gradients of the weights.

        Raises what the computation raises, and `ProcessesLost`.
        """
        outputs = _Beside.apply(self, here, there, *self.weights)  # type: ignore[no-untyped-call]
        each = len(outputs) // 2
        return outputs[:each], outputs[each:]

    def forward(self, arguments: tuple[Any, ...]) -> int:
        """Begin a forward pass, and return its number."""
        self._forwards += 1
        self._ask(_FORWARD, self._forwards, arguments)
        return self._forwards

    def backward(self, number: int, gradients: Sequence[Tensor]) -> None:
        """Begin the backward pass of a forward pass."""
        self._ask(_BACKWARD, number, gradients)

    def answer(self) -> Any:
        """Return what the pass that was begun last has found."""
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise ProcessesLost("The second process of the training was ended from outside.") from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _ask(self, *message: Any) -> None:
        try:
            _send(self._connection, message)
        except OSError as error:
            raise ProcessesLost("The second process of the training was ended from outside.") from error

    def serve(self, connection: Connection) -> None:
        """Compute what is asked for, until the other side ends; runs in the second process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()
        torch.set_num_threads(1)  # the threads of the process that forked it are not there
        graphs: dict[int, Outputs] = {}
        with suppress(EOFError, OSError):
            while True:
                word, number, values = connection.recv()
                try:
                    found = self._pass(graphs, word, number, values)
                except Exception as error:
                    found = error.with_traceback(None)
                _send(connection, found)

    def _pass(self, graphs: dict[int, Outputs], word: str, number: int, values: Any) -> Any:
        if word == _FORWARD:
            with torch.enable_grad():
                graphs[number] = self.compute(*values)
            return [(output.detach(), output.requires_grad) for output in graphs[number]]
        outputs = graphs.pop(number)
        found = _differentiate(outputs, values, self.weights)
        for shared, gradient in zip(self.gradients, found, strict=True):
            if gradient is not None:
                shared.copy_(gradient)
        return [gradient is not None for gradient in found]


class _Beside(torch.autograd.Function):
    """The autograd function of `SecondProcess.side_by_side`."""

    @staticmethod
    def forward(
        context: Any, second: SecondProcess, here: tuple[Any, ...], there: tuple[Any, ...], *weights: Tensor
    ) -> Outputs:
        """Return the outputs of the part here, then of the one there."""
        context.second, context.number = second, second.forward(there)
        with torch.enable_grad():
            context.outputs = second.compute(*here)
        theirs = second.answer()
        copies = [output.detach() for output in context.outputs]
        constant = [copy for copy, output in zip(copies, context.outputs, strict=True) if not output.requires_grad]
        constant += [values for values, trained in theirs if not trained]
        context.mark_non_differentiable(*constant)
        return *copies, *(values for values, _ in theirs)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the sums of both parts' gradients of the weights."""
        second, own = context.second, len(context.outputs)
        second.backward(context.number, gradients[own:])
        here = _differentiate(context.outputs, gradients[:own], second.weights)
        sums = [
            mine if not trained else theirs.clone() if mine is None else mine + theirs
            for mine, theirs, trained in zip(here, second.gradients, second.answer(), strict=True)
        ]
        return None, None, None, *sums


def _differentiate(
    outputs: Outputs, gradients: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    trained = [pair for pair in zip(outputs, gradients, strict=True) if pair[0].requires_grad]
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        [output for output, _ in trained], weights, [gradient for _, gradient in trained], allow_unused=True
    )
    return found


def _send(connection: Connection, message: Any) -> None:
    """Send a message by its bytes; torch would send an open file for each tensor."""
    connection.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def _shared_copy(weight: Tensor) -> Tensor:
    """Return a copy in memory that a forked process shares; one map each, since a checkpoint saves whole storages."""
    memory = mmap.mmap(-1, max(1, weight.nbytes))
    shared = torch.frombuffer(memory, dtype=weight.dtype, count=weight.numel()).view(weight.shape)
    return shared.copy_(weight.detach())


@contextmanager
def second_process(compute: Compute, weights: Sequence[Tensor]) -> Iterator[SecondProcess]:
    """Fork a process that computes beside this one, until the block ends.

    Nothing but `weights` may change meanwhile of what `compute` computes from. They are moved to memory of both.
    """
    for weight in weights:
        weight.data = _shared_copy(weight)
    context = get_context("fork")
    ours, theirs = context.Pipe()
    second = SecondProcess(compute, weights, ours)

    def serve() -> None:
        ours.close()  # or it would not see this process end
        second.serve(theirs)

    process = context.Process(target=serve, name="part of a batch", daemon=True)
    with warnings.catch_warnings():  # since 3.12, of threads that might hold a lock: none holds one of torch's here
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        process.start()
    theirs.close()
    try:
        yield second
    finally:
        ours.close()
        process.join()
