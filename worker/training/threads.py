"""No more threads than the products of a model are worth.

An OpenMP thread that waits here sleeps (`docs/decisions/0008-idle-threads-sleep.md`), so every product that two threads
share begins by waking one. In a model as narrow as the embedded one that takes longer than the second thread saves.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedConfig

NARROW = 256
"""The width, in numbers a token, up to which one thread was the quickest on two cores; at 512 two were 7 % quicker."""


@contextmanager
def threads_worth_waking(config: PreTrainedConfig) -> Iterator[None]:
    """One thread for the length of the block if the model is narrow and threads sleep; else as many as there were."""
    usual = torch.get_num_threads()
    sleeping = os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE"
    if sleeping and getattr(config, "hidden_size", NARROW + 1) <= NARROW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
