"""Log-probabilities and TRL's other statistics of tokens, from a decoder's states or its logits.

The output head of a small model costs more than all its layers. `log_probs_of_states` computes head and softmax in one
autograd function. It sees the scored positions alone, keeps one matrix of tokens x vocabulary for the backward pass if
the head is trained, and none if it is frozen, as under LoRA. Its gradients are exact:

    d log p(y) / d states = W[y] - p W            d log p(y) / d W = (one-hot(y) - p) states^T
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from trl.trainer.utils import FusedCausalLMOutput

IGNORED = -100
"""The label of positions that are not scored, as in PyTorch and TRL."""

ROWS_AT_ONCE = 16
"""Number of tokens whose statistics are computed together, so few that they fit a processor's cache."""

WORDS_AT_ONCE = 512
"""Number of vocabulary entries whose scores one core computes together."""

MIN_PROBABILITY = 1e-30
"""Below this probability float32 loses digits."""


def token_statistics(logits: Tensor, labels: Tensor, outputs: tuple[str, ...]) -> FusedCausalLMOutput:
    """Compute TRL's per-token fields from logits.

    `logits` is (rows, columns, V), `labels` (rows, columns) with `IGNORED` where nothing is scored. Every field is
    (rows, columns), zero where the label is ignored; `log_probs` is in nats and the only one with gradient.
    """
    mask = labels != IGNORED
    scores = logits[mask].float()  # (T, V): padding is neither exponentiated nor kept for the backward pass
    log_p = scores.log_softmax(-1)
    targets = labels[mask]
    fields = {"log_probs": log_p.gather(-1, targets[:, None])[:, 0]}
    with torch.no_grad():
        fields |= vocabulary_statistics(scores, log_p, targets, outputs)
    return spread(fields, mask)


def spread(fields: dict[str, Tensor], mask: Tensor) -> FusedCausalLMOutput:
    """Put the fields of the scored tokens (T) at the true positions of `mask` (rows, columns), with zeros elsewhere."""
    placed = {name: values.new_zeros(mask.shape).masked_scatter(mask, values) for name, values in fields.items()}
    return FusedCausalLMOutput(label_mask=mask, **placed)


def vocabulary_statistics(
    scores: Tensor, log_p: Tensor, targets: Tensor, outputs: tuple[str, ...]
) -> dict[str, Tensor]:
    """Return those of `entropy`, `mean_logits`, `is_top1` and `log_sum_sq_probs` that `outputs` names, each (T)."""
    parts: dict[str, list[Tensor]] = {}
    for first in range(0, len(targets) or 1, ROWS_AT_ONCE):  # once without any, for tensors without entries
        rows = slice(first, first + ROWS_AT_ONCE)
        if "entropy" in outputs:
            parts.setdefault("entropy", []).append(-(log_p[rows].exp() * log_p[rows]).sum(-1))
        if "mean_logits" in outputs:
            parts.setdefault("mean_logits", []).append(scores[rows].mean(-1))
        if "is_top1" in outputs:
            parts.setdefault("is_top1", []).append(scores[rows].argmax(-1) == targets[rows])
        if "log_sum_sq_probs" in outputs:
            parts.setdefault("log_sum_sq_probs", []).append((2 * log_p[rows]).logsumexp(-1))
    return {name: torch.cat(values) for name, values in parts.items()}


def log_probs_of_states(
    states: Tensor, weight: Tensor, targets: Tensor, outputs: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Return log p(target) in nats under softmax(`states` `weight`^T) with gradient, and the named statistics without.

    `states` is (T, d), `weight` (V, d), `targets` (T); every value is (T). Under autocast the products use its number
    format and all else float32.
    """
    wanted = tuple(name for name in outputs if name != "log_probs")
    values = _LogProbs.apply(states, weight, targets, wanted)  # type: ignore[no-untyped-call]
    return dict(zip(("log_probs", *wanted), values, strict=True))


def product_format(weight: Tensor) -> torch.dtype:
    """Return the number format of a matrix product with `weight` in the current autocast context."""
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


class _LogProbs(torch.autograd.Function):
    """The autograd function of `log_probs_of_states`."""

    @staticmethod
    def forward(
        context: Any, states: Tensor, weight: Tensor, targets: Tensor, wanted: tuple[str, ...]
    ) -> tuple[Tensor, ...]:
        """Return the log-probabilities and the statistics `wanted`, in that order."""
        kind = product_format(weight)
        with torch.autocast(weight.device.type, enabled=False):
            low, matrix = states.to(kind), weight.to(kind)
            scores = _scores(low, matrix).float()
            probabilities = scores.softmax(-1)
            own = probabilities.gather(-1, targets[:, None])
            picked = _log_probability(scores, own[:, 0], targets)
            if wanted:
                log_p = scores + (picked[:, None] - scores.gather(-1, targets[:, None]))
                found = vocabulary_statistics(scores, log_p, targets, wanted)
            del scores
            context.formats = states.dtype, weight.dtype
            context.frozen_head = not context.needs_input_grad[1]
            if any(context.needs_input_grad):
                # p - one-hot(y), in float32: where p(y) is nearly 1, bfloat16 would lose the difference.
                residual = probabilities.scatter_(-1, targets[:, None], own - 1).to(kind)
                kept = ((residual @ matrix).float(),) if context.frozen_head else (low, matrix, residual)
                context.save_for_backward(*kept)
        others = tuple(found[name] for name in wanted)
        context.mark_non_differentiable(*others)
        return picked, *others

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Return the gradients of the states and of the head's matrix."""
        weights, (states_format, weight_format) = -gradients[0].float()[:, None], context.formats
        if context.frozen_head:
            (by_state,) = context.saved_tensors
            return (by_state * weights).to(states_format), None, None, None
        states, matrix, residual = context.saved_tensors
        by_states = None
        if context.needs_input_grad[0]:
            by_states = ((residual @ matrix).float() * weights).to(states_format)
        # The states are weighted instead of the residual, which has tokens x vocabulary entries.
        by_weight = residual.T @ (states.float() * weights).to(states.dtype)
        return by_states, by_weight.to(weight_format), None, None


def _scores(states: Tensor, matrix: Tensor) -> Tensor:
    """Compute `states` `matrix`^T, (T, V), in slices on a single core, where the whole product takes a fifth longer."""
    if states.device.type != "cpu" or states.dtype != torch.float32 or torch.get_num_threads() > 1:
        return functional.linear(states, matrix)
    scores = states.new_empty(len(states), len(matrix))
    for first in range(0, len(matrix), WORDS_AT_ONCE):
        words = slice(first, first + WORDS_AT_ONCE)
        torch.mm(states, matrix[words].T, out=scores[:, words])
    return scores


def _log_probability(scores: Tensor, own: Tensor, targets: Tensor) -> Tensor:
    """Return log p(target) of each row (T): log of `own`, or from the scores where `own` is too small."""
    picked = own.log()
    faint = (own < MIN_PROBABILITY).nonzero()[:, 0]
    if len(faint):
        picked[faint] = scores[faint].log_softmax(-1).gather(-1, targets[faint, None])[:, 0]
    return picked


def divergence_of_states(states: Tensor, weight: Tensor, parent_log_p: Tensor) -> Tensor:
    """Return KL( p_parent || softmax(`states` `weight`^T) ) in nats, averaged over the tokens, with its gradient.

    `states` is (T, d), `weight` (V, d), `parent_log_p` (T, V). The gradient of the scores is (p - p_parent) / T.
    """
    divergence: Tensor = _Divergence.apply(states, weight, parent_log_p)  # type: ignore[no-untyped-call]
    return divergence


def divergence_of_scores(scores: Tensor, parent_log_p: Tensor) -> Tensor:
    """Return the same from scores (T, V), with autograd."""
    log_p = scores.float().log_softmax(-1)
    return (parent_log_p.exp() * (parent_log_p - log_p)).sum(-1).mean()


class _Divergence(torch.autograd.Function):
    """The autograd function of `divergence_of_states`."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, parent_log_p: Tensor) -> Tensor:
        """Return the divergence, a scalar."""
        kind = product_format(weight)
        with torch.autocast(weight.device.type, enabled=False):
            low, matrix = states.to(kind), weight.to(kind)
            log_p = functional.linear(low, matrix).float().log_softmax(-1)
            parent_p = parent_log_p.exp()
            divergence = (parent_log_p - log_p).mul_(parent_p).sum() / len(states)
            by_scores = log_p.exp_().sub_(parent_p).div_(len(states)).to(kind)
            by_states = (by_scores @ matrix).to(states.dtype) if context.needs_input_grad[0] else None
            by_weight = (by_scores.T @ low).to(weight.dtype) if context.needs_input_grad[1] else None
        context.save_for_backward(by_states, by_weight)
        return divergence

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of the states and of the head's matrix."""
        by_states, by_weight = context.saved_tensors
        return (
            None if by_states is None else by_states * gradients[0],
            None if by_weight is None else by_weight * gradients[0],
            None,
        )
