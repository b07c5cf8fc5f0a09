"""Direct Preference Optimization of an encoder-decoder, with TRL's own trainer.

Since version 0.29 TRL's `DPOTrainer` takes decoder-only models: it reads prompt and completion as one row of tokens. A
T5 reads the prompt in its encoder and writes the completion in its decoder. This module bridges the two and leaves
everything else of DPO (every loss type, the reference model, its precomputed log-probabilities, PEFT, metrics, gradient
accumulation, distributed training) to TRL:

- the dataset keeps prompt and completions apart, each closed by one EOS;
- a batch holds each prompt once; the decoder's rows (first every chosen, then every rejected completion) stand in for
  the rows that TRL expects. Their first column is the decoder's start token, where TRL expects the prompt;
- TRL scores a row through a head it puts on the model. Ours runs the encoder once for each distinct prompt and the
  decoder once for each distinct completion, however many pairs share them, and returns TRL's own output type.

The loss is complete all the same: a text that two pairs share has one log-probability, and its gradient is the sum of
both. click_order.py, packed_t5.py and token_scores.py make a step fast.

This relies on three undocumented names of TRL 1.16: `trl.trainer.dpo_trainer.add_fused_lm_head`, the function that puts
the head on a model, `DPOTrainer._prepare_dataset` and `DPOTrainer._metrics`. The tests of this module
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
from worker.training.shared.examples import WEIGHT
from worker.training.t5.click_order import ClickSampler, adjacent_groups
from worker.training.t5.listwise import CLICK, ListwiseDPOTrainer
from worker.training.t5.pair_weights import FirstOutput
from worker.training.t5.seq2seq_head import head_for_encoder_decoders, head_of

WRITTEN = "written"
"""The column that marks pairs whose chosen text a person wrote."""
WRITTEN_WEIGHT = 3.0
"""Weight, relative to DPO's loss, of -log p of such a text (mean over its tokens, in nats)."""

VOCABULARY_METRICS = ("entropy", "logits/chosen", "logits/rejected", "mean_token_accuracy")
"""TRL's metrics that need a pass over the whole vocabulary at every token."""


class Seq2SeqDPOTrainer(ListwiseDPOTrainer):
    """TRL's `DPOTrainer` for a `*ForConditionalGeneration` model; takes text columns prompt, chosen and rejected.

    Prompts longer than `max_prompt_length` tokens and completions longer than `max_completion_length` are cut, and keep
    their EOS. The model's own dropout is switched off, so that policy and reference model agree before the first step;
    dropout of a LoRA adapter is left to `DPOConfig.disable_dropout`. Adjacent rows with the same prompt, the pairs of
    one click, stay in one batch of `click_rows` (default: the batch size) where they fit. `VOCABULARY_METRICS` are
    computed on logged steps only, and not at all without `vocabulary_metrics`. The negative log-likelihood of chosen
    texts that people wrote is added to the loss with WRITTEN_WEIGHT (as in Pang et al. 2024, eq. 2), times the weight
    of the pair.
    """

    kept_columns = (WEIGHT, WRITTEN)

    def __init__(
        self,
        model: PreTrainedModel,
        ref_model: PreTrainedModel | None = None,
        *,
        args: DPOConfig,
        processing_class: PreTrainedTokenizerFast,
        max_prompt_length: int,
        max_completion_length: int,
        click_rows: int = 0,
        vocabulary_metrics: bool = True,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_metrics = vocabulary_metrics
        self.click_rows = click_rows or args.per_device_train_batch_size
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
        """Return a sampler that shuffles clicks instead of pairs; leave other sampling strategies to the base class."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if self.args.train_sampling_strategy != "random" or not isinstance(dataset, Dataset):
            return super()._get_train_sampler(train_dataset)
        size = self.click_rows
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return ClickSampler(adjacent_groups(dataset["prompt_ids"], size), size, seed)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's loss, plus the NLL of written texts; compute vocabulary metrics only on logged steps."""
        wanted = self.vocabulary_metrics and self._is_logged()
        network: Any = self.model
        self._head.statistics = wanted
        batch = dict(inputs)
        written = batch.pop(WRITTEN, None)
        if written is None or not bool(written.any()):
            result = super().compute_loss(model, batch, return_outputs, num_items_in_batch)
        else:
            policy = FirstOutput(model)
            result = super().compute_loss(policy, batch, return_outputs, num_items_in_batch)
            of_pairs = _chosen_nll(policy.output, batch) * written * batch.get(WEIGHT, 1.0)
            loss = WRITTEN_WEIGHT * self.pairs_weight * of_pairs.mean()
            result = (result[0] + loss, result[1]) if return_outputs else result + loss
        if not wanted:
            seen = self._metrics["train" if network.training else "eval"]
            for name in VOCABULARY_METRICS:
                seen[name].pop()  # the zero that TRL logged for the metric that was not computed
                if not seen[name]:
                    del seen[name]
        return result

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: the estimate would count every weight at every step, for a number that is shown nowhere."""
        return 0

    def _is_logged(self) -> bool:
        """Return True if the current optimizer step will be logged; evaluation always is."""
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

        # Without `self`: datasets hashes everything that the function refers to, so it would hash the whole trainer.
        limits = {
            "prompt": self.max_prompt_length,
            "chosen": self.max_completion_length,
            "rejected": self.max_completion_length,
        }

        def tokenize(row: dict[str, str]) -> dict[str, list[int]]:
            return {
                f"{part}_ids": truncate(encode(processing_class, row[part]), limit) for part, limit in limits.items()
            }

        kept = (CLICK, WRITTEN, WEIGHT)
        return dataset.map(tokenize, remove_columns=[name for name in dataset.column_names if name not in kept])


@dataclass
class PreferenceCollator:
    """Collates N tokenized pairs for `Seq2SeqDPOTrainer`.

    Returns integer tensors padded on the right: `prompt_input_ids` and `prompt_attention_mask` (P, L), each distinct
    prompt once; `input_ids`, `attention_mask` and `completion_mask` (2N, 1 + C), the chosen completions and then the
    rejected ones, each behind the decoder's start token, which the completion mask excludes. Of the R completions that
    are distinct in prompt or text, `distinct_rows` (R) is the first of the 2N rows that holds each, `prompt_of_row` (R)
    its prompt, and `row_of_pair` (2N) the distinct completion of each row. Reference log-probabilities (N,) and
    `written` (N,) pass through if the dataset has them.
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


def _chosen_nll(outputs: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Return -log p of the chosen text of each pair (N), averaged over its tokens, in nats."""
    mask = batch["completion_mask"][:, 1:]
    chosen, _ = outputs.log_probs[:, -mask.shape[1] :].sum(1).chunk(2)
    tokens, _ = mask.sum(1).chunk(2)
    surprise: Tensor = -chosen / tokens
    return surprise


def distinct(items: Iterable[Hashable]) -> tuple[list[int], list[int]]:
    """Return the index of each item's first occurrence, and for every item the number of its distinct value."""
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
    """Pad rows of token ids on the right to a matrix (rows, longest); return it with its mask, 1 for a token."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad_token_id] * (width - len(row))] for row in rows])
    # The mask follows the lengths, not the ids: in a T5 the start token is the padding token too.
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def decoder_start_token_id(model: PreTrainedModel) -> int:
    """Return the decoder's first input token; T5 configurations that leave it out mean the padding token."""
    for config in (model.config, model.generation_config):
        start = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return int(start)
    return int(model.config.pad_token_id)


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of `model` to zero.

    T5's attention keeps its rate as a plain number and not as an `nn.Dropout`, the only kind that TRL's
    `disable_dropout` finds: policy and reference model would differ, and the first step's loss would exceed ln 2. Other
    models name such numbers `attention_dropout` or `activation_dropout`, and skip whole layers by a `layerdrop`.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name, value in vars(module).items():
            if name.endswith(("dropout", "layerdrop")) and isinstance(value, float):
                setattr(module, name, 0.0)
