"""PPO's arithmetic between sampling and optimization: from scores to advantages.

Generation is modelled as a Markov decision process: the state is the prompt with the tokens so far, the action is the
next token, and all reward except the KL penalty comes with the last token (Ziegler et al. 2019, section 2.1).

Every function is pure. Tensors are (R, C), R completions of at most C tokens; a mask is 1 at tokens and 0 at the
padding on the right, whose content never matters, not even if it is NaN. Log-probabilities and KL divergences are in
nats; rewards, values and returns are in the unit of the reward model.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_EPSILON = 1e-8


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """Return `values` with zeros at the padding; unlike a product this also removes infinities."""
    return torch.where(mask.bool(), values, torch.zeros_like(values))


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over the tokens, a scalar."""
    return masked(values, mask).sum() / mask.sum()


def moments(values: Tensor, mask: Tensor) -> Tensor:
    """Return the sum, the sum of squares and the number of the tokens, (3,) in float64; those of two batches add up."""
    kept = masked(values, mask).double()
    return torch.stack([kept.sum(), kept.square().sum(), mask.sum().double()])


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True, totals: Tensor | None = None) -> Tensor:
    """Scale `values` (R, C) to unit variance over the tokens and, with `shift_mean`, shift them to mean 0.

    `totals` are the `moments` of the whole batch, if `values` are only one process's part of it. The variance is the
    population variance of the tokens (divided by their number). Padding becomes 0.
    """
    total, squares, count = moments(values, mask) if totals is None else totals
    mean = total / count
    scale = (squares / count - mean.square()).clamp_min(0).add(_EPSILON).rsqrt()
    whitened = (values.double() - mean) * scale + (0.0 if shift_mean else mean)
    return masked(whitened.to(values.dtype), mask)


def kl_k1(logps: Tensor, ref_logps: Tensor) -> Tensor:
    """Return log p - log p_ref of each sampled token: its mean is KL(p || p_ref), though single values may be negative.

    This is the estimator k1 of Schulman 2020, "Approximating KL Divergence". It is the right one for the reward: the
    expected sum of these is exactly what the objective of Ziegler et al. 2019 subtracts.
    """
    return logps - ref_logps


def kl_k3(logps: Tensor, ref_logps: Tensor) -> Tensor:
    """Return r - 1 - log r with r = p_ref / p: the same mean as `kl_k1` with less variance, and never negative.

    This is the estimator k3 of Schulman 2020, for reports.
    """
    log_ratio = ref_logps - logps
    return log_ratio.expm1() - log_ratio


def token_rewards(scores: Tensor, logps: Tensor, ref_logps: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """Return the reward (R, C) of each token: -kl_coef * (log p - log p_ref), plus the score (R,) at the last token.

    Summed over a completion this is R(x, y) = r(x, y) - beta log p(y|x) / p_ref(y|x), Ziegler et al. 2019, eq. 2, and
    Stiennon et al. 2020, section 3.4.
    """
    rewards = masked(-kl_coef * kl_k1(logps, ref_logps), mask)
    last = mask.long().sum(1, keepdim=True) - 1
    return rewards.scatter_add(1, last, scores[:, None].to(rewards.dtype))


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Return advantages and returns, both (R, C), by generalized advantage estimation (Schulman et al. 2016).

    `values[:, t]` estimates the return before token t is written. A completion ends at its last token, whether with EOS
    or at the length limit: nothing comes after it.

        delta_t = r_t + gamma V_{t+1} - V_t                        (their eq. 9, the TD residual)
        A_t     = delta_t + gamma lam A_{t+1}                      (eq. 16 as a recursion)
        return_t = A_t + V_t                                       (the target of the value model)
    """
    rewards, values = masked(rewards, mask), masked(values, mask)
    columns = []
    advantage = next_value = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * lam * advantage
        next_value = values[:, t]
        columns.append(advantage)
    advantages = torch.stack(columns[::-1], dim=1)
    return advantages, masked(advantages + values, mask)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """Return 1 - Var[return - V] / Var[return] over the tokens: 1 for a perfect value model, 0 for a constant one.

    It is NaN if the returns do not vary.
    """
    kept = mask.bool()
    spread = returns[kept].double().var(unbiased=False)
    if spread == 0:
        return float("nan")
    return float(1 - (returns - values)[kept].double().var(unbiased=False) / spread)


@dataclass
class AdaptiveKL:
    """Adaptive coefficient of the KL penalty: Ziegler et al. 2019, section 2.2.

        e     = clip((KL - target) / target, -0.2, 0.2)
        beta <- beta * (1 + 0.1 e)

    `target` and the KL are in nats per completion.
    """

    kl_coef: float
    target: float

    def update(self, kl: float) -> None:
        """Update the coefficient with the mean divergence `kl` of one batch of completions."""
        error = min(max((kl - self.target) / self.target, -0.2), 0.2)
        self.kl_coef *= 1 + 0.1 * error
