"""The PPO trainer (Schulman et al. 2017) for language models, on transformers' `Trainer`.

    repeat: sample one completion for each of `rollout_batch_size` prompts; score them; compute advantages;
            pass `num_ppo_epochs` times over them, an optimizer step a minibatch, on
            L = policy_loss + vf_coef * value_loss                   (their eq. 9, without its entropy bonus)

A batch of the data loader holds all prompts of a rollout, repeated for each training batch: the first one makes the
rollout and the others only advance in it. Accumulation, schedules, checkpoints, several devices and reports are the
base class's. A checkpoint also holds the value model and the rollout in progress, so that a resumed run reaches the
same weights.

Simplified: one copy of all weights on each device (no DeepSpeed, no FSDP), and no dropout, not LoRA's either, because
the ratio of two policies with different dropout masks is noise.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from transformers import Trainer

from models.model_errors import RecipeError
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text, prompt_ids
from worker.training.methods.common import adapter_in_float32
from worker.training.methods.ppo.advantages import AdaptiveKL, explained_variance, gae, moments, token_rewards, whiten
from worker.training.methods.ppo.buffer import Buffer, load_progress, save_progress
from worker.training.methods.ppo.config import PPOConfig
from worker.training.methods.ppo.data import Prompts, RolloutSampler
from worker.training.methods.ppo.losses import policy_loss, update_statistics, value_loss
from worker.training.methods.ppo.models import Policy, Reference, build_value_model, read
from worker.training.methods.ppo.reports import rollout_report, update_report
from worker.training.methods.ppo.rollout import Prompt, roll_out, write
from worker.training.methods.reward_functions import Reward, rewards_of
from worker.training.methods.sampled import as_texts, score_samples
from worker.training.shared.training_errors import DatasetError, Diverged
from worker.training.t5.seq2seq_dpo import disable_dropout


class PPOTrainer(Trainer):
    """The trainer of one run.

    `loaded` is the plain model with its tokenizer; with `peft_config` only a new LoRA adapter is trained. `prompts` and
    `held_out` are rendered prompts, text or messages. Raises `RecipeError` for settings that do not fit together and
    `DatasetError` without prompts.
    """

    loss_is_scaled_for_ga = True  # each batch's loss is divided by the tokens of the whole optimizer step
    args: PPOConfig

    def __init__(
        self,
        loaded: Loaded,
        args: PPOConfig,
        reward: Reward,
        prompts: Sequence[Text],
        held_out: Sequence[Text] = (),
        peft_config: LoraConfig | None = None,
        **kwargs: Any,
    ) -> None:
        args.check_batches()
        if not prompts:
            raise DatasetError("There are no prompts to train on.")
        self.loaded, self.reward, self.held_out = loaded, reward, held_out
        value_model = build_value_model(args.value_model, loaded.model, peft_config, args.value_head_width)
        policy: Any = loaded.model if peft_config is None else get_peft_model(loaded.model, peft_config)
        if peft_config is not None:
            adapter_in_float32(policy)
            if args.gradient_checkpointing:
                policy.enable_input_require_grads()
        disable_dropout(policy)
        self.prompts = Prompts([Prompt(prompt_ids(loaded, prompt), prompt) for prompt in prompts])
        if not all(prompt.ids for prompt in self.prompts.prompts):
            raise DatasetError("A prompt is empty in the tokens of the model.")
        super().__init__(
            model=policy,
            args=args,
            data_collator=cast(Any, list),
            train_dataset=self.prompts,
            eval_dataset=Prompts(held_out) if held_out else None,
            processing_class=loaded.tokenizer,
            **kwargs,
        )
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            raise RecipeError("PPO trains with all weights on each device: DeepSpeed and FSDP are not supported.")
        self.reference = Reference(policy)
        self.plain_value_model = value_model.to(args.device)
        self.value_model: Any = value_model
        if self.accelerator.num_processes > 1:
            self.value_model = self.accelerator.prepare_model(value_model)
        self.kl = AdaptiveKL(args.kl_coef, args.kl_target)
        self.buffer: Buffer | None = None
        self.rollouts = 0
        self._tokens = torch.ones(())
        self._reports: defaultdict[str, list[float]] = defaultdict(list)

    @property
    def policy(self) -> Policy:
        """Return the model being trained, as it is saved: without value head and wrappers."""
        policy: Policy = self.accelerator.unwrap_model(self.model)
        return policy

    # Data: a rollout's prompts, once for each batch trained on.

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of this process's share of each rollout's prompts."""
        loader: DataLoader[Any] = self._get_dataloader(
            dataset=self.prompts,
            description="Training",
            batch_size=self.args.rollout_batch_size // self.args.world_size,
            sampler_fn=self._get_train_sampler,
            is_training=True,
        )
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return RolloutSampler(
            len(self.prompts),
            block=self.args.rollout_batch_size,
            repeats=self.args.batches_per_pass * self.args.num_ppo_epochs,
            seed=self.args.seed,
            epoch=lambda: int(self.state.epoch or 0),
        )

    def _prepare_inputs(self, inputs: Any) -> Any:
        """Return the next batch of the rollout, or of a new one for the prompts in `inputs` once it is exhausted."""
        if self.buffer is None or self.buffer.exhausted:
            self.buffer = self._new_buffer(inputs)
        return self.buffer.next_batch()

    def _new_buffer(self, prompts: Sequence[Prompt]) -> Buffer:
        args, policy = self.args, self.policy
        seed = ((args.seed * 1_000_003 + self.rollouts) * args.world_size + args.process_index) % 2**63
        completions, ended = write(self.loaded, policy, prompts, args.sampling(seed))
        texts = as_texts(self.loaded, completions.lists())
        scores = rewards_of(self.reward, [prompt.text for prompt in prompts], texts)
        with self.accelerator.autocast():
            rollout = roll_out(
                policy,
                self.reference,
                self.plain_value_model,
                completions,
                torch.tensor(scores, device=args.device),
                ended,
                args.temperature,
                args.per_device_train_batch_size,
            )
        penalized = rollout.scores - args.missing_eos_penalty * (~rollout.ended)
        rewards = token_rewards(penalized, rollout.logps, rollout.ref_logps, rollout.mask, self.kl.kl_coef)
        if args.whiten_rewards:
            rewards = whiten(rewards, rollout.mask, shift_mean=False, totals=self._totals(rewards, rollout.mask))
        advantages, returns = gae(rewards, rollout.values, rollout.mask, args.gamma, args.lam)
        if args.whiten_advantages:
            advantages = whiten(advantages, rollout.mask, totals=self._totals(advantages, rollout.mask))
        report = rollout_report(rollout, penalized, self.kl.kl_coef)
        report["val/explained_variance"] = explained_variance(rollout.values, returns, rollout.mask)
        self._report(report)
        if args.kl_target:
            divergence = torch.tensor(report["objective/kl"], device=args.device)
            self.kl.update(float(self.accelerator.reduce(divergence, "mean")))
        self.rollouts += 1
        return Buffer.of(rollout, advantages, returns, args, seed)

    # Optimization.

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Tensor:
        """Return one batch's part of the loss of its optimizer step. Raises `Diverged` if it is not finite."""
        args, batch = self.args, inputs
        if batch.begins_step:
            self.value_model.zero_grad()  # the base class zeroes the policy's alone
            # Gradients are averaged over processes, so each divides by the mean number of tokens.
            self._tokens = self.accelerator.reduce(batch.step_tokens, "mean")
        with self.accelerator.autocast():
            reading = read(self.policy, batch.completions, args.temperature, model)
            values = self.value_model(reading.states, batch.completions)
        mask = batch.completions.mask
        policy_part = policy_loss(reading.logps, batch.logps, batch.advantages, mask, args.cliprange, self._tokens)
        value_part = value_loss(values, batch.values, batch.returns, mask, args.cliprange_value, self._tokens)
        loss = policy_part + args.vf_coef * value_part
        if not bool(torch.isfinite(loss)):
            raise Diverged(f"The loss is {float(loss.detach())} at step {self.state.global_step}: lower learning_rate.")
        statistics = update_statistics(
            reading.logps,
            batch.logps,
            batch.advantages,
            values,
            batch.values,
            batch.returns,
            reading.entropies,
            mask,
            args.cliprange,
            args.cliprange_value,
        )
        parts = args.gradient_accumulation_steps
        self._report(update_report(statistics, float(policy_part.detach()) * parts, float(value_part.detach()) * parts))
        return loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Create the policy's optimizer, with the value model in parameter groups of its own."""
        if self.optimizer is None:
            super().create_optimizer(model)
            assert self.optimizer is not None
            head = list(self.plain_value_model.head.parameters())
            self.optimizer.add_param_group({"params": head, "lr": self.args.value_learning_rate, "weight_decay": 0.0})
            trunk = [w for n, w in self.plain_value_model.named_parameters() if w.requires_grad and n[:5] != "head."]
            if trunk:
                self.optimizer.add_param_group({"params": trunk})
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        """Clip the gradients of policy and value model separately; return the policy's norm.

        Clipped together, the large errors of a still untrained value model would slow the policy down.
        """
        norm = super()._clip_grad_norm(model)  # type: ignore[no-untyped-call]
        self.accelerator.clip_grad_norm_(self.value_model.parameters(), self.args.max_grad_norm)
        return norm

    # Reports, held-out prompts, checkpoints.

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means over batches and processes of the metrics since the last log of the training loss."""
        if "loss" in logs and self._reports:
            means = {name: sum(values) / max(len(values), 1) for name, values in sorted(self._reports.items())}
            totals = self.accelerator.reduce(torch.tensor(list(means.values()), device=self.args.device), "mean")
            # An undefined mean, such as the explained variance of equal returns, is left out.
            logs |= {name: mean for name, mean in zip(means, totals.tolist(), strict=True) if mean == mean}
            self._reports.clear()
        super().log(logs, start_time)

    def _report(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._reports[name].append(value)

    def _totals(self, values: Tensor, mask: Tensor) -> Tensor:
        totals: Tensor = self.accelerator.reduce(moments(values, mask), "sum")
        return totals

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Sample a completion of each held-out prompt; return the means of `score_samples`, prefixed `eval_`."""
        with self.accelerator.autocast():
            found = score_samples(
                self.loaded,
                self.policy,  # type: ignore[arg-type]  # a PeftModel can all it needs
                self.reference.log_probs(self.loaded, self.policy, self.args.temperature),
                self.held_out,
                self.reward,
                self.args.sampling(self.args.seed),
            )
        scores = {f"eval_{name}": figure["value"] for name, figure in found.items()}
        self.log(dict(scores))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
        return scores

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        numbers = {"rollouts": self.rollouts, "kl_coef": self.kl.kl_coef}
        save_progress(folder, self.args.process_index, self.buffer, self.plain_value_model, numbers)
        self.accelerator.wait_for_everyone()  # before the first process marks the checkpoint as complete

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.buffer, numbers = load_progress(
            Path(resume_from_checkpoint), self.args.process_index, self.plain_value_model, self.args.device
        )
        self.rollouts, self.kl.kl_coef = int(numbers["rollouts"]), numbers["kl_coef"]
