"""The scoring head for encoder-decoders that TRL's trainers call: log-probabilities in TRL's own output type.

TRL puts a head on each policy and reference model, by the name of `TRL_HEAD` in the trainer's module, and calls the
model with `fused_lm_head=True` to get the log-probability of each token of a batch's rows. Ours runs the encoder once
for each distinct prompt and the decoder once for each distinct completion.
"""

import functools
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from trl.trainer.utils import FusedCausalLMOutput

from worker.training.t5.packed_scores import (
    Anchors,
    Scoring,
    beside,
    in_parts,
    one_text_each,
    scores_of,
    with_gradient_of,
)
from worker.training.t5.packed_t5 import can_be_packed, scored_states, switches_of
from worker.training.t5.parallel.batch_parts import Batch
from worker.training.t5.parallel.second_process import SecondProcess, second_process
from worker.training.t5.parallel.side_by_side import side_by_side
from worker.training.t5.parallel.threads import WORTH_A_PROCESS, a_core_is_free, parts_at_once
from worker.training.t5.token_scores import (
    IGNORED,
    divergence_of_scores,
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
        self.anchors: Anchors | None = None
        """Anchors that the next pass with gradients scores as well."""
        self.second: SecondProcess | None = None
        """A process that computes a part of each pass with gradients."""

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
        if not self.can_be_packed():
            return token_statistics(self._logits(prompts, prompt_mask, prompt_of_row, inputs), labels, wanted)
        scored = labels != IGNORED
        statistics = tuple(name for name in wanted if name != "log_probs")
        scoring = Scoring(Batch(prompts, prompt_mask, prompt_of_row, inputs, scored), labels[scored])
        anchors = self.anchors if torch.is_grad_enabled() else None
        log_probs, *found, divergence = self._scores(beside(scoring, anchors), statistics)
        if anchors is not None:
            self.anchors, anchors.divergence = None, divergence.detach()
            log_probs = with_gradient_of(log_probs, anchors.weight * divergence)
        return spread({"log_probs": log_probs, **dict(zip(statistics, found, strict=True))}, scored)

    def divergence(self, batch: dict[str, Tensor], parent_log_p: Tensor) -> Tensor:
        """Return KL( parent || model ) in nats, averaged over the tokens, with its gradient.

        `batch` has a row for each source under the argument names of the model's own forward; `parent_log_p` (T, V) are
        the parent's log-probabilities where `decoder_attention_mask` is set, row by row.
        """
        rows = one_text_each(batch)
        logits = self._logits(rows.prompts, rows.prompt_mask, rows.prompt_of_row, rows.inputs)
        return divergence_of_scores(logits[rows.scored], parent_log_p)

    def distributions(self, batch: Batch) -> Tensor:
        """Return the log-probabilities at each scored token, (T, V), of a model that can be packed."""
        states, matrix = scored_states(self.model, *batch)
        return functional.linear(states, matrix).float().log_softmax(-1)

    def _scores(self, scoring: Scoring, statistics: tuple[str, ...]) -> tuple[Tensor, ...]:
        """Return `scores_of` the scoring, computed in parts where that is quicker."""
        second = self.second if torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu") else None
        if second is not None and not second.is_there:
            second = None
        count = self._parts_at_once(scoring.batch, second is not None)
        parts = in_parts(scoring, count) if count > 1 else []
        if len(parts) < 2:
            return scores_of(self.model, scoring, statistics)
        if second is not None:
            (one, _), (other, _) = parts
            found: Sequence[tuple[Tensor, ...]] = second.side_by_side((one, statistics), (other, statistics))
        else:
            found = side_by_side([partial(scores_of, self.model, part, statistics) for part, _ in parts], self._weights)
        in_order = torch.cat([places for _, places in parts]).argsort()
        *fields, divergences = zip(*found, strict=True)
        return *(torch.cat(values).index_select(0, in_order) for values in fields), torch.stack(divergences).sum()

    def _parts_at_once(self, batch: Batch, second_process: bool) -> int:
        """Return the number of parts of the batch to compute in parallel."""
        if batch.inputs.device.type != "cpu":
            return 1
        tokens = int(batch.prompt_mask.sum()) + int(batch.scored.sum())
        if second_process:
            return 2 if tokens * self.model.model_dim >= WORTH_A_PROCESS else 1
        if not self._weights:  # read late: an adapter may be added before the first batch
            self._weights = list(self.model.parameters())
            self._adapted = any(isinstance(module, BaseTunerLayer) for module in self.model.modules())
        return parts_at_once(tokens, self.model.model_dim, adapter=self._adapted)

    def can_be_packed(self) -> bool:
        """Return True if `scored_states` covers the model and its head is nothing but a matrix (V, d)."""
        head = self.model.get_output_embeddings()
        self._switches = self._switches or switches_of(self.model)  # read late, see _parts_at_once
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
def on_two_cores(model: Any) -> Iterator[None]:
    """Compute a part of each batch in a second process within the block, if `model` has the head and a core is free."""
    head = head_of(model) if has_head(model) else None
    if head is None or head.model.device.type != "cpu" or not a_core_is_free():
        yield
        return
    trained = [weight for weight in head.model.parameters() if weight.requires_grad]
    with second_process(partial(scores_of, head.model), trained) as head.second:
        try:
            yield
        finally:
            head.second = None


@contextmanager
def head_for_encoder_decoders(module: types.ModuleType) -> Iterator[None]:
    """Replace TRL's head by ours while a trainer of TRL's `module` is created."""
    original = getattr(module, TRL_HEAD)
    setattr(module, TRL_HEAD, add_seq2seq_head)
    try:
        yield
    finally:
        setattr(module, TRL_HEAD, original)
