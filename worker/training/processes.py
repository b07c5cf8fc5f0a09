"""The processes of one training, as `accelerate launch` starts them: ranks, waiting for all, and sums over all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as distributed
from accelerate import PartialState

if TYPE_CHECKING:
    from transformers import TrainingArguments


def is_main() -> bool:
    """Return True in the process that reports and writes: the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


def are_started() -> bool:
    """Return whether a launcher started this process."""
    return "RANK" in os.environ


def count() -> int:
    """Return the number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return the number of this process on its machine, which is also the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def rank() -> int:
    """Return the number of this process among all, from 0 on."""
    return int(os.environ.get("RANK", "0"))


def wait_for_all() -> None:
    """Wait until every process of the training has called this."""
    if count() > 1:
        PartialState().wait_for_everyone()


def sums(values: Sequence[float]) -> list[float]:
    """Return the sum of each value over all processes, each of which must call this."""
    if count() == 1:
        return list(values)
    total = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(total, group=_on_the_cpu())
    found: list[float] = total.tolist()
    return found


def mean(value: float) -> float:
    """Return the mean of a value over all processes, each of which must call this."""
    return sums([value])[0] / count()


def said_by_first(flag: bool) -> bool:
    """Return what the first process says, to every process; each must call this."""
    return bool(sums([float(flag and is_main())])[0])


@contextmanager
def entered_by_first(context: AbstractContextManager[None]) -> Iterator[None]:
    """Enter a context in the first process, for all; the others begin once it is entered."""
    if is_main():
        with context:
            wait_for_all()
            yield
    else:
        wait_for_all()
        yield


def on_one_gpu(arguments: TrainingArguments) -> None:
    """Let a process train on one GPU, also where it sees several.

    transformers would split each batch among copies of the model in threads (`DataParallel`), which PyTorch advises
    against, and which the batches of worker/training/t5 cannot be split for.
    """
    arguments._n_gpu = min(arguments.n_gpu, 1)  # private in transformers, whose trainers read it


@cache
def _on_the_cpu() -> Any:
    """Return the group for numbers that lie in main memory, so that no GPU has to be waited for."""
    PartialState()  # connects the processes
    return distributed.new_group(backend="gloo")
