"""The order in which training sees its pairs: shuffled, but the pairs of one click stay together.

One click yields several pairs, which share the prompt and the chosen text. In one batch the prompt is encoded once and
the chosen text decoded once; torn apart, they would be computed in several batches.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from torch.utils.data import Sampler

LOOK_AHEAD = 32
"""How many of the next clicks are tried for one that fits into what is left of a batch."""


def adjacent_groups(prompts: Iterable[Sequence[int]], largest: int) -> list[range]:
    """The rows in runs that have the same prompt, none longer than `largest`: so one click's pairs are written."""
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
    """Every row once an epoch: `groups` in a shuffled order that fills batches of `batch_size` with whole groups.

    A group is torn only where nothing that comes soon fits the rest of a batch. The order depends on the seed and the
    epoch alone, so that a run that is resumed sees what it would have seen.
    """

    def __init__(self, groups: Sequence[range], batch_size: int, seed: int) -> None:
        self.groups = groups
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Shuffle as in that epoch, counted from 0."""
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
        """Take the first group that fits, or as much as fits of the very first."""
        for place in range(min(LOOK_AHEAD, len(waiting))):
            if len(waiting[place]) <= left:
                group = waiting[place]
                del waiting[place]
                return group
        first = waiting.popleft()
        waiting.appendleft(first[left:])
        return first[:left]
