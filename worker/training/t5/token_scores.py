"""The log-probability of each token, and what else TRL asks about one, from a decoder's states or its logits.

The output head of a small model costs more than all its layers. `log_probs_of_states` is head and soft maximum as one
autograd function. It sees the scored positions alone, keeps one matrix of tokens x vocabulary for the backward pass
where the head is trained, and none where it is frozen, as under LoRA. Its gradients are exact:

    d log p(y) / d states = W[y] - p W            d log p(y) / d W = (one-hot(y) - p) states^T
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from trl.trainer.utils import FusedCausalLMOutput

IGNORED = -100
"""The label of a position that is not scored, as everywhere in PyTorch and TRL."""

ROWS_AT_ONCE = 16
"""Tokens whose statistics are computed together: few enough for a processor's cache."""

WORDS_AT_ONCE = 512
"""Words of the vocabulary whose scores one core computes together."""

FAINT = 1e-30
"""A probability below which float32 loses digits of it."""


def token_statistics(logits: Tensor, labels: Tensor, outputs: tuple[str, ...]) -> FusedCausalLMOutput:
    """What TRL wants to know of each scored token.

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
    """The fields of the scored tokens (T) in the places of `mask` (rows, columns), and zero elsewhere."""
    placed = {name: values.new_zeros(mask.shape).masked_scatter(mask, values) for name, values in fields.items()}
    return FusedCausalLMOutput(label_mask=mask, **placed)


def vocabulary_statistics(
    scores: Tensor, log_p: Tensor, targets: Tensor, outputs: tuple[str, ...]
) -> dict[str, Tensor]:
    """Those of `entropy`, `mean_logits`, `is_top1` and `log_sum_sq_probs` that `outputs` names, each (T)."""
    parts: dict[str, list[Tensor]] = {}
    for first in range(0, len(targets), ROWS_AT_ONCE):
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
    """log p(target) in nats under softmax(`states` `weight`^T), with its gradient, and the named statistics without.

    `states` is (T, d), `weight` (V, d), `targets` (T); every value is (T). Under autocast the products are in its
    number format and all else in float32.
    """
    wanted = tuple(name for name in outputs if name != "log_probs")
    values = _LogProbs.apply(states, weight, targets, wanted)  # type: ignore[no-untyped-call]
    return dict(zip(("log_probs", *wanted), values, strict=True))


def product_format(weight: Tensor) -> torch.dtype:
    """The number format that a matrix product with `weight` is computed in here and now."""
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


class _LogProbs(torch.autograd.Function):
    """See `log_probs_of_states`."""

    @staticmethod
    def forward(
        context: Any, states: Tensor, weight: Tensor, targets: Tensor, wanted: tuple[str, ...]
    ) -> tuple[Tensor, ...]:
        """The log-probabilities and the statistics `wanted`, in that order."""
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
                # p - one-hot(y), in float32: where p(y) is nearly 1, bfloat16 would not hold the difference.
                residual = probabilities.scatter_(-1, targets[:, None], own - 1).to(kind)
                kept = ((residual @ matrix).float(),) if context.frozen_head else (low, matrix, residual)
                context.save_for_backward(*kept)
        others = tuple(found[name] for name in wanted)
        context.mark_non_differentiable(*others)
        return picked, *others

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """The gradients by the states and by the head's matrix."""
        weighing, (states_format, weight_format) = -gradients[0].float()[:, None], context.formats
        if context.frozen_head:
            (by_state,) = context.saved_tensors
            return (by_state * weighing).to(states_format), None, None, None
        states, matrix, residual = context.saved_tensors
        by_states = None
        if context.needs_input_grad[0]:
            by_states = ((residual @ matrix).float() * weighing).to(states_format)
        # Weighing the states and not the residual, which is as many numbers as there are tokens times words.
        by_weight = residual.T @ (states.float() * weighing).to(states.dtype)
        return by_states, by_weight.to(weight_format), None, None


def _scores(states: Tensor, matrix: Tensor) -> Tensor:
    """`states` `matrix`^T, (T, V). One core takes a fifth longer over such a wide product than over its parts."""
    if states.device.type != "cpu" or states.dtype != torch.float32 or torch.get_num_threads() > 1:
        return functional.linear(states, matrix)
    scores = states.new_empty(len(states), len(matrix))
    for first in range(0, len(matrix), WORDS_AT_ONCE):
        words = slice(first, first + WORDS_AT_ONCE)
        torch.mm(states, matrix[words].T, out=scores[:, words])
    return scores


def _log_probability(scores: Tensor, own: Tensor, targets: Tensor) -> Tensor:
    """log p(target) of each row (T), read off its probability `own` unless that is too small for it."""
    picked = own.log()
    faint = (own < FAINT).nonzero()[:, 0]
    if len(faint):
        picked[faint] = scores[faint].log_softmax(-1).gather(-1, targets[faint, None])[:, 0]
    return picked


def divergence_of_states(states: Tensor, weight: Tensor, parent_log_p: Tensor) -> Tensor:
    """KL( p_parent || softmax(`states` `weight`^T) ) in nats, the mean over the tokens, with its gradient.

    `states` is (T, d), `weight` (V, d), `parent_log_p` (T, V). The gradient by the scores is (p - p_parent) / T.
    """
    divergence: Tensor = _Divergence.apply(states, weight, parent_log_p)  # type: ignore[no-untyped-call]
    return divergence


def divergence_of_scores(scores: Tensor, parent_log_p: Tensor) -> Tensor:
    """The same of scores (T, V), by autograd."""
    log_p = scores.float().log_softmax(-1)
    return (parent_log_p.exp() * (parent_log_p - log_p)).sum(-1).mean()


class _Divergence(torch.autograd.Function):
    """See `divergence_of_states`."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, parent_log_p: Tensor) -> Tensor:
        """The divergence, a scalar."""
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
        """The gradients by the states and by the head's matrix."""
        by_states, by_weight = context.saved_tensors
        return (
            None if by_states is None else by_states * gradients[0],
            None if by_weight is None else by_weight * gradients[0],
            None,
        )
