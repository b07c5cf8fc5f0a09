"""Which prompts a rollout is made from."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler


class Prompts(Dataset[Any]):
    """Prompts, as the base class of the trainer wants them."""

    def __init__(self, prompts: Sequence[Any]) -> None:
        self.prompts = prompts

    def __len__(self) -> int:
        """The number of prompts."""
        return len(self.prompts)

    def __getitem__(self, index: int) -> Any:
        """One prompt."""
        return self.prompts[index]


class RolloutSampler(Sampler[int]):
    """The numbers of the prompts of one epoch, in blocks of `block`, each block said `repeats` times over.

    An epoch has every prompt once, in an order that depends on `seed` and the epoch alone; the last block is filled
    up from the start of the same order. `epoch` is asked whenever an epoch begins: what wraps a data loader for several
    processes, or skips what a checkpoint has behind it, does not pass `set_epoch` on.
    """

    def __init__(self, size: int, block: int, repeats: int, seed: int, epoch: Callable[[], int]) -> None:
        self.size, self.block, self.repeats, self.seed, self.epoch = size, block, repeats, seed, epoch

    @property
    def _blocks(self) -> int:
        return -(-self.size // self.block)

    def __len__(self) -> int:
        """Prompts with all repetitions."""
        return self._blocks * self.block * self.repeats

    def __iter__(self) -> Iterator[int]:
        """Block after block."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch())
        order = torch.randperm(self.size, generator=generator).tolist()
        filled = [order[place % self.size] for place in range(self._blocks * self.block)]
        for first in range(0, len(filled), self.block):
            for _ in range(self.repeats):
                yield from filled[first : first + self.block]
