"""Training on clicks with the methods of worker/training/methods: DPO and ORPO on pairs, KTO on marked texts.

Beside the files of worker/training/run/runner.py, the run folder keeps what a resumed run needs:

    history.jsonl       every reported metric, replayed to the chart
    model/, adapter/    the result of training; a run that has them does not train again
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from models.formats import rows_sha256
from models.settings.clicks import ClickOptions
from models.settings.command_line import TrainOptions
from models.store.locks import remove_unless_locked
from worker.training.clicks.anchored import Anchored
from worker.training.distributed.launcher import Launcher, in_this_process
from worker.training.loading.rendering import Row
from worker.training.methods import method_of
from worker.training.run.data import TrainingData
from worker.training.run.method import Method
from worker.training.run.runner import RESULT, Result, train
from worker.training.run.saving import MODEL
from worker.training.shared.progress import Progress
from worker.training.shared.run_folder import last_whole_checkpoint, write_small
from worker.training.shared.training_errors import DatasetError

HISTORY = "history.jsonl"
_IDENTITY = "training.json"

Report = tuple[int, Mapping[str, float]]
"""An optimizer step, and the metrics measured there."""


@dataclass(frozen=True)
class ClickResult:
    """Figures of a finished training. Margin and accuracy are means over the last epoch, as TRL logs them.

    They are None where the method reports none, or no batch held both chosen and rejected texts.
    """

    examples: int
    steps: int
    seconds: float
    train_loss: float
    reward_margin: float | None
    reward_accuracy: float | None

    def as_dict(self) -> dict[str, float]:
        """Return the figures that are not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def train_on_clicks(
    method: str | Method,
    parent_dir: Path | str,
    rows: Sequence[Row],
    options: ClickOptions,
    run_dir: Path,
    progress: Progress,
    reported: Collection[str] | None = None,
    launcher: Launcher = in_this_process,
) -> ClickResult:
    """Train the encoder-decoder in `parent_dir` on rows of the method's kind; write model/ and adapter/ to `run_dir`.

    An earlier attempt at the same rows in `run_dir` is resumed. `progress` receives every metric, or only those named
    in `reported`. `launcher` says in which processes it trains. Raises `TrainingError` of any kind, or `MemoryError`.
    """
    chosen = method_of(method) if isinstance(method, str) else method
    training = partial(train, Anchored(chosen, options.anchor_weight), str(parent_dir))
    return carried_out(training, MODEL, rows, options, run_dir, progress, reported, launcher)


def carried_out(
    training: Callable[..., Result],
    made: str,
    rows: Sequence[Row],
    options: TrainOptions,
    run_dir: Path,
    progress: Progress,
    reported: Collection[str] | None = None,
    launcher: Launcher = in_this_process,
) -> ClickResult:
    """Carry out a training, the runner's with its method and model, on rows in `run_dir`, as `train_on_clicks` says.

    `made` is the folder that the training leaves there last.
    """
    if not rows:
        raise DatasetError("There are no clicks to train on.")
    digest = rows_sha256(rows)
    if _trained_on(run_dir) not in (None, digest):
        remove_unless_locked(run_dir)  # some of the clicks were undone since
    recorder = _RecordingProgress(progress, run_dir / HISTORY, reported)
    finished = (run_dir / made).is_dir()
    checkpoint = last_whole_checkpoint(run_dir)
    recorder.replay(None if finished else int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0)
    if finished:
        progress.log("An earlier attempt had trained the model already.")
    else:
        data = TrainingData(train=rows, held_out=(), pairs=(), sha256=digest, summary={"rows": len(rows)})
        launcher(partial(training, data, options, run_dir), options, recorder)
    result = json.loads((run_dir / RESULT).read_text(encoding="utf-8"))
    return ClickResult(
        examples=len(rows),
        steps=result["steps"],
        seconds=result["seconds"],
        train_loss=result["train_loss"],
        reward_margin=_last_epoch("rewards/margins", recorder.reports, result["steps"], options.num_train_epochs),
        reward_accuracy=_last_epoch("rewards/accuracies", recorder.reports, result["steps"], options.num_train_epochs),
    )


def _trained_on(run_dir: Path) -> str | None:
    """Return the hash of the rows that an earlier attempt trained on, or None."""
    try:
        return str(json.loads((run_dir / _IDENTITY).read_text(encoding="utf-8"))["data_sha256"])
    except (OSError, ValueError, KeyError):
        return None


def _last_epoch(name: str, reports: Sequence[Report], steps: int, epochs: float) -> float | None:
    """Return a metric's mean over the last epoch, else its last value; None if it was never reported."""
    seen = [(step, values[name]) for step, values in reports if name in values]
    last = [value for step, value in seen if step > steps - steps / max(epochs, 1)]
    return fmean(last) if last else seen[-1][1] if seen else None


class _RecordingProgress:
    """A `Progress` that forwards everything and keeps every reported metric in `file`."""

    def __init__(self, progress: Progress, file: Path, names: Collection[str] | None) -> None:
        self.progress, self.file, self.names = progress, file, names
        self.reports: list[Report] = []

    def replay(self, until: int | None) -> None:
        """Replay the metrics of an earlier attempt up to a step (all of them for None), and drop later ones."""
        if not self.file.exists():
            return
        kept: list[Any] = []
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                step, values = json.loads(line)
            except ValueError:  # cut off when the worker died
                continue
            if until is None or step <= until:
                kept.append([step, values])
        write_small(self.file, "".join(json.dumps(report) + "\n" for report in kept))
        self.reports = [(step, values) for step, values in kept]
        for step, values in self.reports:
            self.progress.metrics(step, values)

    def stage(self, name: str) -> None:
        """Forward the stage."""
        self.progress.stage(name)

    def step(self, done: int, total: int) -> None:
        """Forward the step."""
        self.progress.step(done, total)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Forward the metrics and keep them."""
        if self.names is not None:
            values = {name: value for name, value in values.items() if name in self.names}
        self.reports.append((step, dict(values)))
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([step, dict(values)]) + "\n")
        self.progress.metrics(step, values)

    def checkpoint(self, step: int) -> None:
        """Forward the checkpoint."""
        self.progress.checkpoint(step)

    def log(self, line: str) -> None:
        """Forward the line."""
        self.progress.log(line)

    def cancelled(self) -> bool:
        """Return True if the run should stop."""
        return self.progress.cancelled()
