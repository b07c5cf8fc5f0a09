"""The callback that reports a trainer's progress and completes its checkpoints."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from worker.training import processes
from worker.training.shared.progress import Progress
from worker.training.shared.run_folder import finish_checkpoint
from worker.training.shared.training_errors import Diverged

_SHOWN = {
    "eval_loss": "loss",
    "eval_rewards/accuracies": "accuracy",
    "eval_rewards/margins": "margin",
    "eval_accuracy": "accuracy",
    "eval_margin": "margin",
    "eval_reward": "reward",
    "eval_kl": "KL",
}
_BOOKKEEPING = ("epoch", "train_", "total_flos", "num_")


class RunCallback(TrainerCallback):
    """Forwards all metrics to a `Progress`, stops on cancellation, and marks each checkpoint as complete.

    With several processes only the first one, whose `main` is true, reports and writes. Evaluation leaves the random
    generators unchanged, so that a resumed run does not depend on whether it was evaluated before its checkpoint.
    """

    def __init__(self, progress: Progress, main: bool = True) -> None:
        self.progress, self.main, self.stopped = progress, main, False
        self._random: list[torch.Tensor] = []

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the step, and stop a cancelled run without evaluating or saving it."""
        self.progress.step(state.global_step, state.max_steps)
        if processes.said_by_first(self.progress.cancelled()):
            self.stopped = True
            control.should_training_stop = True
        self._before_evaluation(control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Skip the evaluation of an epoch that a cancellation cut short."""
        self._before_evaluation(control)

    def _before_evaluation(self, control: TrainerControl) -> None:
        if self.stopped:
            control.should_evaluate = control.should_save = False
        if control.should_evaluate:
            cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
            self._random = [torch.get_rng_state(), *cuda]

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Restore the random generators' state from before the evaluation."""
        if self._random:
            torch.set_rng_state(self._random[0])
            if self._random[1:]:
                torch.cuda.set_rng_state_all(self._random[1:])
            self._random = []

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Forward the metrics; raises `Diverged` if a loss is not finite."""
        values = {
            name: float(value)
            for name, value in (logs or {}).items()
            if isinstance(value, int | float) and not name.startswith(_BOOKKEEPING)
        }
        if not values or "train_runtime" in (logs or {}):
            return
        for name in ("loss", "eval_loss"):
            if name in values and not math.isfinite(values[name]):
                raise Diverged(f"The {name} is {values[name]} at step {state.global_step}: lower learning_rate.")
        self.progress.metrics(state.global_step, values)
        held_out = [f"{label} {values[name]:.4f}" for name, label in _SHOWN.items() if name in values]
        if held_out:
            self.progress.log(f"Step {state.global_step}, held out: {', '.join(held_out)}.")

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Mark the checkpoint that was just written as complete, and report it."""
        processes.wait_for_all()  # each has written the state of its random generators
        if self.main:
            finish_checkpoint(str(args.output_dir), state.global_step)
            self.progress.checkpoint(state.global_step)
