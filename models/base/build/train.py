"""The training loop: restore toxified fragments first, then rewrite; resumable, and bounded by wall time."""

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import T5ForConditionalGeneration
from transformers.optimization import Adafactor

from models.base.build.batches import Batch, batch_group, cut, encode_pairs
from models.base.build.checkpoint import Progress, resume, save_checkpoint, save_progress, set_dropout
from models.base.build.corpus import Row
from models.base.build.pairs import PairSource
from models.base.build.score import beam_rewrites, sampled_rewrites

log = logging.getLogger(__name__)

PROBES = [
    "You are dumb",
    "what the hell is this crap ?",
    "thank you for your help .",
    "Shut the fuck up and listen to me, you idiot!",
    "Could you please send me the report by Friday?",
    "he is a fucking moron and his idea is garbage .",
]
_BATCHES_IN_GROUP = 4
_DROPOUT = 0.1


@dataclass(frozen=True)
class Plan:
    """The size of the model, how long to train it, and how the time is divided."""

    minutes: float
    vocabulary: int = 8192
    width: int = 256
    layers: int = 3
    tokens_each: int = 5000
    restore_share: float = 0.38
    learning_rate: float = 1e-2
    last_rate_share: float = 0.1
    decay_share: float = 0.35
    seconds_between_dev: float = 150.0
    seed: int = 20

    def rate(self, done: float) -> float:
        """The learning rate at this share of the time: constant, then falling linearly to the last rate."""
        falling = max(0.0, (done - (1 - self.decay_share)) / self.decay_share)
        return self.learning_rate * (1 - (1 - self.last_rate_share) * min(1.0, falling))


@torch.no_grad()
def dev_loss(model: T5ForConditionalGeneration, batches: Sequence[Batch]) -> float:
    """Mean loss over dev rewrites, weighing every batch by its tokens."""
    model.train(False)
    total = sum(step_loss(model, batch).item() * batch.size for batch in batches)
    return total / sum(batch.size for batch in batches)


def step_loss(model: T5ForConditionalGeneration, batch: Batch) -> torch.Tensor:
    """The loss of one batch, computed in bfloat16 except where that loses precision."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels)
    loss: torch.Tensor = answer.loss
    return loss


class Training:
    """One build's training: the model, what it learns from, and where its results go."""

    def __init__(
        self,
        model: T5ForConditionalGeneration,
        tokenizer: Tokenizer,
        source: PairSource,
        dev: Sequence[Row],
        plan: Plan,
        work: Path,
    ) -> None:
        self._model, self._tokenizer, self._source = model, tokenizer, source
        self._plan, self._work = plan, work
        self._progress = resume(model, work)
        pairs = [(row.toxic, rewrite) for row in dev for rewrite in row.rewrites]
        self._dev = cut(encode_pairs(tokenizer, pairs), plan.tokens_each)
        self._optimizer = Adafactor(  # type: ignore[no-untyped-call]
            model.parameters(), lr=plan.learning_rate, scale_parameter=True, relative_step=False
        )

    def run(self, out: Path) -> Progress:
        """Train until the time is up, keeping the checkpoint with the best dev loss in the out folder."""
        progress, last = self._progress, time.monotonic()
        next_dev = progress.seconds + self._plan.seconds_between_dev
        while (done := progress.seconds / (60 * self._plan.minutes)) < 1:
            rewriting = done >= self._plan.restore_share
            self._train_group(rewriting, self._plan.rate(done))
            now = time.monotonic()
            progress.seconds += now - last
            last = now
            if progress.seconds >= next_dev:
                self._report(rewriting, out)
                next_dev = progress.seconds + self._plan.seconds_between_dev
        self._report(True, out)
        return progress

    def _train_group(self, rewriting: bool, rate: float) -> None:
        """Train on one group of batches of the present phase."""
        progress = self._progress
        rng = random.Random(f"{self._plan.seed}:{progress.groups}")
        torch.manual_seed(rng.randrange(2**32))
        set_dropout(self._model, _DROPOUT if rewriting else 0.0)
        self._model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        length = progress.curriculum.length

        def draw(rng: random.Random) -> tuple[str, str]:
            return self._source.mixed(rng) if rewriting else self._source.fragment(length, rng)

        count = _BATCHES_IN_GROUP
        for batch in batch_group(draw, self._tokenizer, rng, tokens_each=self._plan.tokens_each, count=count):
            loss = step_loss(self._model, batch)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()  # type: ignore[no-untyped-call]
            self._optimizer.zero_grad()
            progress.steps += 1
            progress.tokens += batch.size
            if progress.curriculum.observe(loss.item()):
                log.info("step %d: fragments of %d words", progress.steps, progress.curriculum.length)
        progress.groups += 1

    def _report(self, rewriting: bool, out: Path) -> None:
        """Log how the model does, save the state, and keep the checkpoint if it is the best so far."""
        progress = self._progress
        loss = dev_loss(self._model, self._dev)
        log.info(
            "%.1f min, step %d, %.2fM tokens, %s: loss %.3f, dev loss %.3f",
            progress.seconds / 60,
            progress.steps,
            progress.tokens / 1e6,
            "rewriting" if rewriting else "restoring",
            progress.curriculum.running_loss,
            loss,
        )
        best = beam_rewrites(self._model, self._tokenizer, PROBES)
        samples = sampled_rewrites(self._model, self._tokenizer, PROBES, count=3)
        for probe, rewrite, drawn in zip(PROBES, best, samples, strict=True):
            log.info("  %s -> %s | %s", probe, rewrite, " | ".join(drawn))
        if loss < progress.best_dev_loss:
            progress.best_dev_loss = loss
            save_checkpoint(self._model, self._tokenizer, out)
        save_progress(self._model, progress, self._work)
