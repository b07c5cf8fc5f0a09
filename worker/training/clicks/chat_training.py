"""Training of a chat model on clicks: a LoRA adapter of its base, by DPO, ORPO or KTO.

The first adapter is trained from the base, which is then the reference model. From a version that is an adapter itself,
that adapter is trained further, and a copy of it as it was is the reference. Either way what comes out is one adapter
of the base, of one rank, however many rounds there were.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from models.settings.command_line import TrainOptions
from worker.training.clicks.click_training import ClickResult, carried_out
from worker.training.distributed.launcher import Launcher, in_this_process
from worker.training.loading.rendering import Row
from worker.training.methods import method_of
from worker.training.run.runner import train
from worker.training.run.saving import ADAPTER
from worker.training.shared.progress import Progress


def train_chat(
    base_dir: Path,
    parent_adapter: Path | None,
    rows: Sequence[Row],
    method: str,
    options: TrainOptions,
    run_dir: Path,
    progress: Progress,
    launcher: Launcher = in_this_process,
) -> ClickResult:
    """Train on rows of the method's kind, whose prompts are conversations, and write adapter/ to `run_dir`.

    `base_dir` holds the base, `parent_adapter` the adapter of it to go on from. An earlier attempt at the same rows in
    `run_dir` is resumed. Raises `TrainingError` of any kind, or `MemoryError`.
    """
    training = partial(train, method_of(method), str(base_dir), adapter=parent_adapter, whole=False)
    return carried_out(training, ADAPTER, rows, options, run_dir, progress, launcher=launcher)
