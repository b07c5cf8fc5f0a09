"""The training loop of a build: first restore toxified fragments, then rewrite; resumable, and bounded by wall time.

The running average of the weights is kept, which is steadier than the last step's (Polyak & Juditsky 1992).
"""

import copy
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

from worker.base.build.batches import IGNORED_LABEL, Batch, batch_group, cut, encode_pairs
from worker.base.build.checkpoint import BuildProgress, resume, save_checkpoint, save_progress, set_dropout
from worker.base.build.loss import cross_entropy
from worker.base.build.rewrites import beam_rewrites, sampled_rewrites
from worker.base.texts.corpus import Row
from worker.base.texts.pairs import PairSource

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


@dataclass(frozen=True)
class Plan:
    """The size of the model, the training time, and how it is divided."""

    minutes: float
    vocabulary: int = 8192
    width: int = 256
    encoder_layers: int = 6
    decoder_layers: int = 3
    tokens_each: int = 5000
    restore_share: float = 0.38
    learning_rate: float = 1e-2
    last_rate_share: float = 0.1
    decay_share: float = 0.35
    dropout: float = 0.0
    averaging: float = 0.99
    seconds_between_dev: float = 150.0
    seed: int = 20

    def rate(self, done: float) -> float:
        """Return the learning rate at this share of the time: constant, then falling linearly to the last rate."""
        falling = max(0.0, (done - (1 - self.decay_share)) / self.decay_share)
        return self.learning_rate * (1 - (1 - self.last_rate_share) * min(1.0, falling))


@torch.no_grad()
def dev_loss(model: T5ForConditionalGeneration, batches: Sequence[Batch]) -> float:
    """Return the mean loss over dev rewrites, with every batch weighted by its tokens."""
    model.train(False)
    total = sum(step_loss(model, batch).item() * batch.size for batch in batches)
    return total / sum(batch.size for batch in batches)


def step_loss(model: T5ForConditionalGeneration, batch: Batch, products: torch.dtype = torch.bfloat16) -> torch.Tensor:
    """Return the mean loss of one batch in nats per token, with matrix products in bfloat16 or float32."""
    with torch.autocast(batch.labels.device.type, dtype=products, enabled=products != torch.float32):
        states = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        hidden = model.decoder(
            input_ids=batch.decoder_input_ids,
            encoder_hidden_states=states,
            encoder_attention_mask=batch.attention_mask,
            use_cache=False,
        ).last_hidden_state
    if model.config.scale_decoder_outputs:
        hidden = hidden * model.config.d_model**-0.5
    wanted = batch.labels != IGNORED_LABEL
    return cross_entropy(hidden[wanted], model.lm_head.weight, batch.labels[wanted], products)


@torch.no_grad()
def update_average(
    average: T5ForConditionalGeneration, model: T5ForConditionalGeneration, *, averaging: float, steps: int
) -> None:
    """Move the average towards the current weights; over the first steps it is their plain mean."""
    weight = max(1 - averaging, 1 / (1 + steps))
    for mean, present in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(present, weight)


class Training:
    """The training of one build, from a model and its data to a checkpoint."""

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
        self._average = copy.deepcopy(model)
        pairs = [(row.toxic, rewrite) for row in dev for rewrite in row.rewrites]
        self._dev = cut(encode_pairs(tokenizer, pairs), plan.tokens_each)
        self._optimizer = Adafactor(  # type: ignore[no-untyped-call]
            model.parameters(), lr=plan.learning_rate, scale_parameter=True, relative_step=False
        )

    def run(self, out: Path) -> BuildProgress:
        """Train until the time is up; write the averaged checkpoint to the out folder periodically and at the end."""
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
        """Train on one group of batches of the current phase."""
        progress = self._progress
        rng = random.Random(f"{self._plan.seed}:{progress.groups}")
        torch.manual_seed(rng.randrange(2**32))
        set_dropout(self._model, self._plan.dropout if rewriting else 0.0)
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
            update_average(self._average, self._model, averaging=self._plan.averaging, steps=progress.steps)
            progress.steps += 1
            progress.tokens += batch.size
            if progress.curriculum.observe(loss.item()):
                log.info("step %d: fragments of %d words", progress.steps, progress.curriculum.length)
        progress.groups += 1

    def _report(self, rewriting: bool, out: Path) -> None:
        """Log the averaged model's dev loss and samples, and save it and the state."""
        progress = self._progress
        loss = dev_loss(self._average, self._dev)
        log.info(
            "%.1f min, step %d, %.2fM tokens, %s: loss %.3f, dev loss %.3f",
            progress.seconds / 60,
            progress.steps,
            progress.tokens / 1e6,
            "rewriting" if rewriting else "restoring",
            progress.curriculum.running_loss,
            loss,
        )
        best = beam_rewrites(self._average, self._tokenizer, PROBES)
        samples = sampled_rewrites(self._average, self._tokenizer, PROBES, count=3)
        for probe, rewrite, drawn in zip(PROBES, best, samples, strict=True):
            log.info("  %s -> %s | %s", probe, rewrite, " | ".join(drawn))
        save_checkpoint(self._average, self._tokenizer, out)
        save_progress(self._model, progress, self._work)
