"""What a batch is scored for, in one pass over its packed tokens: its own texts, and anchors that are beside them.

The batch's own tokens come first, with the ids to be predicted; those of the anchors follow, with the distributions
that the parent predicts. A pass of its own for a few anchors would take a quarter of a step, most of it for the calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from worker.training.t5.packed_t5 import scored_states
from worker.training.t5.parallel.batch_parts import Batch, shared_out
from worker.training.t5.token_scores import divergence_of_states, log_probs_of_states


class Scoring(NamedTuple):
    """A batch whose first scored tokens have `targets` (T), and its others, if any, `parent_log_p` (A, V) in nats.

    `anchor_share` is the share of these others among all tokens of anchors.
    """

    batch: Batch
    targets: Tensor
    parent_log_p: Tensor | None = None
    anchor_share: float = 1.0


@dataclass
class Anchors:
    """Anchors to score beside the next batch whose gradient is computed.

    `parent_log_p` are the parent's log-probabilities at the scored tokens of `batch`. The gradient of `weight` times
    the divergence is added to that of the loss. `divergence` is found then, in nats, averaged over the tokens.
    """

    batch: Batch
    parent_log_p: Tensor
    weight: float
    divergence: Tensor | None = None


def scores_of(model: Any, scoring: Scoring, statistics: tuple[str, ...]) -> tuple[Tensor, ...]:
    """Return the log-probabilities of the targets (T) in nats, their named statistics (T), and the divergence.

    The last is KL( parent || model ), averaged over the tokens of the anchors and times their share; 0 without any.
    """
    states, matrix = scored_states(model, *scoring.batch)
    own = len(scoring.targets)
    fields = log_probs_of_states(states[:own], matrix, scoring.targets, statistics)
    divergence = states.new_zeros(())
    if scoring.parent_log_p is not None:
        divergence = divergence_of_states(states[own:], matrix, scoring.parent_log_p) * scoring.anchor_share
    return fields["log_probs"], *(fields[name] for name in statistics), divergence


def in_parts(scoring: Scoring, count: int) -> list[tuple[Scoring, Tensor]]:
    """Split a scoring into at most `count` parts; return each with the indices of its targets, in order."""
    own, parent_log_p = len(scoring.targets), scoring.parent_log_p
    found = []
    for batch, places in shared_out(scoring.batch, count):
        mine = places[places < own]
        part = Scoring(batch, scoring.targets[mine])
        if parent_log_p is not None and len(mine) < len(places):
            theirs = places[places >= own] - own
            part = part._replace(parent_log_p=parent_log_p[theirs], anchor_share=len(theirs) / len(parent_log_p))
        found.append((part, mine))
    return found


def one_text_each(batch: Mapping[str, Tensor]) -> Batch:
    """Return a batch with a row for each source from one under the argument names of a model's own forward."""
    sources = batch["input_ids"]
    return Batch(
        prompts=sources,
        prompt_mask=batch["attention_mask"],
        prompt_of_row=torch.arange(len(sources), device=sources.device),
        inputs=batch["decoder_input_ids"],
        scored=batch["decoder_attention_mask"].bool(),
    )


def beside(scoring: Scoring, anchors: Anchors | None) -> Scoring:
    """Return the scoring of a batch's own targets, with the rows of the anchors behind its own."""
    if anchors is None:
        return scoring
    batch, other = scoring.batch, anchors.batch

    def stacked(one: Tensor, two: Tensor) -> Tensor:
        width = max(one.shape[1], two.shape[1])
        return torch.cat([functional.pad(rows, (0, width - rows.shape[1])) for rows in (one, two.to(one.dtype))])

    rows = Batch(
        prompts=stacked(batch.prompts, other.prompts),
        prompt_mask=stacked(batch.prompt_mask, other.prompt_mask),
        prompt_of_row=torch.cat([batch.prompt_of_row, other.prompt_of_row + len(batch.prompts)]),
        inputs=stacked(batch.inputs, other.inputs),
        scored=stacked(batch.scored, other.scored),
    )
    return Scoring(rows, scoring.targets, anchors.parent_log_p)


def with_gradient_of(values: Tensor, penalty: Tensor) -> Tensor:
    """Return `values`; a backward pass from them adds the gradient of the scalar `penalty`, whatever the loss is."""
    same: Tensor = _WithGradient.apply(values, penalty)  # type: ignore[no-untyped-call]
    return same


class _WithGradient(torch.autograd.Function):
    """The autograd function of `with_gradient_of`."""

    @staticmethod
    def forward(context: Any, values: Tensor, penalty: Tensor) -> Tensor:
        """Return the values."""
        context.penalty_format = penalty.dtype
        return values.view_as(values)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values' gradient, and 1 for the penalty."""
        return gradients[0], gradients[0].new_ones((), dtype=context.penalty_format)
