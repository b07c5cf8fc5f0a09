"""The seam between a training and the processes that carry it out: this process, or `accelerate launch`.

A training is a function of its progress. It runs in this process as it stands; or it is sent to several processes that
`accelerate launch` starts anew (relay.py), so that a process that was forked never has to use a GPU.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

import torch

from models.model_errors import RecipeError
from worker.training import processes
from worker.training.distributed.batches import Batches, are_shared_equally
from worker.training.distributed.relay import run_in_processes
from worker.training.shared.progress import Progress

Result = TypeVar("Result")


class Launcher(Protocol):
    """Carries out a training whose steps see as many rows as `settings` say, and returns its result.

    `training(progress=…)` is a function of a module with its arguments, a `functools.partial`. Raises what the training
    raises, and `ProcessesLost`.
    """

    def __call__(self, training: Callable[..., Result], settings: Batches, progress: Progress) -> Result:
        """Carry out the training."""


def in_this_process(training: Callable[..., Result], settings: Batches, progress: Progress) -> Result:
    """Carry out the training here."""
    return training(progress=progress)


def launcher(wanted: int) -> Launcher:
    """Return what carries out trainings in `wanted` processes, or, for 0, in one for each GPU that is visible."""
    return partial(_launch, wanted)


def _launch(wanted: int, training: Callable[..., Result], settings: Batches, progress: Progress) -> Result:
    if processes.are_started():  # by a person, with `accelerate launch`
        return in_this_process(training, settings, progress)
    gpus = 0 if getattr(settings, "use_cpu", False) else visible_gpus()
    count = count_for(wanted, gpus, settings)
    if count == 1:
        return in_this_process(training, settings, progress)
    asked = wanted or gpus
    progress.log(
        f"It trains in {count} processes, which share the rows of each step."
        if count == asked
        else f"It trains in {count} processes: {asked} could not share the rows of a step equally."
    )
    found: Any = run_in_processes(training, count, progress, use_cpu=gpus == 0)
    return found  # type: ignore[no-any-return]


def visible_gpus() -> int:
    """Return the number of GPUs that CUDA_VISIBLE_DEVICES leaves.

    torch asks NVIDIA's driver (NVML) for it and does not start CUDA, so that this process can still be forked.
    """
    return torch.cuda.device_count()


def count_for(wanted: int, gpus: int, settings: Batches) -> int:
    """Return in how many processes to train: at most those wanted, and so many that they share each step equally.

    Raises RecipeError if more are wanted than there are GPUs; without any GPU all share the processor.
    """
    if gpus and wanted > gpus:
        visible = "1 GPU is" if gpus == 1 else f"{gpus} GPUs are"
        raise RecipeError(f"TRAINING_PROCESSES is {wanted}, but only {visible} visible: each process needs its own.")
    most = wanted or max(gpus, 1)
    return max(count for count in range(1, most + 1) if are_shared_equally(settings, count))
