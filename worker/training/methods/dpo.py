"""Direct Preference Optimization (Rafailov et al. 2023, eq. 7), every other loss of TRL's `DPOTrainer`, and listwise.

TRL's trainer itself trains a decoder-only model, and worker/training/t5/seq2seq_dpo.py an encoder-decoder, with a head
for that trainer. The reference model is the model without its adapter, a frozen copy if all weights are trained, or
another model that `ref_model` names; its log-probabilities can be precomputed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, Trainer
from trl.trainer.dpo_config import DPOConfig

from models.settings.command_line import DPOOptions
from worker.training.distributed.batches import joint
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.methods.common import (
    TextMethod,
    TokenizedRowsMixin,
    adapter_in_float32,
    frozen_copy,
    saved_dataset,
    tokenized,
)
from worker.training.methods.held_out_means import LOSS, HeldOutMeansMixin
from worker.training.run.method import Job, Method
from worker.training.shared.checkpoint import truncate
from worker.training.shared.row_weights import are_weighted, with_weights
from worker.training.shared.training_errors import CheckpointError, DatasetError
from worker.training.t5.listwise import CLICK, ListwiseDPOTrainer
from worker.training.t5.pair_weights import MIXING
from worker.training.t5.seq2seq_dpo import WRITTEN, Seq2SeqDPOTrainer, disable_dropout

COMPLETIONS = ("chosen", "rejected")


class _HeldOutMeans(HeldOutMeansMixin):
    def batch_weight(self, name: str, inputs: Any) -> int:
        """Return the number of pairs, or, for the listwise loss, of lists."""
        if name == LOSS and "list_of_pair" in inputs:
            return int(inputs["list_of_pair"].max()) + 1
        return super().batch_weight(name, inputs)


class CausalTrainer(_HeldOutMeans, TokenizedRowsMixin, ListwiseDPOTrainer):
    """TRL's trainer on token ids."""


class Seq2SeqTrainer(_HeldOutMeans, TokenizedRowsMixin, Seq2SeqDPOTrainer):
    """Our trainer for encoder-decoders, on token ids."""


class DPO(TextMethod):
    """DPO on pairs of a chosen and a rejected text, which may have a weight (worker/training/t5/pair_weights.py)."""

    name = "dpo"
    kind = "preference"
    best_metric = "eval_rewards/margins"
    vocabulary_metrics = True
    """True if the metrics over the whole vocabulary are also computed for an encoder-decoder, on logged steps."""

    def build(self, job: Job) -> Trainer:
        """Build TRL's trainer, or ours for an encoder-decoder.

        Raises `CheckpointError` for an unsuitable `ref_model`, `DatasetError` for weights with a loss that takes none.
        """
        options: DPOOptions = job.options
        _check_weights(job)
        arguments = job.arguments(
            DPOConfig,
            beta=options.beta,
            loss_type=list(options.loss_type),
            loss_weights=list(options.loss_weights) or None,
            label_smoothing=options.label_smoothing,
            precompute_ref_log_probs=options.precompute_ref_log_probs,
            disable_dropout=False,  # done below for the model alone; this switch would also disable LoRA's
            max_length=None,  # longer rows are left out already
            **joint(options),
        )
        loaded = job.loaded
        disable_dropout(loaded.model)
        extra: dict[str, Any] = {}
        kind: type[ListwiseDPOTrainer] = CausalTrainer
        if loaded.architecture == "seq2seq":
            kind = Seq2SeqTrainer
            extra["max_prompt_length"] = options.max_prompt_length
            extra["max_completion_length"] = options.max_completion_length
            extra["click_rows"] = options.per_device_train_batch_size
            extra["vocabulary_metrics"] = self.vocabulary_metrics
        trainer = kind(
            loaded.model,
            _reference(job),
            args=arguments,
            processing_class=loaded.tokenizer,
            train_dataset=_dataset(job, job.train, "train"),
            eval_dataset=_dataset(job, job.held_out, "held_out") if job.held_out else None,
            peft_config=job.peft_config,
            **extra,
        )
        adapter_in_float32(trainer.model)
        return trainer


def _check_weights(job: Job) -> None:
    mixing = [loss for loss in job.options.loss_type if loss in MIXING]
    if mixing and are_weighted(job.train):
        raise DatasetError(
            f"The loss {mixing[0]} compares the pairs of a batch with each other, so they cannot have weights: take "
            "another loss, or data without them."
        )


def _reference(job: Job) -> PreTrainedModel | None:
    """Return the reference model; None if TRL takes the policy without its adapter, or before the first step.

    Of an adapter that is trained further TRL keeps a copy as it was.
    """
    options: DPOOptions = job.options
    if options.ref_model:
        other = load_model_and_tokenizer(options.ref_model, options)
        ours = job.loaded
        if other.architecture != ours.architecture or other.tokenizer.get_vocab() != ours.tokenizer.get_vocab():
            raise CheckpointError(
                f"{options.ref_model} cannot be the reference model of {ours.source}: it is of another kind, or has "
                "other tokens."
            )
        return frozen_copy(other.model)
    if job.trains_adapter or options.precompute_ref_log_probs:
        return None
    return frozen_copy(job.loaded.model)


def _dataset(job: Job, rows: Sequence[Mapping[str, Any]], name: str) -> Dataset:
    options: DPOOptions = job.options
    ids: list[dict[str, Any]] = [*tokenized(rows, job.loaded, COMPLETIONS)]
    for row, made in zip(rows, ids, strict=True):
        if options.cuts_prompts:
            made["prompt_ids"] = truncate(made["prompt_ids"], options.max_prompt_length)
        if row.get(CLICK) is not None:
            made[CLICK] = row[CLICK]
        if job.loaded.architecture == "seq2seq" and WRITTEN in row:
            made[WRITTEN] = row[WRITTEN]
    if are_weighted(job.train):
        ids = with_weights(ids, rows)
    return saved_dataset(ids, job.work, name) if options.precompute_ref_log_probs else Dataset.from_list(ids)


METHOD: Method = DPO()
