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

Three names of TRL 1.16 that it does not document are relied on: `trl.trainer.dpo_trainer.add_fused_lm_head`, the head
it puts on a model, `DPOTrainer._prepare_dataset` and `DPOTrainer._metrics`. The tests of this module
(test_seq2seq_dpo.py, test_dpo_speed.py) fail when one of them changes.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from trl.trainer import dpo_trainer
from trl.trainer.dpo_config import DPOConfig

from worker.training.shared.checkpoint import encode, truncate
from worker.training.t5.click_order import ClickSampler, adjacent_groups
from worker.training.t5.listwise import CLICK, Heard, ListwiseDPOTrainer
from worker.training.t5.seq2seq_head import head_for_encoder_decoders, head_of

WRITTEN = "written"
"""The column that says of which pairs a person wrote the chosen text."""
WRITTEN_WEIGHT = 3.0
"""What -log p of such a text, the mean of its tokens in nats, weighs beside DPO's loss."""

VOCABULARY_METRICS = ("entropy", "logits/chosen", "logits/rejected", "mean_token_accuracy")
"""TRL's metrics that take a pass over the whole vocabulary at every token."""


class Seq2SeqDPOTrainer(ListwiseDPOTrainer):
    """TRL's `DPOTrainer` for a `*ForConditionalGeneration` model; takes text columns prompt, chosen and rejected.

    Prompts longer than `max_prompt_length` tokens and completions longer than `max_completion_length` are cut, and
    keep their EOS. The model's own dropout is switched off, so that policy and reference model agree before the first
    step; dropout of a LoRA adapter is left to `DPOConfig.disable_dropout`. Rows that follow each other and share their
    prompt, the pairs of one click, are kept in one batch where they fit. `VOCABULARY_METRICS` are computed on the steps
    that are logged, and are of those alone; without `vocabulary_metrics` they are neither computed nor logged.
    What people wrote themselves is also made likelier, with WRITTEN_WEIGHT (as in Pang et al. 2024, eq. 2).
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
        self._head = head_of(self.model)

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
        self._head.statistics = wanted
        batch = dict(inputs)
        written = batch.pop(WRITTEN, None)
        if written is None or not bool(written.any()):
            result = super().compute_loss(model, batch, return_outputs, num_items_in_batch)
        else:
            policy = Heard(model)
            result = super().compute_loss(policy, batch, return_outputs, num_items_in_batch)
            loss = WRITTEN_WEIGHT * (_surprise(policy.said, batch) * written).mean()
            result = (result[0] + loss, result[1]) if return_outputs else result + loss
        if not wanted:
            seen = self._metrics["train" if network.training else "eval"]
            for name in VOCABULARY_METRICS:
                seen[name].pop()  # the zero that TRL made of what was not computed
                if not seen[name]:
                    del seen[name]
        return result

    def floating_point_ops(self, inputs: Any) -> int:
        """Not estimated: it would count every weight at every step, for a figure that is shown nowhere."""
        return 0

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
        """Replace the texts by `prompt_ids`, `chosen_ids` and `rejected_ids`, as TRL names them."""

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

        kept = (CLICK, WRITTEN)
        return dataset.map(tokenize, remove_columns=[name for name in dataset.column_names if name not in kept])


@dataclass
class PreferenceCollator:
    """Batches N tokenized examples for `Seq2SeqDPOTrainer`.

    Returns, as integer tensors padded on the right: `prompt_input_ids` and `prompt_attention_mask` (P, L), each prompt
    that differs from the others once; `input_ids`, `attention_mask` and `completion_mask` (2N, 1 + C), the chosen
    completions and then the rejected ones, each behind the decoder's start token, which the completion mask leaves out.
    Of the R completions that differ in prompt or text, `distinct_rows` (R) says in which of the 2N rows each is first
    found, `prompt_of_row` (R) which prompt it belongs to, and `row_of_pair` (2N) which of them each row is. Reference
    log-probabilities (N,) pass through when the dataset has them, and so does `written` (N,).
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
        for column in ("ref_chosen_logps", "ref_rejected_logps", WRITTEN):
            if column in examples[0]:
                batch[column] = torch.tensor([row[column] for row in examples])
        return batch


def _surprise(outputs: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """-log p of the chosen text of each pair (N), the mean of its tokens in nats."""
    mask = batch["completion_mask"][:, 1:]
    chosen, _ = outputs.log_probs[:, -mask.shape[1] :].sum(1).chunk(2)
    tokens, _ = mask.sum(1).chunk(2)
    surprise: Tensor = -chosen / tokens
    return surprise


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
