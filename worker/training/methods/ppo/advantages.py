"""From scores to advantages: the arithmetic of PPO between sampling and optimizing.

Writing a text is a walk through an environment: the state is the prompt with the tokens so far, the action is the next
token, and all reward but the price of divergence comes with the last token (Ziegler et al. 2019, section 2.1).

Every function is pure. Tensors are (R, C), R texts of at most C tokens; a mask is 1 where there is a token and 0 at
the padding on the right, whose content never matters, not even when it is no number. Log-probabilities, and so KL
divergences, are in nats; rewards, values and returns are in the unit of the reward model.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_EPSILON = 1e-8


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """`values` with zeros for the padding; unlike a product this also clears infinities."""
    return torch.where(mask.bool(), values, torch.zeros_like(values))


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens, a scalar."""
    return masked(values, mask).sum() / mask.sum()


def moments(values: Tensor, mask: Tensor) -> Tensor:
    """(3,) in float64: the sum, the sum of squares and the number of the tokens; of two batches they add up."""
    kept = masked(values, mask).double()
    return torch.stack([kept.sum(), kept.square().sum(), mask.sum().double()])


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True, totals: Tensor | None = None) -> Tensor:
    """`values` (R, C) scaled to unit variance over the tokens and, with `shift_mean`, moved to a mean of 0.

    `totals` are the `moments` of all that counts as one batch, where `values` are only one process's part of it. The
    variance is that of the tokens at hand (divided by their number). Padding becomes 0.
    """
    total, squares, count = moments(values, mask) if totals is None else totals
    mean = total / count
    scale = (squares / count - mean.square()).clamp_min(0).add(_EPSILON).rsqrt()
    whitened = (values.double() - mean) * scale + (0.0 if shift_mean else mean)
    return masked(whitened.to(values.dtype), mask)


def kl_k1(logps: Tensor, ref_logps: Tensor) -> Tensor:
    """log p - log p_ref of each sampled token: its mean is KL(p || p_ref), though one token's may be negative.

    Schulman 2020, "Approximating KL Divergence", the estimator k1. It is the one that belongs in the reward: the
    expected sum of these is exactly what the objective of Ziegler et al. 2019 subtracts.
    """
    return logps - ref_logps


def kl_k3(logps: Tensor, ref_logps: Tensor) -> Tensor:
    """r - 1 - log r with r = p_ref / p: the same mean as `kl_k1` with less variance, and never negative.

    Schulman 2020, the estimator k3. For reports.
    """
    log_ratio = ref_logps - logps
    return log_ratio.expm1() - log_ratio


def token_rewards(scores: Tensor, logps: Tensor, ref_logps: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """The reward (R, C) of each token: -kl_coef * (log p - log p_ref), and on the last token the score (R,) on top.

    Summed over a text this is R(x, y) = r(x, y) - beta log p(y|x) / p_ref(y|x), Ziegler et al. 2019, eq. 2, and
    Stiennon et al. 2020, section 3.4.
    """
    rewards = masked(-kl_coef * kl_k1(logps, ref_logps), mask)
    last = mask.long().sum(1, keepdim=True) - 1
    return rewards.scatter_add(1, last, scores[:, None].to(rewards.dtype))


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Advantages and returns, both (R, C), by generalized advantage estimation (Schulman et al. 2016).

    `values[:, t]` estimates what is still to come before token t is written. A text ends at its last token, whether
    with EOS or at the limit of length: nothing comes after it.

        delta_t = r_t + gamma V_{t+1} - V_t                        (their eq. 9, the TD residual)
        A_t     = delta_t + gamma lam A_{t+1}                      (eq. 16 as a recursion)
        return_t = A_t + V_t                                       (what the value model is trained towards)
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
    """1 - Var[return - V] / Var[return] over the tokens: 1 for a perfect value model, 0 for a constant one.

    NaN where the returns do not vary.
    """
    kept = mask.bool()
    spread = returns[kept].double().var(unbiased=False)
    if spread == 0:
        return float("nan")
    return float(1 - (returns - values)[kept].double().var(unbiased=False) / spread)


@dataclass
class AdaptiveKL:
    """The price of divergence as a controller of it: Ziegler et al. 2019, section 2.2.

        e     = clip((KL - target) / target, -0.2, 0.2)
        beta <- beta * (1 + 0.1 e)

    `target` and the KL it is given are in nats a text.
    """

    kl_coef: float
    target: float

    def update(self, kl: float) -> None:
        """Take in the mean divergence `kl` of one batch of texts."""
        error = min(max((kl - self.target) / self.target, -0.2), 0.2)
        self.kl_coef *= 1 + 0.1 * error
