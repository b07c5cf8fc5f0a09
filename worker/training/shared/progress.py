"""The interface between a recipe and its caller: progress out, cancellation in."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from worker.training import processes
from worker.training.shared.training_errors import Cancelled, Diverged

REPORTED = (
    "loss",
    "rewards/accuracies",
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
    "anchor_kl",
    "learning_rate",
    "grad_norm",
)
"""The metrics forwarded at each log, by TRL's names; `anchor_kl` is ours (anchors.py). In nats; logps are sums."""


class Progress(Protocol):
    """The listener that a recipe reports to. Every method returns quickly; none raises."""

    def stage(self, name: str) -> None:
        """Begin a new stage, such as `loading`, `training` or `saving`."""

    def step(self, done: int, total: int) -> None:
        """Report that `done` of `total` optimizer steps are complete."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Report the metrics of an optimizer step."""

    def checkpoint(self, step: int) -> None:
        """Report that a checkpoint was saved after that step."""

    def log(self, line: str) -> None:
        """Add one sentence to the log of the run."""

    def cancelled(self) -> bool:
        """Return True if the run should stop; called after every optimizer step."""


def stop_if_cancelled(progress: Progress) -> None:
    """Raise Cancelled if the run should stop."""
    if progress.cancelled():
        raise Cancelled("The run was cancelled.")


class SilentProgress:
    """A listener for scripts that ignores everything and never cancels."""

    def stage(self, name: str) -> None:
        """Ignore the stage."""

    def step(self, done: int, total: int) -> None:
        """Ignore the step."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Ignore the metrics."""

    def checkpoint(self, step: int) -> None:
        """Ignore the checkpoint."""

    def log(self, line: str) -> None:
        """Ignore the line."""

    def cancelled(self) -> bool:
        """Return False."""
        return False


class ProgressCallback(TrainerCallback):
    """Forwards a Hugging Face trainer's events to a `Progress`, and stops the trainer on cancellation.

    `history` keeps every report as `(step, metrics)` for the summary of the run. `stopped` is true if the run ended
    early because it was cancelled.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.history: list[tuple[int, dict[str, float]]] = []
        self.stopped = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the step, and stop if the run is cancelled."""
        self.progress.step(state.global_step, state.max_steps)
        if processes.said_by_first(self.progress.cancelled()):
            self.stopped = True
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Forward the reported metrics; raises `Diverged` if the loss is not finite."""
        values = {name: float(logs[name]) for name in REPORTED if logs and name in logs}
        if "loss" not in values:
            return  # the trainer's summary at the end, which the recipe returns itself
        if not math.isfinite(values["loss"]):
            raise Diverged(f"The loss is {values['loss']} at step {state.global_step}: lower learning_rate.")
        self.history.append((state.global_step, values))
        self.progress.metrics(state.global_step, values)
