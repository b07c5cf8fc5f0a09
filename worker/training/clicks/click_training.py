"""Training on clicks by the methods of worker/training/methods: DPO and ORPO on pairs, KTO on texts marked good or bad.

The run folder keeps what a run whose worker died goes on from, and what its chart showed:

    history.jsonl       every report, to be shown again
    model/, adapter/    once it is trained; a run whose worker died afterwards does not train again

The rest of it is worker/training/run/runner.py's.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from models.formats import rows_sha256
from models.settings.clicks import ClickOptions
from models.store.locks import remove_unless_locked
from worker.training.clicks.anchored import Anchored
from worker.training.loading.rendering import Row
from worker.training.methods import method_of
from worker.training.run.data import TrainingData
from worker.training.run.method import Method
from worker.training.run.runner import RESULT, train
from worker.training.run.saving import MODEL
from worker.training.shared.errors import DatasetError
from worker.training.shared.progress import Progress
from worker.training.shared.run_folder import last_whole_checkpoint, write_small

HISTORY = "history.jsonl"
_IDENTITY = "training.json"

Report = tuple[int, Mapping[str, float]]
"""An optimizer step, and what was measured there."""


@dataclass(frozen=True)
class ClickResult:
    """What a run did. Margin and accuracy are means of the last epoch, as TRL logs them.

    They are None where the method reports none, or no batch had texts of both kinds.
    """

    examples: int
    steps: int
    seconds: float
    train_loss: float
    reward_margin: float | None
    reward_accuracy: float | None

    def as_dict(self) -> dict[str, float]:
        """Every number that there is, by its name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def train_on_clicks(
    method: str | Method,
    parent_dir: Path | str,
    rows: Sequence[Row],
    options: ClickOptions,
    run_dir: Path,
    progress: Progress,
    reported: Collection[str] | None = None,
) -> ClickResult:
    """Train the encoder-decoder in `parent_dir` on rows of the method's kind; `run_dir` receives model/ and adapter/.

    When `run_dir` holds an earlier attempt at the same rows, it goes on from there. `progress` hears every metric, or
    those that `reported` names. Raises `TrainingError` of any kind, or `MemoryError`.
    """
    if not rows:
        raise DatasetError("There are no clicks to train on.")
    digest = rows_sha256(rows)
    if _trained_on(run_dir) not in (None, digest):
        remove_unless_locked(run_dir)  # some of the clicks were undone since
    heard = _Remembering(progress, run_dir / HISTORY, reported)
    finished = (run_dir / MODEL).is_dir()
    checkpoint = last_whole_checkpoint(run_dir)
    heard.recall(None if finished else int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0)
    if finished:
        progress.log("An earlier attempt had trained the model already.")
    else:
        data = TrainingData(train=rows, held_out=(), pairs=(), sha256=digest, summary={"rows": len(rows)})
        chosen = method_of(method) if isinstance(method, str) else method
        train(Anchored(chosen, options.anchor_weight), str(parent_dir), data, options, run_dir, heard)
    result = json.loads((run_dir / RESULT).read_text(encoding="utf-8"))
    return ClickResult(
        examples=len(rows),
        steps=result["steps"],
        seconds=result["seconds"],
        train_loss=result["train_loss"],
        reward_margin=_last_epoch("rewards/margins", heard.reports, result["steps"], options.num_train_epochs),
        reward_accuracy=_last_epoch("rewards/accuracies", heard.reports, result["steps"], options.num_train_epochs),
    )


def _trained_on(run_dir: Path) -> str | None:
    """The hash of the rows that an earlier attempt trained on, or None."""
    try:
        return str(json.loads((run_dir / _IDENTITY).read_text(encoding="utf-8"))["data_sha256"])
    except (OSError, ValueError, KeyError):
        return None


def _last_epoch(name: str, reports: Sequence[Report], steps: int, epochs: float) -> float | None:
    """The mean of a metric over the last epoch, or what was reported last; None if it never was."""
    seen = [(step, values[name]) for step, values in reports if name in values]
    last = [value for step, value in seen if step > steps - steps / max(epochs, 1)]
    return fmean(last) if last else seen[-1][1] if seen else None


class _Remembering:
    """A `Progress` that passes everything on, and keeps every report in `file`."""

    def __init__(self, progress: Progress, file: Path, names: Collection[str] | None) -> None:
        self.progress, self.file, self.names = progress, file, names
        self.reports: list[Report] = []

    def recall(self, until: int | None) -> None:
        """Report again what an earlier attempt reported, up to that step; forget the rest of it."""
        if not self.file.exists():
            return
        kept: list[Any] = []
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                step, values = json.loads(line)
            except ValueError:  # the last line of a worker that died
                continue
            if until is None or step <= until:
                kept.append([step, values])
        write_small(self.file, "".join(json.dumps(report) + "\n" for report in kept))
        self.reports = [(step, values) for step, values in kept]
        for step, values in self.reports:
            self.progress.metrics(step, values)

    def stage(self, name: str) -> None:
        """Pass it on."""
        self.progress.stage(name)

    def step(self, done: int, total: int) -> None:
        """Pass it on."""
        self.progress.step(done, total)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Pass it on and keep it."""
        if self.names is not None:
            values = {name: value for name, value in values.items() if name in self.names}
        self.reports.append((step, dict(values)))
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([step, dict(values)]) + "\n")
        self.progress.metrics(step, values)

    def log(self, line: str) -> None:
        """Pass it on."""
        self.progress.log(line)

    def cancelled(self) -> bool:
        """Whether the run should stop."""
        return self.progress.cancelled()
