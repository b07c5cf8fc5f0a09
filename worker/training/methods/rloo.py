"""REINFORCE Leave-One-Out (Ahmadian et al. 2024, Back to Basics, section 2.2).

Of each prompt a group of texts is sampled. A text's reward is what the reward model gives it, less beta times its log
ratio to the reference model; its advantage is that reward less the mean of the others in its group.
"""

from typing import Any

from trl.trainer import rloo_trainer
from trl.trainer.rloo_config import RLOOConfig
from trl.trainer.rloo_trainer import RLOOTrainer

from worker.training.methods.online import OnlineMethod, Seq2SeqRows, WithoutCard
from worker.training.methods.reward_functions import Reward


class CausalRLOOTrainer(WithoutCard, RLOOTrainer):
    """TRL's trainer as it is."""


class Seq2SeqRLOOTrainer(Seq2SeqRows, CausalRLOOTrainer):
    """TRL's trainer for an encoder-decoder."""

    def _generate_single_turn(self, prompt_ids: list[list[int]], *_: Any, **__: Any) -> list[list[int]]:
        return self._sample(prompt_ids)


def method(reward: Reward | None = None) -> OnlineMethod:
    """RLOO from `reward`, or from the reward model that the options name."""
    return OnlineMethod("rloo", rloo_trainer, CausalRLOOTrainer, Seq2SeqRLOOTrainer, RLOOConfig, reward)


METHOD = method()
