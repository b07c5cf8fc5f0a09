"""Kahneman-Tversky Optimization (Ethayarajh et al. 2024) on single texts that were marked good or bad.

    r(x, y) = log p(y|x) - log p_ref(y|x)
    loss = desirable_weight   * (1 - sigmoid(beta * (r(x, y) - z)))    for a good y
           undesirable_weight * (1 - sigmoid(beta * (z - r(x, y))))    for a bad y                               (eq. 8)
    z = max(0, mean of r(x, y') over prompts of the batch with the completions y' of their neighbours)

It is TRL's `KTOTrainer`, for encoder-decoders through seq2seq_kto.py. z, which has no gradient, estimates the KL
divergence from the reference model. TRL assigns the y' once, in batches of a fixed order; the rows are shuffled before,
since otherwise the two texts of a former pair would be neighbours and serve as each other's y'.

Several processes share a batch (worker/training/distributed/batches.py): z is the mean over the rows of all of them,
and what each computes counts by its rows.

A row may have a weight, by which its loss is multiplied (worker/training/shared/row_weights.py), as TRL multiplies it
by desirable_weight or undesirable_weight. z is not weighted: it compares two models, whoever marked the texts.
"""

import random
from typing import Any

from datasets import Dataset
from transformers import Trainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from models.settings.command_line import KTOOptions
from worker.training.distributed.batches import SharedBatchesMixin, joint, weight_of
from worker.training.loading.loading import Loaded
from worker.training.methods.common import TextMethod, TokenizedRowsMixin, adapter_in_float32, frozen_copy, tokenized
from worker.training.methods.held_out_means import HeldOutMeansMixin
from worker.training.methods.seq2seq_kto import Seq2SeqKTOTrainer
from worker.training.run.method import Job, Method, Rows
from worker.training.shared.examples import WEIGHT
from worker.training.shared.row_weights import WeightCollator, WeightColumnMixin, are_weighted, with_weights
from worker.training.shared.training_errors import DatasetError
from worker.training.t5.seq2seq_dpo import disable_dropout


class _HeldOutMeans(HeldOutMeansMixin):
    def batch_weight(self, name: str, inputs: Any) -> int:
        """Return the number of rows, or, for a figure of the good or the bad texts, of those."""
        good = int(inputs["label"].sum())
        rows = len(inputs["label"])
        return good if name.endswith("/chosen") else rows - good if name.endswith("/rejected") else rows

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate, and take the margin of all rows instead of those of batches that hold both labels."""
        output = super().evaluation_loop(*args, **kwargs)
        figures = self.batch_figures()
        if "rewards/chosen" in figures and "rewards/rejected" in figures:
            figures["rewards/margins"] = [figures["rewards/chosen"][0] - figures["rewards/rejected"][0]]
        return output


class _WeightedRows(SharedBatchesMixin, WeightColumnMixin, KTOTrainer):
    """TRL's trainer, whose rows may have a `weight`; it behaves like TRL's if the training rows have none.

    Several processes share its batches, and compute what one process does.
    """

    _rows_weight = 1.0
    """What a mean over the rows of the present batch weighs among those of all processes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows: Any = self.train_dataset
        if WEIGHT in rows.column_names:
            self.data_collator = WeightCollator(self.data_collator)

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute TRL's loss, with one weight a row where TRL has one for the good and one for the bad texts."""
        self._rows_weight = weight_of(len(inputs["label"]))
        result = self._weighted_loss(model, inputs, *args, **kwargs)
        if isinstance(result, tuple):
            return (result[0] * self._rows_weight, *result[1:])
        return result * self._rows_weight

    def _compute_kl_logps(self, model: Any, batch: Any) -> Any:
        """Compute the log-probabilities whose mean is z, so that TRL's mean over the processes is one over all rows."""
        log_probs = super()._compute_kl_logps(model, batch)  # type: ignore[no-untyped-call]
        return None if log_probs is None else log_probs * self._rows_weight

    def _weighted_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss of this process's rows."""
        if WEIGHT not in inputs:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]
        batch = dict(inputs)
        weights, good = batch.pop(WEIGHT), batch["label"].bool()
        of_labels = self.desirable_weight, self.undesirable_weight
        self.desirable_weight, self.undesirable_weight = of_labels[0] * weights[good], of_labels[1] * weights[~good]
        try:
            return super().compute_loss(model, batch, *args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            self.desirable_weight, self.undesirable_weight = of_labels


class CausalTrainer(_HeldOutMeans, TokenizedRowsMixin, _WeightedRows):
    """TRL's trainer on token ids."""


class Seq2SeqTrainer(_HeldOutMeans, TokenizedRowsMixin, _WeightedRows, Seq2SeqKTOTrainer):
    """Our trainer for encoder-decoders, on token ids."""


class KTO(TextMethod):
    """KTO on texts labelled good or bad.

    Early stopping watches the held-out loss: a margin needs texts of both labels, which not every file has.
    """

    name = "kto"
    kind = "unpaired"
    best_metric = "-eval_loss"

    def build(self, job: Job) -> Trainer:
        """Build TRL's trainer, or ours for an encoder-decoder. Raises `DatasetError` for fewer than two rows."""
        options: KTOOptions = job.options
        loaded = job.loaded
        if len(job.train) < 2:
            raise DatasetError("KTO compares each row with others: there must be two at least.")
        arguments = job.arguments(
            KTOConfig,
            beta=options.beta,
            loss_type=options.loss_type,
            desirable_weight=options.desirable_weight,
            undesirable_weight=options.undesirable_weight,
            disable_dropout=False,  # done below for the model alone; this switch would also disable LoRA's
            max_length=None,  # longer rows are left out already
            **joint(options),
        )
        disable_dropout(loaded.model)
        shuffled = list(job.train)
        random.Random(options.seed).shuffle(shuffled)
        train = kto_rows(shuffled, loaded, options.per_device_train_batch_size)
        held_out = kto_rows(job.held_out, loaded, options.per_device_eval_batch_size)
        if are_weighted(job.train):
            train, held_out = with_weights(train, shuffled), with_weights(held_out, job.held_out)
        kind = Seq2SeqTrainer if loaded.architecture == "seq2seq" else CausalTrainer
        trainer = kind(
            loaded.model,
            None if job.trains_adapter else frozen_copy(loaded.model),
            args=arguments,
            processing_class=loaded.tokenizer,
            train_dataset=Dataset.from_list(train),
            eval_dataset=Dataset.from_list(held_out) if held_out else None,
            peft_config=job.peft_config,
        )
        adapter_in_float32(trainer.model)
        return trainer


def kto_rows(rows: Rows, loaded: Loaded, batch_size: int) -> list[dict[str, Any]]:
    """Tokenize rendered unpaired rows, each with the completion of the previous row of its batch, cyclically.

    A single row in the last batch gets that of the row before it: with its own completion, z would be its own reward.
    """
    ids: list[dict[str, Any]] = [dict(row) for row in tokenized(rows, loaded, ("completion",))]
    for place, row in enumerate(ids):
        first = place - place % batch_size
        last = min(first + batch_size, len(ids)) - 1
        other = last if place == first and last > first else place - 1
        row |= {"KL_completion_ids": ids[other]["completion_ids"], "label": bool(rows[place]["label"])}
    return ids


METHOD: Method = KTO()
