"""Proximal Policy Optimization (Schulman et al. 2017) with a reward model (Ziegler et al. 2019).

advantages.py   from scores to advantages        losses.py    the loss functions
models.py       policy, reference, value model   rollout.py   sampling and scoring of completions
data.py         order of the prompts             buffer.py    the rollout in progress
config.py       settings                         reports.py   metrics, under TRL's former names
trainer.py      the trainer, on transformers' Trainer
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
"""The reference of each trained policy, as long as the policy is in memory."""

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
    """The `Method` of PPO. `reward` rates the samples; default: the model at `options.reward_model_path`."""

    reward: Reward | None = None

    name = "ppo"
    kind = "prompt"
    classifier = False
    best_metric = "eval_reward"

    def build(self, job: Job) -> Trainer:
        """Build a `PPOTrainer` on the prompts.

        Raises `RecipeError` unless a rollout divides into whole optimizer steps.
        """
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
        """Return the trained policy, without the value model."""
        assert isinstance(trainer, PPOTrainer)
        policy: Any = trainer.policy
        _REFERENCES[policy] = trainer.reference
        return policy  # type: ignore[no-any-return]

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return `reward`, `kl`, `completion_tokens` and `ended` of completions sampled for the held-out prompts."""
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
    """Return PPO with `reward`, or with the reward model that the options name."""
    return PPOMethod(reward)


METHOD = method()
