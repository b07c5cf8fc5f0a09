"""Direct Preference Optimization of an encoder-decoder, with TRL's own trainer.

Since version 0.29 TRL's `DPOTrainer` takes decoder-only models: it reads prompt and completion as one row of tokens.
A T5 reads the prompt in its encoder and writes the completion in its decoder. This file bridges the two and leaves
everything that makes DPO what it is (every loss type, the reference model, its precomputed log-probabilities, PEFT,
metrics, gradient accumulation, distributed training) to TRL:

- the dataset keeps prompt and completions apart, each closed by one EOS;
- a batch sends each prompt once; the decoder's rows (first every chosen, then every rejected completion) pose as the
  rows TRL expects. Their first column is the decoder's start token, where TRL expects the prompt;
- TRL scores a row through a head it puts on the model. Ours runs the encoder once a prompt, repeats its output for
  the two completions, and returns the log-probabilities in TRL's own type.

Two names of TRL 1.16 that it does not document are relied on: `trl.trainer.dpo_trainer.add_fused_lm_head`, the head
it puts on a model, and `DPOTrainer._prepare_dataset`. tests/worker/training/test_seq2seq_dpo.py fails when either
changes.
"""

import functools
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import BaseModelOutput
from trl.trainer import dpo_trainer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.utils import FusedCausalLMOutput

from worker.training.checkpoint import encode, truncate

IGNORED = -100
"""The label of a position that is not scored, as everywhere in PyTorch and TRL."""

TRL_HEAD = "add_fused_lm_head"
"""What TRL's module calls the function that puts its head on a model."""


class Seq2SeqDPOTrainer(DPOTrainer):
    """TRL's `DPOTrainer` for a `*ForConditionalGeneration` model; takes text columns prompt, chosen and rejected.

    Prompts longer than `max_prompt_length` tokens and completions longer than `max_completion_length` are cut, and
    keep their EOS. The model's own dropout is switched off, so that policy and reference model agree before the first
    step; dropout of a LoRA adapter is left to `DPOConfig.disable_dropout`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        ref_model: PreTrainedModel | None = None,
        *,
        args: DPOConfig,
        processing_class: PreTrainedTokenizerFast,
        max_prompt_length: int,
        max_completion_length: int,
        **kwargs: Any,
    ) -> None:
        self.max_prompt_length = max_prompt_length
        self.max_completion_length = max_completion_length
        for network in (model, ref_model):
            if network is not None:
                disable_dropout(network)
        self.collator = PreferenceCollator(
            pad_token_id=processing_class.pad_token_id, decoder_start_token_id=decoder_start_token_id(model)
        )
        with head_for_encoder_decoders(dpo_trainer):
            super().__init__(
                model,
                ref_model,
                args=args,
                data_collator=self.collator,
                processing_class=processing_class,
                **kwargs,
            )

    def _prepare_dataset(
        self,
        dataset: Dataset,
        processing_class: PreTrainedTokenizerFast,  # type: ignore[override]  # TRL would take a processor too
        args: DPOConfig,
        dataset_name: str,
    ) -> Dataset:
        """Replace the text columns by `prompt_ids`, `chosen_ids` and `rejected_ids`, as TRL names them."""

        # Not through `self`: datasets hashes what the function refers to, and would hash the whole trainer.
        limits = {
            "prompt": self.max_prompt_length,
            "chosen": self.max_completion_length,
            "rejected": self.max_completion_length,
        }

        def tokenize(row: dict[str, str]) -> dict[str, list[int]]:
            return {
                f"{part}_ids": truncate(encode(processing_class, row[part]), limit) for part, limit in limits.items()
            }

        return dataset.map(tokenize, remove_columns=dataset.column_names)


@dataclass
class PreferenceCollator:
    """Batches N tokenized examples for `Seq2SeqDPOTrainer`.

    Returns, as integer tensors padded on the right: `prompt_input_ids` and `prompt_attention_mask` (N, P), a prompt a
    row; `input_ids`, `attention_mask` and `completion_mask` (2N, 1 + C), the chosen completions and then the rejected
    ones, each behind the decoder's start token, which the completion mask leaves out. Reference log-probabilities
    (N,) pass through when the dataset has them.
    """

    pad_token_id: int
    decoder_start_token_id: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Collate `examples`, dictionaries with `prompt_ids`, `chosen_ids` and `rejected_ids`."""
        completions = [row["chosen_ids"] for row in examples] + [row["rejected_ids"] for row in examples]
        prompt_ids, prompt_mask = pad_rows([row["prompt_ids"] for row in examples], self.pad_token_id)
        input_ids, attention_mask = pad_rows(
            [[self.decoder_start_token_id, *ids] for ids in completions], self.pad_token_id
        )
        completion_mask = attention_mask.clone()
        completion_mask[:, 0] = 0
        batch = {
            "prompt_input_ids": prompt_ids,
            "prompt_attention_mask": prompt_mask,
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "completion_mask": completion_mask,
        }
        for column in ("ref_chosen_logps", "ref_rejected_logps"):
            if column in examples[0]:
                batch[column] = torch.tensor([row[column] for row in examples])
        return batch


def pad_rows(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Rows of token ids as one matrix (rows, longest) padded on the right, and its mask: 1 for a token."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad_token_id] * (width - len(row))] for row in rows])
    # By length and not by id: in a T5 the start token is the padding token too.
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def decoder_start_token_id(model: PreTrainedModel) -> int:
    """The token a decoder reads first; T5 configurations that do not say mean the padding token."""
    for config in (model.config, model.generation_config):
        start = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return int(start)
    return int(model.config.pad_token_id)


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of `model` to zero.

    T5's attention keeps its rate as a plain number rather than a `nn.Dropout`, which TRL's `disable_dropout` looks
    for: it would leave policy and reference model apart, and the loss of the first step above ln 2. Other models name
    such numbers `attention_dropout` or `activation_dropout`, and skip whole layers by a `layerdrop`.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name, value in vars(module).items():
            if name.endswith(("dropout", "layerdrop")) and isinstance(value, float):
                setattr(module, name, 0.0)


def add_seq2seq_head(model: PreTrainedModel, outputs: tuple[str, ...] = ("log_probs",)) -> None:
    """Make `model(..., fused_lm_head=True)` return log-probabilities, as TRL's `add_fused_lm_head` does.

    The decoder's rows are one completion of every prompt, or two: all first ones, then all second ones.
    `outputs` names the per-token fields of `FusedCausalLMOutput` to fill besides `log_probs`: `entropy`, `mean_logits`,
    `is_top1` and `log_sum_sq_probs`, all without gradient. Without `fused_lm_head` the model's own forward runs.
    """
    original_forward = model.forward

    @functools.wraps(type(model).forward)  # `generate` reads the signature
    def forward(self: PreTrainedModel, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return original_forward(*args, **kwargs)
        prompt_mask = kwargs["prompt_attention_mask"]
        encoded = self.get_encoder()(input_ids=kwargs["prompt_input_ids"], attention_mask=prompt_mask)
        hidden = encoded.last_hidden_state  # (N, P, d)
        copies = len(kwargs["input_ids"]) // len(prompt_mask)  # completions of each prompt
        # The model's own forward decodes, so that what a T5 does before its head (the first T5 scales by d_model
        # ** -0.5, v1.1 does not) stays the model's affair. Column t of the rows predicts column t + 1.
        logits = original_forward(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden.repeat(copies, 1, 1)),
            attention_mask=prompt_mask.repeat(copies, 1),
            decoder_input_ids=kwargs["input_ids"][:, :-1],
            use_cache=False,
        ).logits  # (copies * N, C, V)
        labels = kwargs["labels"][:, 1:]
        return token_statistics(logits, labels, outputs)

    model.forward = types.MethodType(forward, model)


def token_statistics(logits: Tensor, labels: Tensor, outputs: tuple[str, ...]) -> FusedCausalLMOutput:
    """What TRL wants to know of each scored token.

    `logits` is (rows, columns, V), `labels` (rows, columns) with `IGNORED` where nothing is scored. Every field is
    (rows, columns), zero where the label is ignored; `log_probs` is in nats and the only one with gradient.
    """
    mask = labels != IGNORED
    scores = logits[mask].float()  # (T, V): padding is neither exponentiated nor kept for the backward pass
    log_p = scores.log_softmax(-1)
    targets = labels[mask]

    def spread(values: Tensor) -> Tensor:
        return values.new_zeros(mask.shape).masked_scatter(mask, values)

    fields = {"log_probs": spread(log_p.gather(-1, targets[:, None])[:, 0])}
    with torch.no_grad():
        if "entropy" in outputs:
            fields["entropy"] = spread(-(log_p.exp() * log_p).sum(-1))
        if "mean_logits" in outputs:
            fields["mean_logits"] = spread(scores.mean(-1))
        if "is_top1" in outputs:
            fields["is_top1"] = spread(scores.argmax(-1) == targets)
        if "log_sum_sq_probs" in outputs:
            fields["log_sum_sq_probs"] = spread((2 * log_p).logsumexp(-1))
    return FusedCausalLMOutput(label_mask=mask, **fields)


@contextmanager
def head_for_encoder_decoders(module: types.ModuleType) -> Iterator[None]:
    """While a trainer of TRL's `module` is made, it finds our head where it looks for its own."""
    original = getattr(module, TRL_HEAD)
    setattr(module, TRL_HEAD, add_seq2seq_head)
    try:
        yield
    finally:
        setattr(module, TRL_HEAD, original)
