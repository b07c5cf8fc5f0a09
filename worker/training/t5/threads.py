"""No more threads than the work is worth.

An OpenMP thread that waits here sleeps (`docs/decisions/0008-idle-threads-sleep.md`), so every product that two threads
share begins by waking one. In a model as narrow as the embedded one that takes longer than the second thread saves.
Parts of a batch that are computed side by side (side_by_side.py) wait seldom, but take turns at Python itself.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedConfig

NARROW = 256
"""The width, in numbers a token, up to which one thread was the quickest on two cores; at 512 two were 7 % quicker."""

PARTS = 2
"""Parts of a batch at most, since the gradients of all are kept until they are added."""

WORTH_SHARING = 2**16
"""Tokens times width from which two parts were quicker than one on two cores."""

WORTH_SHARING_ADAPTED = 3 * 2**15
"""The same with an adapter, whose products are many and small."""

_usual: int | None = None
"""PyTorch's threads before `threads_worth_waking`, while that lasts."""


def parts_at_once(tokens: int, width: int, *, adapter: bool) -> int:
    """How many parts of a batch of so many `tokens` to compute on the CPU at the same time.

    Where idle threads spin it is one: they would keep the parts from working.
    """
    enough = WORTH_SHARING_ADAPTED if adapter else WORTH_SHARING
    if not _sleeping() or tokens * width < enough:
        return 1
    return min(PARTS, _usual or torch.get_num_threads())


def _sleeping() -> bool:
    return os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE"


@contextmanager
def threads_worth_waking(config: PreTrainedConfig) -> Iterator[None]:
    """One thread for the length of the block if the model is narrow and threads sleep; else as many as there were.

    Parts of a batch may still have a core each.
    """
    global _usual
    before, usual = _usual, torch.get_num_threads()
    _usual = before or usual
    if _sleeping() and getattr(config, "hidden_size", NARROW + 1) <= NARROW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        _usual = before
        torch.set_num_threads(usual)
