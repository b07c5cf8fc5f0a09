"""The rows of a step, shared among the processes of a training.

A step sees per_device_train_batch_size × gradient_accumulation_steps rows, however many processes there are. So a
training has the same losses on one GPU and on four, and goes on on another number of them than it began with.

For SFT, DPO, ORPO and KTO the processes share each batch of one process: they take its rows in order, about equally
many each, and a loss counts by what it is a mean over. A batch with fewer rows than there are processes is computed by
all of them; where SFT accumulates gradients, its rows then count once for each process. Held-out rows are computed by
all, too, so that their figures are those of one process. The other methods leave the sharing to accelerate, which
repeats rows to fill up the last batch of an epoch.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from math import gcd
from typing import Any, Protocol

from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler

from models.model_errors import RecipeError
from worker.training import processes


class Batches(Protocol):
    """The settings that say how many rows a step sees."""

    @property
    def per_device_train_batch_size(self) -> int:
        """Return the rows of a batch in one process."""

    @property
    def gradient_accumulation_steps(self) -> int:
        """Return the batches of a step."""


def are_shared_equally(settings: Batches, count: int) -> bool:
    """Return whether that many processes can have equally many rows of each step."""
    of_batch = gcd(settings.per_device_train_batch_size, count)
    if of_batch < count and compares_rows(settings):
        return False
    return settings.gradient_accumulation_steps % (count // of_batch) == 0


def compares_rows(settings: Batches) -> bool:
    """Return whether the loss compares each row with the others of its batch, as KTO's does: no two can be one then."""
    return getattr(settings, "loss_type", "") == "kto"


def share(settings: Batches) -> dict[str, int]:
    """Return the same two settings for each of the processes; raises RecipeError if they cannot share equally."""
    count, rows, batches = processes.count(), settings.per_device_train_batch_size, settings.gradient_accumulation_steps
    if not are_shared_equally(settings, count):
        raise RecipeError(
            f"{count} processes cannot share the rows of a step equally, {rows} × {batches} of them: choose "
            "per_device_train_batch_size or gradient_accumulation_steps so that their number divides one of them."
        )
    of_batch = gcd(rows, count)
    return {
        "per_device_train_batch_size": rows // of_batch,
        "gradient_accumulation_steps": batches // (count // of_batch),
    }


def joint(settings: Batches) -> dict[str, int]:
    """Return the same two settings for batches that all processes share, as `SharedBatchesMixin` does.

    They are the batches of one process. If those have fewer rows than there are processes, several of a step are one,
    unless the loss is of whole batches.
    """
    count, rows, batches = processes.count(), settings.per_device_train_batch_size, settings.gradient_accumulation_steps
    if compares_rows(settings):
        return {"per_device_train_batch_size": rows, "gradient_accumulation_steps": batches}
    enough = (joined for joined in range(1, batches) if batches % joined == 0 and rows * joined >= count)
    joined = next(enough, 1 if rows >= count else batches)
    return {"per_device_train_batch_size": rows * joined, "gradient_accumulation_steps": batches // joined}


class SharedBatchesMixin:
    """Mixin for a trainer of transformers, to stand before it; its batch size is that of all processes together."""

    def shares_batches(self) -> bool:
        """Return whether a batch may be taken apart; if not, each process computes all of it."""
        return True

    def _get_dataloader(self, *args: Any, is_training: bool = False, **kwargs: Any) -> Any:
        """Return transformers' loader of the batches, or of this process's part of them."""
        loader = super()._get_dataloader(*args, is_training=is_training, **kwargs)  # type: ignore[misc]
        shard = loader.batch_sampler
        if isinstance(shard, BatchSamplerShard):  # accelerate's, which gives each process whole batches of its own
            whole = not (is_training and self.shares_batches())
            shard.sampler = shard.batch_sampler.sampler  # whose epoch is set there
            shard.batch_sampler = shard.batch_sampler if whole else _Shares(shard.batch_sampler)
            shard.num_processes, shard.process_index = 1, 0
            shard.batch_size, shard.even_batches = None, False
        return loader


class _Shares(BatchSampler):
    """This process's part of each batch of `batches`."""

    def __init__(self, batches: BatchSampler) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            yield part_of(batch, processes.rank(), processes.count())


def part_of(batch: list[int], rank: int, count: int) -> list[int]:
    """Return the rows of a batch that process `rank` of `count` computes; all, if there are not enough for each."""
    if len(batch) < count:
        return batch
    return batch[len(batch) * rank // count : len(batch) * (rank + 1) // count]


def weight_of(count: float) -> float:
    """Return the factor that makes a mean over this process's `count` items one over the items of all processes.

    The processes' gradients are averaged as if each had equally many. Every process must call this.
    """
    return processes.count() * count / processes.sums([count])[0]


@contextmanager
def averaged(accelerator: Any, figures: MutableMapping[str, list[Any]], count: int) -> Iterator[None]:
    """Let figures that TRL adds within the block be means over the rows of all processes; this one has `count` rows.

    TRL gathers sums of tokens, and rows, which works only if all processes have equally many.
    """
    if processes.count() == 1:
        yield
        return
    known = {name: len(values) for name, values in figures.items()}
    gather = accelerator.gather
    accelerator.gather = lambda values: values if values.dim() else gather(values)
    try:
        yield
    finally:
        del accelerator.gather
    new = sorted(name for name, values in figures.items() if len(values) > known.get(name, 0))
    total, *found = processes.sums([count, *(count * float(figures[name][-1]) for name in new)])
    for name, value in zip(new, found, strict=True):
        figures[name][-1] = value / total
