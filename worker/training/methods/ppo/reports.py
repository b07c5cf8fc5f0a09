"""PPO's metrics, under the names of TRL's former `PPOTrainer`, so that existing dashboards keep working.

Sums over a completion are averaged over completions; everything else is averaged over tokens.
"""

from torch import Tensor

from worker.training.methods.ppo.advantages import kl_k1, kl_k3, masked
from worker.training.methods.ppo.losses import UpdateStatistics
from worker.training.methods.ppo.rollout import Rollout


def rollout_report(rollout: Rollout, scores: Tensor, kl_coef: float) -> dict[str, float]:
    """Return the metrics of a fresh rollout; `scores` (R,) are the rewards minus the penalties for missing EOS.

    `objective/kl` is the mean over completions of the sum over tokens of log p - log p_ref, in nats per completion, and
    `objective/kl_k3` the same with the estimator of less variance. `objective/rlhf_reward` is the objective.
    """
    mask = rollout.mask
    kl = float(masked(kl_k1(rollout.logps, rollout.ref_logps), mask).sum(1).mean())
    score = float(scores.float().mean())
    return {
        "objective/kl": kl,
        "objective/kl_k3": float(masked(kl_k3(rollout.logps, rollout.ref_logps), mask).sum(1).mean()),
        "objective/entropy": float(masked(-rollout.logps, mask).sum(1).mean()),
        "objective/non_score_reward": -kl_coef * kl,
        "objective/rlhf_reward": score - kl_coef * kl,
        "objective/scores": score,
        "objective/kl_coef": kl_coef,
        "objective/completion_length": float(mask.sum(1).float().mean()),
        "val/num_eos_tokens": float(rollout.ended.sum()),
    }


def update_report(statistics: UpdateStatistics, policy: float, value: float) -> dict[str, float]:
    """Return the metrics of one training batch."""
    return {
        "policy/approxkl_avg": statistics.approxkl,
        "policy/clipfrac_avg": statistics.policy_clipfrac,
        "policy/entropy_avg": statistics.entropy,
        "loss/policy_avg": policy,
        "loss/value_avg": value,
        "val/clipfrac_avg": statistics.value_clipfrac,
        "val/ratio": statistics.ratio,
        "val/ratio_var": statistics.ratio_var,
    }
