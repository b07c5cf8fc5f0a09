"""Kahneman-Tversky Optimization of an encoder-decoder, with TRL's own trainer.

As in worker/training/t5/seq2seq_dpo.py, the decoder's rows stand in for the rows that TRL expects: their first column
is the decoder's start token, where TRL expects the prompt. TRL runs the model twice a batch, on the completions and on
the mismatched ones of its KL estimate; the prompts are in the batch both times, under names that TRL passes to the
model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl.trainer import kto_trainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from worker.training.t5.seq2seq_dpo import decoder_start_token_id, disable_dropout, pad_rows
from worker.training.t5.seq2seq_head import head_for_encoder_decoders


class Seq2SeqKTOTrainer(KTOTrainer):
    """TRL's `KTOTrainer` for a `*ForConditionalGeneration` model, on the rows of `UnpairedCollator`.

    The model's own dropout is switched off, so that policy and reference model agree before the first step.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        ref_model: PreTrainedModel | None = None,
        *,
        args: KTOConfig,
        processing_class: PreTrainedTokenizerBase,
        **kwargs: Any,
    ) -> None:
        for network in (model, ref_model):
            if network is not None:
                disable_dropout(network)
        collator = UnpairedCollator(int(model.config.pad_token_id), decoder_start_token_id(model))
        with head_for_encoder_decoders(kto_trainer):
            super().__init__(
                model, ref_model, args=args, data_collator=collator, processing_class=processing_class, **kwargs
            )


@dataclass
class UnpairedCollator:
    """Collates N tokenized rows for `Seq2SeqKTOTrainer`.

    Returns, padded on the right: `prompt_input_ids` and `prompt_attention_mask` (N, P); `input_ids`, `attention_mask`
    and `completion_mask` (N, 1 + C), each completion behind the decoder's start token, which the completion mask
    excludes; the same three under `KL_…` (N, 1 + K) for the mismatched completions, if rows have `KL_completion_ids`;
    and `label` (N), true for a desirable completion.
    """

    pad_token_id: int
    decoder_start_token_id: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Collate rows with `prompt_ids`, `completion_ids`, `label` and optionally `KL_completion_ids`."""
        prompt_ids, prompt_mask = pad_rows([row["prompt_ids"] for row in examples], self.pad_token_id)
        batch = {
            "prompt_input_ids": prompt_ids,
            "prompt_attention_mask": prompt_mask,
            "label": torch.tensor([row["label"] for row in examples]),
        }
        for prefix in ("", "KL_"):
            if f"{prefix}completion_ids" not in examples[0]:
                continue
            rows = [[self.decoder_start_token_id, *row[f"{prefix}completion_ids"]] for row in examples]
            ids, mask = pad_rows(rows, self.pad_token_id)
            scored = mask.clone()
            scored[:, 0] = 0
            batch |= {f"{prefix}input_ids": ids, f"{prefix}attention_mask": mask, f"{prefix}completion_mask": scored}
        return batch
