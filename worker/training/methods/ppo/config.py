"""The settings of `PPOTrainer`, under the names of the `PPOConfig` that TRL had up to its version 1."""

from dataclasses import dataclass

from transformers import TrainingArguments

from models.model_errors import RecipeError
from worker.training.methods.ppo.rollout import Sampling


@dataclass
class PPOConfig(TrainingArguments):
    """The settings of every transformers trainer, and PPO's own.

    `rollout_batch_size` counts the prompts of all processes together. Each rollout of that many is optimized on in
    `num_ppo_epochs` passes, each of `rollout_batch_size` / (`per_device_train_batch_size` x
    `gradient_accumulation_steps` x processes) optimizer steps.

    `kl_target` above 0, in nats per completion, makes `kl_coef` the start of an adaptive coefficient. `value_model` is
    `shared` or `separate` (see models.py), `value_head_width` above 0 gives its head a hidden layer, and
    `value_learning_rate` is the head's own: a head that starts at zero must move much faster than a policy may.
    """

    max_completion_length: int = 128
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    rollout_batch_size: int = 32
    num_ppo_epochs: int = 4
    kl_coef: float = 0.05
    kl_target: float = 0.0
    cliprange: float = 0.2
    cliprange_value: float = 0.2
    vf_coef: float = 0.1
    gamma: float = 1.0
    lam: float = 0.95
    whiten_rewards: bool = False
    whiten_advantages: bool = True
    missing_eos_penalty: float = 0.0
    value_model: str = "shared"
    value_head_width: int = 0
    value_learning_rate: float = 1e-4
    remove_unused_columns: bool = False

    def check_batches(self) -> None:
        """Raise `RecipeError` unless a rollout divides into whole optimizer steps."""
        step = self.per_device_train_batch_size * self.gradient_accumulation_steps * self.world_size
        if self.rollout_batch_size % step:
            raise RecipeError(
                f"rollout_batch_size must be a multiple of the {step} prompts of an optimizer step "
                f"(per_device_train_batch_size x gradient_accumulation_steps x processes), "
                f"not {self.rollout_batch_size}."
            )

    def sampling(self, seed: int) -> Sampling:
        """Return the sampling settings, with random numbers from `seed`."""
        return Sampling(
            self.max_completion_length,
            self.temperature,
            self.top_k,
            self.top_p,
            self.per_device_eval_batch_size,
            seed,
        )

    @property
    def batches_per_pass(self) -> int:
        """Return the number of batches in one pass over a rollout, in each process."""
        return int(self.rollout_batch_size / (self.per_device_train_batch_size * self.world_size))
