"""Direct Preference Optimization (Rafailov et al. 2023, eq. 7), every other loss of TRL's `DPOTrainer`, and listwise.

A decoder-only model is trained by TRL's trainer itself, an encoder-decoder by worker/training/t5/seq2seq_dpo.py, which
gives that trainer a head for it. The reference model is the model without its adapter, a frozen copy where all weights
are trained, or another model that `ref_model` names; its log-probabilities can be computed once, beforehand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, Trainer
from trl.trainer.dpo_config import DPOConfig

from models.settings.command_line import DPOOptions
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.methods.common import (
    LearnsFromTexts,
    Prepared,
    adapter_in_float32,
    frozen_copy,
    on_disk,
    tokenized,
)
from worker.training.run.method import Job, Method
from worker.training.shared.checkpoint import truncate
from worker.training.shared.errors import CheckpointError
from worker.training.t5.listwise import CLICK, ListwiseDPOTrainer
from worker.training.t5.seq2seq_dpo import WRITTEN, Seq2SeqDPOTrainer, disable_dropout

COMPLETIONS = ("chosen", "rejected")


class CausalTrainer(Prepared, ListwiseDPOTrainer):
    """TRL's trainer on token ids."""


class Seq2SeqTrainer(Prepared, Seq2SeqDPOTrainer):
    """Ours for encoder-decoders, on token ids."""


class DPO(LearnsFromTexts):
    """Learns from pairs of a chosen and a rejected text."""

    name = "dpo"
    kind = "preference"
    best_metric = "eval_rewards/margins"
    vocabulary_metrics = True
    """Whether an encoder-decoder is also measured over its whole vocabulary, on the steps that are logged."""

    def build(self, job: Job) -> Trainer:
        """TRL's trainer, or ours for an encoder-decoder. Raises `CheckpointError` about another reference model."""
        options: DPOOptions = job.options
        arguments = job.arguments(
            DPOConfig,
            beta=options.beta,
            loss_type=list(options.loss_type),
            loss_weights=list(options.loss_weights) or None,
            label_smoothing=options.label_smoothing,
            precompute_ref_log_probs=options.precompute_ref_log_probs,
            disable_dropout=False,  # done below for the model itself; this switch would silence LoRA's too
            max_length=None,  # longer rows are left out already
        )
        loaded = job.loaded
        disable_dropout(loaded.model)
        extra: dict[str, Any] = {}
        kind: type[ListwiseDPOTrainer] = CausalTrainer
        if loaded.architecture == "seq2seq":
            kind = Seq2SeqTrainer
            extra["max_prompt_length"] = options.max_prompt_length
            extra["max_completion_length"] = options.max_completion_length
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


def _reference(job: Job) -> PreTrainedModel | None:
    """The reference model, or None where TRL finds it in the policy: without its adapter, or before the first step."""
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
    if job.peft_config is not None or options.precompute_ref_log_probs:
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
    return on_disk(ids, job.work, name) if options.precompute_ref_log_probs else Dataset.from_list(ids)


METHOD: Method = DPO()
