"""The prompts of the rollouts and their order."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler


class Prompts(Dataset[Any]):
    """Prompts as a torch dataset."""

    def __init__(self, prompts: Sequence[Any]) -> None:
        self.prompts = prompts

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, index: int) -> Any:
        return self.prompts[index]


class RolloutSampler(Sampler[int]):
    """Sampler of the prompts of one epoch in blocks of `block`, each block repeated `repeats` times.

    An epoch has every prompt once, in an order that depends on `seed` and the epoch alone; the last block is filled up
    from the start of the same order. `epoch` is called whenever an epoch begins: the wrappers that distribute a data
    loader over processes, or skip batches on resumption, do not forward `set_epoch`.
    """

    def __init__(self, size: int, block: int, repeats: int, seed: int, epoch: Callable[[], int]) -> None:
        self.size, self.block, self.repeats, self.seed, self.epoch = size, block, repeats, seed, epoch

    @property
    def _blocks(self) -> int:
        return -(-self.size // self.block)

    def __len__(self) -> int:
        """Return the number of prompts with all repetitions."""
        return self._blocks * self.block * self.repeats

    def __iter__(self) -> Iterator[int]:
        """Yield block after block."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch())
        order = torch.randperm(self.size, generator=generator).tolist()
        filled = [order[place % self.size] for place in range(self._blocks * self.block)]
        for first in range(0, len(filled), self.block):
            for _ in range(self.repeats):
                yield from filled[first : first + self.block]
