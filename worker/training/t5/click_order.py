"""A sampler that shuffles pairs but keeps the pairs of one click together.

One click yields several pairs, which share the prompt and the chosen text. Within one batch the prompt is encoded once
and the chosen text decoded once; split up, they would be computed in several batches.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from torch.utils.data import Sampler

LOOK_AHEAD = 32
"""The number of coming groups that are tried for one that fits into the rest of a batch."""


def adjacent_groups(prompts: Iterable[Sequence[int]], largest: int) -> list[range]:
    """Group adjacent rows with the same prompt, such as the pairs of one click, at most `largest` a group."""
    groups: list[range] = []
    previous: Sequence[int] | None = None
    for number, prompt in enumerate(prompts):
        if prompt == previous and len(groups[-1]) < largest:
            groups[-1] = range(groups[-1].start, number + 1)
        else:
            groups.append(range(number, number + 1))
        previous = prompt
    return groups


class ClickSampler(Sampler[int]):
    """Yields every row once an epoch: `groups` in a shuffled order, filling batches of `batch_size` with whole groups.

    A group is split only if none of the coming ones fits the rest of a batch. The order depends on the seed and the
    epoch alone, so a resumed run sees the same rows.
    """

    def __init__(self, groups: Sequence[range], batch_size: int, seed: int) -> None:
        self.groups = groups
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, counted from 0, whose order is used."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(len(group) for group in self.groups)

    def __iter__(self) -> Iterator[int]:
        waiting = deque(self.groups)
        random.Random(f"{self.seed} {self.epoch}").shuffle(waiting)
        left = self.batch_size
        while waiting:
            group = self._next(waiting, left)
            yield from group
            left = left - len(group) or self.batch_size

    @staticmethod
    def _next(waiting: deque[range], left: int) -> range:
        """Take the first group that fits, or as much of the very first group as fits."""
        for place in range(min(LOOK_AHEAD, len(waiting))):
            if len(waiting[place]) <= left:
                group = waiting[place]
                del waiting[place]
                return group
        first = waiting.popleft()
        waiting.appendleft(first[left:])
        return first[:left]
