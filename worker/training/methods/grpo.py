"""Group Relative Policy Optimization (Shao et al. 2024, DeepSeekMath, section 4.1).

A group of completions is sampled for each prompt. A completion's advantage is its reward minus the group's mean, over
the group's standard deviation; the objective is the clipped ratio of new to old policy times the advantage, minus beta
times the KL divergence from the reference model.
"""

from typing import Any

from trl.trainer import grpo_trainer
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from worker.training.methods.held_out_means import HeldOutMeansMixin
from worker.training.methods.online import NoModelCardMixin, OnlineMethod, Seq2SeqRows
from worker.training.methods.reward_functions import Reward


class CausalGRPOTrainer(HeldOutMeansMixin, NoModelCardMixin, GRPOTrainer):
    """TRL's trainer without a model card."""


class Seq2SeqGRPOTrainer(Seq2SeqRows, CausalGRPOTrainer):
    """TRL's trainer for an encoder-decoder."""

    def _generate_single_turn(self, prompt_ids: list[list[int]], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        return self._sample(prompt_ids), None


def method(reward: Reward | None = None) -> OnlineMethod:
    """Return GRPO with `reward`, or with the reward model that the options name."""
    return OnlineMethod("grpo", grpo_trainer.__name__, CausalGRPOTrainer, Seq2SeqGRPOTrainer, GRPOConfig, reward)


METHOD = method()
