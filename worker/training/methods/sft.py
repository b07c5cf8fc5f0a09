"""Supervised fine-tuning on prompts and completions.

TRL's `SFTTrainer` trains a decoder-only model, transformers' `Seq2SeqTrainer` an encoder-decoder. Only the completion
is trained on, unless `completion_only_loss` is off. With `packing` several samples share a row without attending to
each other.
"""

from typing import Any

import numpy as np
from datasets import Dataset
from peft import get_peft_model
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedModel,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    Trainer,
)
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from models.model_errors import RecipeError
from models.settings.command_line import SFTOptions
from worker.training import processes
from worker.training.distributed.batches import SharedBatchesMixin, joint
from worker.training.loading.loading import Loaded
from worker.training.methods.common import TextMethod, adapter_in_float32, tokenized
from worker.training.methods.held_out_means import LOSS, TokenMeansMixin
from worker.training.run.held_out import Figures, completion_log_probs, mean
from worker.training.run.method import Job, Method, Rows


class CausalTrainer(TokenMeansMixin, SharedBatchesMixin, SFTTrainer):
    """TRL's trainer, without its model card."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no model card: TRL's is an unfilled form."""


class EncoderDecoderTrainer(TokenMeansMixin, SharedBatchesMixin, Seq2SeqTrainer):
    """transformers' trainer, with losses as means over the tokens of a step, or of the held-out rows."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the loss of a batch in nats, over the tokens of the step where they were counted.

        T5 takes their number and does not use it, while transformers multiplies by the number of processes and divides
        by no number of batches, as if it had.
        """
        result: Any = super().compute_loss(model, inputs, return_outputs)  # a mean over the tokens of this batch
        if num_items_in_batch is None:
            return result
        share = self.batch_weight(LOSS, inputs) * processes.count() / num_items_in_batch
        return (result[0] * share, result[1]) if return_outputs else result * share


class SFT(TextMethod):
    """SFT on a prompt and its completion."""

    name = "sft"
    kind = "completion"
    best_metric = "-eval_loss"

    def build(self, job: Job) -> Trainer:
        """Build the trainer of the model's architecture. Raises `RecipeError` for packing with an encoder-decoder."""
        trainer = _seq2seq_trainer(job) if job.loaded.architecture == "seq2seq" else _causal_trainer(job)
        adapter_in_float32(trainer.model)
        return trainer

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return `nll` of the held-out completions, in nats per token, and `perplexity`, its exponential."""
        if not job.held_out:
            return {}
        log_probs = completion_log_probs(job.loaded, model, job.held_out, "completion")
        nll = mean(-log_probs.per_token)
        bounds = {name: float(np.exp(nll[name])) for name in ("value", "low", "high")}
        return {"nll": nll, "perplexity": {**nll, **bounds}}


def _causal_trainer(job: Job) -> Trainer:
    options: SFTOptions = job.options
    arguments = job.arguments(
        SFTConfig,
        max_length=options.max_length,
        packing=options.packing,
        completion_only_loss=options.completion_only_loss,
        **joint(options),
    )
    return CausalTrainer(
        job.loaded.model,
        args=arguments,
        processing_class=job.loaded.tokenizer,
        train_dataset=Dataset.from_list(sft_rows(job.train, job.loaded)),
        eval_dataset=Dataset.from_list(sft_rows(job.held_out, job.loaded)) if job.held_out else None,
        peft_config=job.peft_config,
    )


def _seq2seq_trainer(job: Job) -> Trainer:
    options: SFTOptions = job.options
    if options.packing:
        raise RecipeError("packing is for decoder-only models: an encoder-decoder reads one prompt at a time.")
    model: Any = job.loaded.model
    if job.peft_config is not None:
        if options.gradient_checkpointing:
            model.enable_input_require_grads()
        model = get_peft_model(model, job.peft_config)
    return EncoderDecoderTrainer(
        model,
        job.arguments(Seq2SeqTrainingArguments, label_names=["labels"], **joint(job.options)),  # PEFT hides them
        data_collator=DataCollatorForSeq2Seq(job.loaded.tokenizer, model=job.loaded.model),
        train_dataset=Dataset.from_list(sft_rows(job.train, job.loaded)),
        eval_dataset=Dataset.from_list(sft_rows(job.held_out, job.loaded)) if job.held_out else None,
        processing_class=job.loaded.tokenizer,
    )


def sft_rows(rows: Rows, loaded: Loaded) -> list[dict[str, list[int]]]:
    """Tokenize rendered rows.

    For a decoder-only model `input_ids` are prompt and completion, and `completion_mask` is 1 at the completion; an
    encoder-decoder gets the prompt as `input_ids` and the completion as `labels`.
    """
    made = []
    for ids in tokenized(rows, loaded, ("completion",)):
        prompt, completion = ids["prompt_ids"], ids["completion_ids"]
        if loaded.architecture == "seq2seq":
            made.append({"input_ids": prompt, "attention_mask": [1] * len(prompt), "labels": completion})
        else:
            mask = [0] * len(prompt) + [1] * len(completion)
            made.append({"input_ids": [*prompt, *completion], "completion_mask": mask})
    return made


METHOD: Method = SFT()
