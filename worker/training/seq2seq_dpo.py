"""Direct Preference Optimization of an encoder-decoder, with TRL's own trainer.

Since version 0.29 TRL's `DPOTrainer` takes decoder-only models: it reads prompt and completion as one row of tokens.
A T5 reads the prompt in its encoder and writes the completion in its decoder. This file bridges the two and leaves
everything that makes DPO what it is (every loss type, the reference model, its precomputed log-probabilities, PEFT,
metrics, gradient accumulation, distributed training) to TRL:

- the dataset keeps prompt and completions apart, each closed by one EOS;
- a batch sends each prompt once; the decoder's rows (first every chosen, then every rejected completion) pose as the
  rows TRL expects. Their first column is the decoder's start token, where TRL expects the prompt;
- TRL scores a row through a head it puts on the model. Ours runs the encoder once for each prompt and the decoder once
  for each completion that differs, however many pairs share them, and returns the log-probabilities in TRL's own type.

Nothing is left out of the loss by that: a text that two pairs share has one log-probability, and its gradient is the
sum of both. What makes a step cheap is in click_order.py, packed_t5.py and token_scores.py.

Two names of TRL 1.16 that it does not document are relied on: `trl.trainer.dpo_trainer.add_fused_lm_head`, the head
it puts on a model, and `DPOTrainer._prepare_dataset`. tests/worker/training/test_seq2seq_dpo.py fails when either
changes.
"""

import functools
import types
from collections.abc import Hashable, Iterable, Iterator, Sequence
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
from worker.training.click_order import ClickSampler, adjacent_groups
from worker.training.packed_t5 import can_be_packed, scored_states
from worker.training.token_scores import (
    IGNORED,
    divergence_of_scores,
    divergence_of_states,
    log_probs_of_states,
    spread,
    token_statistics,
)

TRL_HEAD = "add_fused_lm_head"
"""What TRL's module calls the function that puts its head on a model."""

HEAD = "seq2seq_head"
"""The name under which a model keeps ours."""


VOCABULARY_METRICS = ("entropy", "logits/chosen", "logits/rejected", "mean_token_accuracy")
"""TRL's metrics that take a pass over the whole vocabulary at every token."""


class Seq2SeqDPOTrainer(DPOTrainer):
    """TRL's `DPOTrainer` for a `*ForConditionalGeneration` model; takes text columns prompt, chosen and rejected.

    Prompts longer than `max_prompt_length` tokens and completions longer than `max_completion_length` are cut, and
    keep their EOS. The model's own dropout is switched off, so that policy and reference model agree before the first
    step; dropout of a LoRA adapter is left to `DPOConfig.disable_dropout`. Rows that follow each other and share their
    prompt, the pairs of one click, are kept in one batch where they fit. `VOCABULARY_METRICS` are computed on the steps
    that are logged, and are of those alone; without `vocabulary_metrics` they are neither computed nor logged.
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
        vocabulary_metrics: bool = True,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_metrics = vocabulary_metrics
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

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Shuffle clicks rather than pairs; any other order that the arguments ask for is the base class's."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if self.args.train_sampling_strategy != "random" or not isinstance(dataset, Dataset):
            return super()._get_train_sampler(train_dataset)
        size = self.args.per_device_train_batch_size
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return ClickSampler(adjacent_groups(dataset["prompt_ids"], size), size, seed)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss; the metrics over the vocabulary are computed only if this step is logged."""
        wanted = self.vocabulary_metrics and self._is_logged()
        network: Any = self.model
        head_of(self.accelerator.unwrap_model(network)).statistics = wanted
        result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        if not wanted:
            seen = self._metrics["train" if network.training else "eval"]
            for name in VOCABULARY_METRICS:
                seen[name].pop()  # the zero that TRL made of what was not computed
                if not seen[name]:
                    del seen[name]
        return result

    def _is_logged(self) -> bool:
        """Whether the optimizer step that is being computed will be logged; evaluation always is."""
        network: Any = self.model
        step, state, args = self.state.global_step + 1, self.state, self.args
        if not network.training or args.logging_strategy != "steps" or not state.logging_steps:
            return True
        return step % state.logging_steps == 0 or (step == 1 and args.logging_first_step)

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

    Returns, as integer tensors padded on the right: `prompt_input_ids` and `prompt_attention_mask` (P, L), each prompt
    that differs from the others once; `input_ids`, `attention_mask` and `completion_mask` (2N, 1 + C), the chosen
    completions and then the rejected ones, each behind the decoder's start token, which the completion mask leaves out.
    Of the R completions that differ in prompt or text, `distinct_rows` (R) says in which of the 2N rows each is first
    found, `prompt_of_row` (R) which prompt it belongs to, and `row_of_pair` (2N) which of them each row is. Reference
    log-probabilities (N,) pass through when the dataset has them.
    """

    pad_token_id: int
    decoder_start_token_id: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Collate `examples`, dictionaries with `prompt_ids`, `chosen_ids` and `rejected_ids`."""
        completions = [row["chosen_ids"] for row in examples] + [row["rejected_ids"] for row in examples]
        input_ids, attention_mask = pad_rows(
            [[self.decoder_start_token_id, *ids] for ids in completions], self.pad_token_id
        )
        completion_mask = attention_mask.clone()
        completion_mask[:, 0] = 0
        prompts = [tuple(row["prompt_ids"]) for row in examples] * 2
        prompt_rows, prompt_of = distinct(prompts)
        distinct_rows, row_of_pair = distinct(zip(prompts, map(tuple, completions), strict=True))
        prompt_ids, prompt_mask = pad_rows([prompts[row] for row in prompt_rows], self.pad_token_id)
        batch = {
            "prompt_input_ids": prompt_ids,
            "prompt_attention_mask": prompt_mask,
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "completion_mask": completion_mask,
            "distinct_rows": torch.tensor(distinct_rows),
            "prompt_of_row": torch.tensor([prompt_of[row] for row in distinct_rows]),
            "row_of_pair": torch.tensor(row_of_pair),
        }
        for column in ("ref_chosen_logps", "ref_rejected_logps"):
            if column in examples[0]:
                batch[column] = torch.tensor([row[column] for row in examples])
        return batch


def distinct(items: Iterable[Hashable]) -> tuple[list[int], list[int]]:
    """Where each item that differs from all before it stands, and for every item which of those it equals."""
    first: dict[Hashable, int] = {}
    places: list[int] = []
    which: list[int] = []
    for place, item in enumerate(items):
        if item not in first:
            first[item] = len(places)
            places.append(place)
        which.append(first[item])
    return places, which


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


class Seq2SeqHead:
    """The forward of a model that returns log-probabilities when it is called with `fused_lm_head=True`.

    `outputs` names the per-token fields of `FusedCausalLMOutput` to fill besides `log_probs`: `entropy`, `mean_logits`,
    `is_top1` and `log_sum_sq_probs`, all without gradient. While `statistics` is off, the first three are zeros.
    """

    def __init__(self, model: PreTrainedModel, outputs: tuple[str, ...]) -> None:
        self.model: Any = model
        self.original_forward = model.forward
        self.outputs = outputs
        self.statistics = True

    def score(self, batch: dict[str, Any]) -> FusedCausalLMOutput:
        """What TRL wants to know of the rows of a batch of `PreferenceCollator`, or of one whose rows all differ.

        Without `distinct_rows` the decoder's rows are one completion of every prompt, or two: all first ones, then all
        second ones.
        """
        rows, labels = batch["input_ids"], batch["labels"]
        prompts, prompt_mask = batch["prompt_input_ids"], batch["prompt_attention_mask"]
        distinct_rows = batch.get("distinct_rows")
        if distinct_rows is None:
            prompt_of_row = torch.arange(len(rows), device=rows.device) % len(prompts)
        else:
            prompt_of_row = batch["prompt_of_row"]
            rows, labels = rows[distinct_rows], labels[distinct_rows]
        # Column t of the rows predicts column t + 1.
        found = self._score_rows(prompts, prompt_mask, prompt_of_row, rows[:, :-1], labels[:, 1:])
        for name in set(self.outputs) - set(found):
            found[name] = torch.zeros_like(found["log_probs"], dtype=torch.bool if name == "is_top1" else None)
        if distinct_rows is not None:
            found = FusedCausalLMOutput(
                **{name: values.index_select(0, batch["row_of_pair"]) for name, values in found.items()}
            )
        return found

    def _score_rows(
        self, prompts: Tensor, prompt_mask: Tensor, prompt_of_row: Tensor, inputs: Tensor, labels: Tensor
    ) -> FusedCausalLMOutput:
        wanted = tuple(name for name in self.outputs if self.statistics or name in ("log_probs", "log_sum_sq_probs"))
        matrix = self._matrix()
        if matrix is None:
            return token_statistics(self._logits(prompts, prompt_mask, prompt_of_row, inputs), labels, wanted)
        scored = labels != IGNORED
        states = scored_states(self.model, prompts, prompt_mask, prompt_of_row, inputs, scored)
        return spread(log_probs_of_states(states, matrix, labels[scored], wanted), scored)

    def divergence(self, batch: dict[str, Tensor], parent_log_p: Tensor) -> Tensor:
        """KL( parent || model ) in nats, the mean over the tokens, with its gradient.

        `batch` has a row for each source under the names of the model's own forward; `parent_log_p` (T, V) are the
        parent's log-probabilities where `decoder_attention_mask` is set, row by row.
        """
        sources, source_mask = batch["input_ids"], batch["attention_mask"]
        inputs, scored = batch["decoder_input_ids"], batch["decoder_attention_mask"].bool()
        own = torch.arange(len(sources), device=sources.device)
        matrix = self._matrix()
        if matrix is None:
            return divergence_of_scores(self._logits(sources, source_mask, own, inputs)[scored], parent_log_p)
        states = scored_states(self.model, sources, source_mask, own, inputs, scored)
        return divergence_of_states(states, matrix, parent_log_p)

    def _matrix(self) -> Tensor | None:
        """The matrix of the output head (V, d), where states can be computed without padding and it is all the head."""
        head = self.model.get_output_embeddings()
        plain = type(head) is nn.Linear and head.bias is None
        return head.weight if plain and can_be_packed(self.model) else None

    def _logits(self, prompts: Tensor, prompt_mask: Tensor, prompt_of_row: Tensor, inputs: Tensor) -> Tensor:
        encoded = self.model.get_encoder()(input_ids=prompts, attention_mask=prompt_mask)
        # The model's own forward decodes, so that what a T5 does before its head (the first T5 scales by d_model
        # ** -0.5, v1.1 does not) stays the model's affair.
        logits: Tensor = self.original_forward(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded.last_hidden_state[prompt_of_row]),
            attention_mask=prompt_mask[prompt_of_row],
            decoder_input_ids=inputs,
            use_cache=False,
        ).logits  # (rows, C, V)
        return logits


def add_seq2seq_head(model: PreTrainedModel, outputs: tuple[str, ...] = ("log_probs",)) -> None:
    """Make `model(..., fused_lm_head=True)` return log-probabilities, as TRL's `add_fused_lm_head` does.

    With `parent_log_p` it returns `Seq2SeqHead.divergence`, with neither the model's own forward runs.
    """
    head = Seq2SeqHead(model, outputs)

    @functools.wraps(type(model).forward)  # `generate` reads the signature
    def forward(
        self: PreTrainedModel,
        *args: Any,
        fused_lm_head: bool = False,
        parent_log_p: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        if parent_log_p is not None:
            return head.divergence(kwargs, parent_log_p)
        return head.score(kwargs) if fused_lm_head else head.original_forward(*args, **kwargs)

    setattr(model, HEAD, head)
    model.forward = types.MethodType(forward, model)


def head_of(model: Any) -> Seq2SeqHead:
    """The head that was put on `model`, which may have an adapter."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    head: Seq2SeqHead = getattr(base, HEAD)
    return head


@contextmanager
def head_for_encoder_decoders(module: types.ModuleType) -> Iterator[None]:
    """While a trainer of TRL's `module` is made, it finds our head where it looks for its own."""
    original = getattr(module, TRL_HEAD)
    setattr(module, TRL_HEAD, add_seq2seq_head)
    try:
        yield
    finally:
        setattr(module, TRL_HEAD, original)
