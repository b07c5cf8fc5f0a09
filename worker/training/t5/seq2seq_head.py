"""The scoring head for encoder-decoders that TRL's trainers call: log-probabilities in TRL's own output type.

TRL puts a head on each policy and reference model, by the name of `TRL_HEAD` in the trainer's module, and calls the
model with `fused_lm_head=True` to get the log-probability of each token of a batch's rows. Ours runs the encoder once
for each distinct prompt and the decoder once for each distinct completion.
"""

import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from trl.trainer.utils import FusedCausalLMOutput

from worker.training.t5.batch_parts import Batch, shared_out
from worker.training.t5.packed_t5 import can_be_packed, scored_states, switches_of
from worker.training.t5.side_by_side import side_by_side
from worker.training.t5.threads import parts_at_once
from worker.training.t5.token_scores import (
    IGNORED,
    divergence_of_scores,
    divergence_of_states,
    log_probs_of_states,
    spread,
    token_statistics,
)

TRL_HEAD = "add_fused_lm_head"
"""The name of TRL's function that puts its head on a model."""

HEAD = "seq2seq_head"
"""The attribute of a model that holds our head."""


class Seq2SeqHead:
    """The forward of a model that returns log-probabilities when called with `fused_lm_head=True`.

    `outputs` names the per-token fields of `FusedCausalLMOutput` to fill besides `log_probs`: `entropy`, `mean_logits`,
    `is_top1` and `log_sum_sq_probs`, all without gradient. While `statistics` is off, the first three are zeros.
    """

    def __init__(self, model: PreTrainedModel, outputs: tuple[str, ...]) -> None:
        self.model: Any = model
        self.original_forward = model.forward
        self.outputs = outputs
        self.statistics = True
        self._switches: list[nn.Module] = []
        self._weights: list[nn.Parameter] = []
        self._adapted = False

    def score(self, batch: dict[str, Any]) -> FusedCausalLMOutput:
        """Return TRL's per-token fields for the rows of a batch of `PreferenceCollator`, or of one with distinct rows.

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
        if not self._can_be_packed():
            return token_statistics(self._logits(prompts, prompt_mask, prompt_of_row, inputs), labels, wanted)
        scored = labels != IGNORED
        targets = labels[scored]
        batch = Batch(prompts, prompt_mask, prompt_of_row, inputs, scored)

        def fields_of(part: Batch, targets: Tensor) -> dict[str, Tensor]:
            states, matrix = scored_states(self.model, *part)
            return log_probs_of_states(states, matrix, targets, wanted)

        parts = self._parts(batch)
        if len(parts) < 2:
            return spread(fields_of(batch, targets), scored)
        names = ("log_probs", *(name for name in wanted if name != "log_probs"))

        def values_of(part: Batch, places: Tensor) -> tuple[Tensor, ...]:
            fields = fields_of(part, targets[places])
            return tuple(fields[name] for name in names)

        found = side_by_side([partial(values_of, *part) for part in parts], self._weights)
        in_order = torch.cat([places for _, places in parts]).argsort()
        joined = (torch.cat(values).index_select(0, in_order) for values in zip(*found, strict=True))
        return spread(dict(zip(names, joined, strict=True)), scored)

    def divergence(self, batch: dict[str, Tensor], parent_log_p: Tensor) -> Tensor:
        """Return KL( parent || model ) in nats, averaged over the tokens, with its gradient.

        `batch` has a row for each source under the argument names of the model's own forward; `parent_log_p` (T, V) are
        the parent's log-probabilities where `decoder_attention_mask` is set, row by row.
        """
        sources, source_mask = batch["input_ids"], batch["attention_mask"]
        inputs, scored = batch["decoder_input_ids"], batch["decoder_attention_mask"].bool()
        own = torch.arange(len(sources), device=sources.device)
        if not self._can_be_packed():
            return divergence_of_scores(self._logits(sources, source_mask, own, inputs)[scored], parent_log_p)
        whole = Batch(sources, source_mask, own, inputs, scored)

        def mean_of(part: Batch, parent_log_p: Tensor) -> Tensor:
            states, matrix = scored_states(self.model, *part)
            return divergence_of_states(states, matrix, parent_log_p)

        parts = self._parts(whole)
        if len(parts) < 2:
            return mean_of(whole, parent_log_p)

        def share_of(part: Batch, places: Tensor) -> tuple[Tensor]:
            return (mean_of(part, parent_log_p[places]) * (len(places) / len(parent_log_p)),)

        shares = side_by_side([partial(share_of, *part) for part in parts], self._weights)
        return torch.stack([share for (share,) in shares]).sum()

    def _parts(self, batch: Batch) -> list[tuple[Batch, Tensor]]:
        """Return the parts of the batch to compute in parallel, each with the indices of its scored tokens."""
        if batch.inputs.device.type != "cpu":
            return []
        if not self._weights:  # read late: an adapter may be added before the first batch
            self._weights = list(self.model.parameters())
            self._adapted = any(isinstance(module, BaseTunerLayer) for module in self.model.modules())
        tokens = int(batch.prompt_mask.sum()) + int(batch.scored.sum())
        count = parts_at_once(tokens, self.model.model_dim, adapter=self._adapted)
        return shared_out(batch, count) if count > 1 else []

    def _can_be_packed(self) -> bool:
        """Return True if `scored_states` covers the model and its head is nothing but a matrix (V, d)."""
        head = self.model.get_output_embeddings()
        self._switches = self._switches or switches_of(self.model)  # read late, see _parts
        return type(head) is nn.Linear and head.bias is None and can_be_packed(self.model, self._switches)

    def _logits(self, prompts: Tensor, prompt_mask: Tensor, prompt_of_row: Tensor, inputs: Tensor) -> Tensor:
        encoded = self.model.get_encoder()(input_ids=prompts, attention_mask=prompt_mask)
        # The model's own forward decodes, so that the scaling before the head (T5 v1.0 scales by d_model
        # ** -0.5, v1.1 does not) is left to the model.
        logits: Tensor = self.original_forward(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded.last_hidden_state[prompt_of_row]),
            attention_mask=prompt_mask[prompt_of_row],
            decoder_input_ids=inputs,
            use_cache=False,
        ).logits  # (rows, C, V)
        return logits


def add_seq2seq_head(model: PreTrainedModel, outputs: tuple[str, ...] = ("log_probs",)) -> None:
    """Make `model(..., fused_lm_head=True)` return log-probabilities, as TRL's `add_fused_lm_head` does.

    With `parent_log_p` it returns `Seq2SeqHead.divergence`; with neither the model's own forward runs.
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


def has_head(model: Any) -> bool:
    """Return True if `model`, which may have an adapter, has the head."""
    return hasattr(_without_adapter(model), HEAD)


def head_of(model: Any) -> Seq2SeqHead:
    """Return the head of `model`, which may have an adapter."""
    head: Seq2SeqHead = getattr(_without_adapter(model), HEAD)
    return head


def _without_adapter(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def head_for_encoder_decoders(module: types.ModuleType) -> Iterator[None]:
    """Replace TRL's head by ours while a trainer of TRL's `module` is created."""
    original = getattr(module, TRL_HEAD)
    setattr(module, TRL_HEAD, add_seq2seq_head)
    try:
        yield
    finally:
        setattr(module, TRL_HEAD, original)
