"""The pretraining loop: resumable at every batch, with a learning rate that depends on tokens alone.

The running average of the weights is exported, which is steadier than the last step's (Polyak & Juditsky 1992).
"""

import copy
import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.utils.data import DataLoader, Dataset
from transformers import T5ForConditionalGeneration
from transformers.optimization import Adafactor

from worker.base.build.batches import IGNORED_LABEL, Batch
from worker.base.build.checkpoint import save_checkpoint, set_dropout
from worker.base.build.train import step_loss, update_average
from worker.base.pretrain.state import PretrainingProgress, State, cut_log, load_state, model_of, save_state, write_log

CHECKPOINT = "checkpoint"
COOLED = "cooled"


@dataclass(frozen=True)
class Plan:
    """The settings of a run; amounts are in tokens of both sides, so that interruptions change nothing."""

    learning_rate: float
    tokens_each: int = 5000
    warm_up: int = 250_000
    cool_down: int | None = None
    averaging: float = 0.995
    steps_between_logs: int = 20
    steps_between_measurements: int = 100
    seconds_between_saves: float = 300.0
    loaders: int = 0
    seed: int = 20

    def rate(self, tokens: int, cooling_from: int | None) -> float:
        """Return the learning rate after this many tokens: warming up, then constant, then cooling to a tenth.

        Both slopes are linear. A constant rate with a cool-down at the end does as well as a schedule over a known
        total (Hägele et al. 2024), and the total need not be known.
        """
        rate = self.learning_rate * min(1.0, (tokens + self.tokens_each) / self.warm_up)
        if self.cool_down is None or cooling_from is None:
            return rate
        return rate * (1 - 0.9 * min(1.0, (tokens - cooling_from) / self.cool_down))


def run_folder(work: Path, plan: Plan) -> Path:
    """Return the folder of the run's state; a cool-down has its own, so that training can continue afterwards."""
    return work / COOLED if plan.cool_down else work


def starting_state(work: Path, plan: Plan) -> State | None:
    """Read the state to resume from; a cool-down without its own starts from the training's.

    Raises ValueError if there is nothing to cool down.
    """
    state = load_state(run_folder(work, plan))
    if plan.cool_down and state is None:
        state = load_state(work)
        if state is None:
            raise ValueError(f"{work} has no training to cool down.")
        state.progress.cooling_from = state.progress.tokens
    return state


@torch.no_grad()
def measure(
    model: T5ForConditionalGeneration, batches: Sequence[tuple[str, str, Batch]], products: torch.dtype
) -> dict[str, dict[str, float]]:
    """Return the mean loss of held-out lines in nats per token, by task and corpus, and by task over all."""
    device = model.device
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for corpus, task, batch in batches:
        count = int((batch.labels != IGNORED_LABEL).sum())
        loss = step_loss(model, on_device(batch, device), products).item()
        for name in (corpus, "all"):
            sums[task][name] += loss * count
            counts[task][name] += count
    return {task: {name: round(of[name] / counts[task][name], 4) for name in of} for task, of in sums.items()}


def on_device(batch: Batch, device: torch.device) -> Batch:
    """Return a batch with its tensors on a device."""
    return Batch(
        batch.input_ids.to(device),
        batch.attention_mask.to(device),
        batch.decoder_input_ids.to(device),
        batch.labels.to(device),
        batch.size,
    )


class Pretraining:
    """One pretraining run, from a model or a saved state to checkpoints."""

    def __init__(
        self,
        start: T5ForConditionalGeneration | State,
        tokenizer: Tokenizer,
        mixture: Dataset[list[tuple[str, Batch]]],
        held_out: Sequence[tuple[str, str, Batch]],
        plan: Plan,
        folder: Path,
        *,
        device: torch.device,
        products: torch.dtype,
    ) -> None:
        self._tokenizer, self._mixture, self._held_out = tokenizer, mixture, held_out
        self._plan, self._folder, self._device, self._products = plan, folder, device, products
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(start, State):
            self.model, self.average = model_of(start, start.weights), model_of(start, start.average)
            self.progress = start.progress
        else:
            self.model, self.average, self.progress = start, copy.deepcopy(start), PretrainingProgress()
        cut_log(folder, self.progress.tokens)
        set_dropout(self.model, 0.0)
        for model in (self.model, self.average):
            torch.nn.Module.to(model, device)
        self.model.train()
        self.average.train(False)
        self._optimizer = Adafactor(  # type: ignore[no-untyped-call]
            self.model.parameters(), lr=plan.learning_rate, scale_parameter=True, relative_step=False
        )
        if isinstance(start, State):
            self._optimizer.load_state_dict(start.optimizer)
        self._logged = (self.progress.tokens, time.monotonic())

    def run(
        self, stop: threading.Event, *, tokens: int | None = None, minutes: float | None = None
    ) -> PretrainingProgress:
        """Train until `stop` is set, or for some minutes, or up to a number of tokens, and save."""
        progress, plan = self.progress, self._plan
        if progress.cooling_from is not None and plan.cool_down:
            tokens = progress.cooling_from + plan.cool_down
        until = float("inf") if minutes is None else time.monotonic() + 60 * minutes
        saved = time.monotonic()
        if progress.tokens == 0:
            self._measure()
        for task, batch in self._batches():
            if stop.is_set() or time.monotonic() >= until or (tokens is not None and progress.tokens >= tokens):
                break
            self._step(task, batch)
            if progress.steps % plan.steps_between_logs == 0:
                self._log()
            if progress.steps % plan.steps_between_measurements == 0:
                self._measure()
            if time.monotonic() >= saved + plan.seconds_between_saves:
                self.save()
                saved = time.monotonic()
        self.save()
        return progress

    def _batches(self) -> Iterator[tuple[str, Batch]]:
        """Yield the batches from the current position on; `_step` advances it within a group."""
        progress = self.progress
        if self._plan.loaders:
            # Groups hold more tensors than a process may have files open.
            torch.multiprocessing.set_sharing_strategy("file_system")  # type: ignore[no-untyped-call]
        loader = DataLoader(
            self._mixture,
            batch_size=None,
            sampler=itertools.count(progress.group),
            num_workers=self._plan.loaders,
            prefetch_factor=2 if self._plan.loaders else None,
        )
        for group in loader:
            while progress.batch < len(group):
                yield group[progress.batch]
            progress.group, progress.batch = progress.group + 1, 0

    def _step(self, task: str, batch: Batch) -> None:
        """Train on one batch."""
        progress, plan = self.progress, self._plan
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate(progress.tokens, progress.cooling_from)
        loss = step_loss(self.model, on_device(batch, self._device), self._products)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()  # type: ignore[no-untyped-call]
        self._optimizer.zero_grad()
        update_average(self.average, self.model, averaging=plan.averaging, steps=progress.steps)
        total, count = progress.losses.get(task, (0.0, 0))
        progress.losses[task] = (total + loss.item(), count + 1)
        progress.steps += 1
        progress.batch += 1
        progress.tokens += batch.size

    def _log(self) -> None:
        """Write the mean losses since the last line, the speed and the learning rate to the log."""
        progress = self.progress
        tokens, since = self._logged
        self._logged = (progress.tokens, time.monotonic())
        write_log(
            self._folder,
            {
                "tokens": progress.tokens,
                "steps": progress.steps,
                "loss": {task: round(total / count, 4) for task, (total, count) in sorted(progress.losses.items())},
                "tokens_per_second": round((progress.tokens - tokens) / (self._logged[1] - since)),
                "learning_rate": self._plan.rate(progress.tokens, progress.cooling_from),
            },
        )
        progress.losses = {}

    def _measure(self) -> None:
        """Write the averaged model's losses on the held-out lines to the log."""
        losses = measure(self.average, self._held_out, self._products)
        write_log(self._folder, {"tokens": self.progress.tokens, "steps": self.progress.steps, "held_out": losses})

    def save(self) -> None:
        """Write the state, and the averaged weights as a checkpoint."""
        save_state(self._folder, self.model, self.average, self._optimizer, self.progress)
        save_checkpoint(self.average, self._tokenizer, self._folder / CHECKPOINT)
