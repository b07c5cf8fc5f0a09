"""The mean training loss of a whole run, also of one that was broken off and resumed.

transformers' own mean is of the steps since the last start alone. So each checkpoint gets a small file with the sum of
the losses of all steps before it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from worker.training import processes
from worker.training.shared.progress import Progress
from worker.training.shared.run_folder import write_small

_FILE = "training_loss.json"


class TrainingLoss(TrainerCallback):
    """Keeps the sum of the losses of all steps; to be added before the callback that marks checkpoints as complete."""

    def __init__(self, trainer: Trainer, checkpoint: Path | None, progress: Progress) -> None:
        """Begin with what was summed up to `checkpoint`, or with nothing."""
        self._trainer = trainer
        self._before, self._start = _read(checkpoint, progress) if checkpoint is not None else (0.0, 0)
        trainer.add_callback(self)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the sum up to this step to the checkpoint."""
        # Private in transformers: the sum up to the last log, and that of the steps since, each process its own.
        since = processes.mean(self._trainer._total_loss_scalar + float(self._trainer._tr_loss))
        if args.should_save:
            kept = {"sum": self._before + since, "from_step": self._start}
            write_small(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / _FILE, json.dumps(kept))

    def mean(self, since_start: float) -> float:
        """Return the mean loss of all steps, `since_start` being transformers' mean of those since the last start."""
        state = self._trainer.state
        resumed_at: int = self._trainer._initial_global_step
        total = self._before + processes.mean(since_start) * (state.global_step - resumed_at)
        return total / max(1, state.global_step - self._start)


def _read(checkpoint: Path, progress: Progress) -> tuple[float, int]:
    """Return the sum of the losses up to a checkpoint, and the step from which it counts."""
    try:
        kept = json.loads((checkpoint / _FILE).read_text(encoding="utf-8"))
        return float(kept["sum"]), int(kept["from_step"])
    except FileNotFoundError:
        step = int(checkpoint.name.removeprefix("checkpoint-"))
        progress.log(
            f"The mean training loss will be of the steps after {step}: an older release wrote the checkpoint."
        )
        return 0.0, step
