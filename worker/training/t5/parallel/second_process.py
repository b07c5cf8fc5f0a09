"""A second process that computes a part of each batch on a core of its own, forward and backward.

Threads take turns at Python itself (side_by_side.py), which takes too much of the time in a narrow model. A forked
process has a Python of its own. It has the model as it was when it was forked; the trained weights lie in memory that
both processes share, so it sees each step of the optimizer. The parts of a batch, their outputs and the gradients of
these go through a pipe, and the gradients of the weights come back in shared memory. They are added in the order of the
parts, so the same batch always gives the same sum.

The training never depends on it: where it cannot be started, fails, hangs or is killed, its part is computed here.
"""

import ctypes
import gc
import logging
import mmap
import os
import pickle
import signal
import socket
import struct
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

log = logging.getLogger(__name__)

ANSWERS_WITHIN = 600
"""Seconds after which a pass, which takes a few at most, will not end any more."""

ENDS_WITHIN = 10
"""Seconds after which a process that was told to end, or was killed, is not waited for any longer."""

Outputs = tuple[Tensor, ...]
Compute = Callable[..., Outputs]
"""Computes tensors on the CPU from the weights and from arguments without gradient, without random numbers."""

_FORWARD, _BACKWARD = "forward", "backward"
_PR_SET_PDEATHSIG = 1


class SecondProcess:
    """The process, as the one that forks it sees it; `weights` are all that `compute` finds a gradient for.

    They are moved to memory of both. Raises OSError where there is no room for another process.
    """

    def __init__(self, compute: Compute, weights: Sequence[Tensor]) -> None:
        self.compute, self.weights = compute, weights
        self.gradients, shared = ([_shared_copy(weight) for weight in weights] for _ in range(2))
        for weight, copy in zip(weights, shared, strict=True):
            weight.data = copy
        self.is_there = True
        self._begun = self._answered = 0
        self._connection, self._theirs = get_context("fork").Pipe()
        prctl = ctypes.CDLL(None).prctl  # looked up here: in the other process the loader might be locked
        self._process = get_context("fork").Process(
            target=self._live, args=(prctl,), name="part of a batch", daemon=True
        )
        try:
            _limit_waits(self._connection.fileno())
            with warnings.catch_warnings():  # since 3.12, of threads that might hold a lock: _live takes none of theirs
                warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
                self._process.start()
        except OSError:
            self._connection.close()
            raise
        finally:
            self._theirs.close()

    def side_by_side(self, here: tuple[Any, ...], there: tuple[Any, ...]) -> tuple[Outputs, Outputs]:
        """Compute both parts, given by their arguments, at the same time, with the gradients of the weights.

        Raises what the computation raises.
        """
        outputs = _Beside.apply(self, here, there, *self.weights)  # type: ignore[no-untyped-call]
        each = len(outputs) // 2
        return outputs[:each], outputs[each:]

    def computed(self, arguments: tuple[Any, ...]) -> Outputs:
        """Compute a part in this process, with its graph."""
        with torch.enable_grad():
            return self.compute(*arguments)

    def begin(self, word: str, values: Any, forward: int = 0) -> int:
        """Begin a pass, and return its number; a backward pass begins with the number of its forward pass."""
        self.answer(self._begun)  # of a pass that nobody waits for, since the part here failed
        self._begun += 1
        if self.is_there:
            try:
                self._connection.send_bytes(_packed((self._begun, word, forward, values)))
            except OSError as error:
                self._lose(_how_it_was_lost(error))
        return self._begun

    def answer(self, number: int) -> Any:
        """Return what a pass has found, or None if the process is lost, so that it has to be found here."""
        found = None
        while self.is_there and self._answered < number:
            try:
                self._answered, found, failure = self._connection.recv()
            except (EOFError, OSError) as error:
                failure = _how_it_was_lost(error)
            if failure:
                self._lose(failure)
        return found if self.is_there else None

    def end(self) -> None:
        """End the process; kill it if it does not."""
        self._connection.close()
        self._process.join(ENDS_WITHIN)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(ENDS_WITHIN)

    def _lose(self, failure: str) -> None:
        self.is_there = False
        log.warning("The training goes on without its second process, which %s", failure)
        self._process.kill()
        self.end()

    def _live(self, prctl: Callable[[int, int], int]) -> None:
        """Be the second process.

        A thread of the first may have held any lock at the fork. So nothing is logged or printed here, and the end
        flushes no stream and closes nothing.
        """
        try:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            self._connection.close()  # or it would not see the first process end
            with suppress(OSError):  # the first process can go on without this one
                Path("/proc/self/oom_score_adj").write_text("1000")
            self._serve()
        finally:
            os._exit(0)

    def _serve(self) -> None:
        """Compute what is asked for, until the other side ends."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()
        torch.set_num_threads(1)  # the threads of the process that forked it are not there
        graphs: dict[int, Outputs] = {}
        with suppress(EOFError, OSError):
            while True:
                number, *message = self._theirs.recv()
                try:
                    answer = _packed((number, self._pass(graphs, number, *message), ""))
                except Exception:
                    answer = _packed((number, None, f"failed:\n{traceback.format_exc()}"))
                self._theirs.send_bytes(answer)

    def _pass(self, graphs: dict[int, Outputs], number: int, word: str, forward: int, values: Any) -> Any:
        if word == _FORWARD:
            graphs[number] = self.computed(values)
            return _values(graphs[number])
        found = _differentiate(graphs.pop(forward), values, self.weights)
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
        context.second, context.there, context.theirs = second, there, None
        context.number = second.begin(_FORWARD, there)
        context.outputs = second.computed(here)
        found = second.answer(context.number)
        if found is None:
            context.theirs = second.computed(there)
            found = _values(context.theirs)
        values = [*_values(context.outputs), *found]
        context.mark_non_differentiable(*(value for value, trained in values if not trained))
        return tuple(value for value, _ in values)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the sums of both parts' gradients of the weights."""
        second, own = context.second, len(context.outputs)
        number = second.begin(_BACKWARD, gradients[own:], context.number)
        here = _differentiate(context.outputs, gradients[:own], second.weights)
        trained = second.answer(number)
        if trained is None:
            outputs = context.theirs or second.computed(context.there)
            there = _differentiate(outputs, gradients[own:], second.weights)
        else:
            there = tuple(found if known else None for found, known in zip(second.gradients, trained, strict=True))
        sums = [
            mine if theirs is None else theirs.clone() if mine is None else mine + theirs
            for mine, theirs in zip(here, there, strict=True)
        ]
        return None, None, None, *sums


def _values(outputs: Outputs) -> list[tuple[Tensor, bool]]:
    """Return the values without their graph, each with whether it has one."""
    return [(output.detach(), output.requires_grad) for output in outputs]


def _differentiate(
    outputs: Outputs, gradients: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    trained = [pair for pair in zip(outputs, gradients, strict=True) if pair[0].requires_grad]
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        [output for output, _ in trained], weights, [gradient for _, gradient in trained], allow_unused=True
    )
    return found


def _packed(message: Any) -> bytes:
    """Return a message as bytes; torch would send an open file for each tensor."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def _limit_waits(end_of_pipe: int) -> None:
    """Have every read and write at an end of a pipe, which is a socket, fail after `ANSWERS_WITHIN`."""
    with socket.socket(fileno=os.dup(end_of_pipe)) as end:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            end.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", ANSWERS_WITHIN, 0))


def _how_it_was_lost(error: Exception) -> str:
    return "did not answer." if isinstance(error, BlockingIOError) else "was ended from outside."


def _shared_copy(weight: Tensor) -> Tensor:
    """Return a copy in memory that a forked process shares; one map each, since a checkpoint saves whole storages."""
    memory = mmap.mmap(-1, max(1, weight.nbytes))
    shared = torch.frombuffer(memory, dtype=weight.dtype, count=weight.numel()).view(weight.shape)
    return shared.copy_(weight.detach())


@contextmanager
def second_process(compute: Compute, weights: Sequence[Tensor]) -> Iterator[SecondProcess | None]:
    """Fork a process that computes beside this one until the block ends; yield None if the system refuses one.

    Nothing but `weights` may change meanwhile of what `compute` computes from.
    """
    try:
        second = SecondProcess(compute, weights)
    except OSError as error:
        log.warning("The training has no second process: %s.", error.strerror)
        yield None
        return
    try:
        yield second
    finally:
        second.end()
