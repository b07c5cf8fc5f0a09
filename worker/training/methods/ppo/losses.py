"""PPO's losses, as pure functions of one batch of tokens.

Tensors are (B, C), B completions of at most C tokens, with a mask of 1 for tokens and 0 for padding. A loss is a sum
over the tokens divided by `tokens`: by default their number, and with gradient accumulation the number in all batches
of the optimizer step, so that the losses of its batches add up to the loss of one large batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from worker.training.methods.ppo.advantages import masked, masked_mean


def _mean(values: Tensor, mask: Tensor, tokens: Tensor | float | None) -> Tensor:
    return masked(values, mask).sum() / (mask.sum() if tokens is None else tokens)


def log_ratio(logps: Tensor, old_logps: Tensor, mask: Tensor) -> Tensor:
    """Return log r_t = log p(a_t|s_t) - log p_old(a_t|s_t), (B, C), 0 for padding."""
    return masked(logps - old_logps, mask)


def policy_loss(
    logps: Tensor,
    old_logps: Tensor,
    advantages: Tensor,
    mask: Tensor,
    cliprange: float,
    tokens: Tensor | float | None = None,
) -> Tensor:
    """Return the negative clipped surrogate objective, a scalar (Schulman et al. 2017, eq. 7, negated).

        L = -mean min(r A, clip(r, 1 - cliprange, 1 + cliprange) A),     r = p / p_old

    Gradient flows through `logps` alone.
    """
    ratio = log_ratio(logps, old_logps, mask).exp()
    clipped = ratio.clamp(1 - cliprange, 1 + cliprange)
    advantages = masked(advantages, mask)
    return _mean(-torch.minimum(ratio * advantages, clipped * advantages), mask, tokens)


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    cliprange_value: float,
    tokens: Tensor | float | None = None,
) -> Tensor:
    """Return half the squared error of the values, a scalar, clipped like the policy.

        L = 1/2 mean max((V - return)^2, (clip(V, V_old - cliprange_value, V_old + cliprange_value) - return)^2)

    A value that has moved beyond the clip range towards its return gets no gradient any more. The clip is not in the
    paper; it is in its authors' code (see Engstrom et al. 2020, section 3).
    """
    values, old_values, returns = (masked(each, mask) for each in (values, old_values, returns))
    clipped = torch.clamp(values, old_values - cliprange_value, old_values + cliprange_value)
    return 0.5 * _mean(torch.maximum((values - returns).square(), (clipped - returns).square()), mask, tokens)


@dataclass(frozen=True)
class UpdateStatistics:
    """Differences between the current policy and the one that sampled a batch; means over tokens, KL in nats."""

    ratio: float
    ratio_var: float
    approxkl: float
    policy_clipfrac: float
    value_clipfrac: float
    entropy: float


@torch.no_grad()
def update_statistics(
    logps: Tensor,
    old_logps: Tensor,
    advantages: Tensor,
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    entropies: Tensor,
    mask: Tensor,
    cliprange: float,
    cliprange_value: float,
) -> UpdateStatistics:
    """Compute the statistics of one batch.

    `approxkl` estimates KL(p_old || p), with samples from the old policy: the mean of (r - 1) - log r (Schulman 2020,
    k3). A clip fraction is the share of tokens without gradient because of the clip: for the policy those with r beyond
    the range in the direction of the advantage, for the value model those beyond the range in the direction of the
    return.
    """
    change = log_ratio(logps, old_logps, mask)
    ratio = change.exp()
    mean = masked_mean(ratio, mask)
    stopped = ((ratio > 1 + cliprange) & (advantages > 0)) | ((ratio < 1 - cliprange) & (advantages < 0))
    clipped_values = torch.clamp(values, old_values - cliprange_value, old_values + cliprange_value)
    settled = (clipped_values - returns).square() > (values - returns).square()
    return UpdateStatistics(
        ratio=float(mean),
        ratio_var=float(masked_mean((ratio - mean).square(), mask)),
        approxkl=float(masked_mean(change.expm1() - change, mask)),
        policy_clipfrac=float(masked_mean(stopped.float(), mask)),
        value_clipfrac=float(masked_mean(settled.float(), mask)),
        entropy=float(masked_mean(entropies, mask)),
    )
