"""REINFORCE Leave-One-Out (Ahmadian et al. 2024, Back to Basics, section 2.2).

A group of completions is sampled for each prompt. A completion's reward is the reward model's, minus beta times its log
ratio to the reference model; its advantage is that reward minus the mean of the others in its group.
"""

from typing import Any

from trl.trainer import rloo_trainer
from trl.trainer.rloo_config import RLOOConfig
from trl.trainer.rloo_trainer import RLOOTrainer

from worker.training.methods.held_out_means import HeldOutMeansMixin
from worker.training.methods.online import NoModelCardMixin, OnlineMethod, Seq2SeqRows
from worker.training.methods.reward_functions import Reward


class CausalRLOOTrainer(HeldOutMeansMixin, NoModelCardMixin, RLOOTrainer):
    """TRL's trainer without a model card."""


class Seq2SeqRLOOTrainer(Seq2SeqRows, CausalRLOOTrainer):
    """TRL's trainer for an encoder-decoder."""

    def _generate_single_turn(self, prompt_ids: list[list[int]], *_: Any, **__: Any) -> list[list[int]]:
        return self._sample(prompt_ids)


def method(reward: Reward | None = None) -> OnlineMethod:
    """Return RLOO with `reward`, or with the reward model that the options name."""
    return OnlineMethod("rloo", rloo_trainer.__name__, CausalRLOOTrainer, Seq2SeqRLOOTrainer, RLOOConfig, reward)


METHOD = method()
