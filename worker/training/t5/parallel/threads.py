"""Limits on the number of threads, by the size of the work.

An OpenMP thread that waits here sleeps (`docs/decisions/0008-idle-threads-sleep.md`), so every matrix product that two
threads share begins by waking one. In a model as narrow as the embedded one, waking takes longer than the second thread
saves. Parts of a batch that are computed in parallel (side_by_side.py) wait seldom, but take turns at Python itself.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedConfig

from worker.training import processes

NARROW = 256
"""The model width up to which one thread was fastest on two cores; at 512 two were 7 % faster."""

PARTS = 2
"""The most parts of a batch: the gradients of all are kept until they are added."""

WORTH_SHARING = 2**16
"""Tokens times width from which two parts were faster than one on two cores."""

WORTH_SHARING_ADAPTED = 3 * 2**15
"""The same with an adapter, whose products are many and small."""

WORTH_A_PROCESS = 2**15
"""The same where the second part has a process of its own."""

_usual: int | None = None
"""PyTorch's threads before `threads_worth_waking`, while that lasts."""


def parts_at_once(tokens: int, width: int, *, adapter: bool) -> int:
    """Return the number of parts of a batch of `tokens` tokens to compute in parallel on the CPU.

    It is one where idle threads spin, since they would slow the parts down.
    """
    threshold = WORTH_SHARING_ADAPTED if adapter else WORTH_SHARING
    if not idle_threads_sleep() or tokens * width < threshold:
        return 1
    return min(PARTS, _usual or torch.get_num_threads())


def a_core_is_free() -> bool:
    """Return whether one thread is used where there are more cores, and a process can be forked for another.

    Where there is a GPU it cannot, since a forked process could not use it, nor on macOS.
    """
    forks_well = sys.platform.startswith("linux") and not torch.cuda.is_available() and processes.count() == 1
    return forks_well and idle_threads_sleep() and torch.get_num_threads() == 1 and (_usual or 1) >= PARTS


def idle_threads_sleep() -> bool:
    """Return whether threads that wait sleep, as the environment says."""
    return os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE"


@contextmanager
def threads_worth_waking(config: PreTrainedConfig) -> Iterator[None]:
    """Limit PyTorch to one thread within the block if the model is narrow and idle threads sleep.

    Parts of a batch may still use a core each.
    """
    global _usual
    before, usual = _usual, torch.get_num_threads()
    _usual = before or usual
    if idle_threads_sleep() and getattr(config, "hidden_size", NARROW + 1) <= NARROW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        _usual = before
        torch.set_num_threads(usual)
