"""Proximal Policy Optimization (Schulman et al. 2017) from a reward model (Ziegler et al. 2019).

advantages.py   from scores to advantages       losses.py    what is minimized
models.py       policy, reference, value model   rollout.py   what the policy writes
data.py         which prompts come when          buffer.py    the rollout in progress
config.py       settings                         reports.py   figures, under TRL's former names
trainer.py      all of it, on transformers' Trainer
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from transformers import PreTrainedModel, Trainer

from worker.training.methods.ppo.config import PPOConfig
from worker.training.methods.ppo.models import Reference
from worker.training.methods.ppo.trainer import PPOTrainer
from worker.training.methods.reward_functions import Reward, load_reward
from worker.training.methods.sampled import score_samples
from worker.training.run.held_out import Figures
from worker.training.run.method import Job

_REFERENCES: WeakKeyDictionary[Any, Reference] = WeakKeyDictionary()
"""What a trained policy set out from, as long as the policy is in memory."""

_SETTINGS = [
    "max_completion_length",
    "temperature",
    "top_k",
    "top_p",
    "rollout_batch_size",
    "num_ppo_epochs",
    "kl_coef",
    "kl_target",
    "cliprange",
    "cliprange_value",
    "vf_coef",
    "gamma",
    "lam",
    "whiten_rewards",
    "whiten_advantages",
    "missing_eos_penalty",
    "value_model",
    "value_head_width",
    "value_learning_rate",
]


@dataclass(frozen=True)
class PPOMethod:
    """See `Method`. `reward` rates the samples; by default it is the model at `options.reward_model_path`."""

    reward: Reward | None = None

    name = "ppo"
    kind = "prompt"
    classifier = False
    best_metric = "eval_reward"

    def build(self, job: Job) -> Trainer:
        """A `PPOTrainer` on the prompts. Raises `RecipeError` unless a rollout divides into whole optimizer steps."""
        options = job.options
        return PPOTrainer(
            job.loaded,
            job.arguments(PPOConfig, **{name: getattr(options, name) for name in _SETTINGS}),
            self.reward or load_reward(options),
            [row["prompt"] for row in job.train],
            [row["prompt"] for row in job.held_out],
            job.peft_config,
        )

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """The trained policy, without the value model."""
        assert isinstance(trainer, PPOTrainer)
        policy: Any = trainer.policy
        _REFERENCES[policy] = trainer.reference
        return policy  # type: ignore[no-any-return]

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """`reward`, `kl`, `completion_tokens` and `ended` of texts sampled for the held-out prompts."""
        options, reference = job.options, _REFERENCES.get(model)
        return score_samples(
            job.loaded,
            model,
            None if reference is None else reference.log_probs(job.loaded, model, options.temperature),
            [row["prompt"] for row in job.held_out],
            self.reward or load_reward(options),
            options,
        )


def method(reward: Reward | None = None) -> PPOMethod:
    """PPO from `reward`, or from the reward model that the options name."""
    return PPOMethod(reward)


METHOD = method()
