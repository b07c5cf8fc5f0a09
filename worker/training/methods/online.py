"""Common parts of GRPO and RLOO: sampling during training, with TRL's trainers, on decoder-only models and T5s.

TRL's online trainers keep a prompt and its completion in one row of tokens. For an encoder-decoder only three of their
steps are replaced: prompts are tokenized for the encoder, completions are the decoder's output, and a row is cut where
its completion begins before its log-probabilities are computed. Sampling groups, rewards, advantages, clipping, the KL
term and every metric stay TRL's.

This relies on two undocumented parts of TRL 1.16: the methods overridden in `Seq2SeqRows`, and
`create_model_from_path`, with which a trainer loads its reference model from the folder that the model came from. That
would be another model if an adapter was merged or a GGUF was read, so the reference is a copy here.
tests/worker/training/methods/test_grpo_rloo.py fails when either changes.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel, Trainer
from trl.models.utils import unwrap_model_for_generation

from models.model_errors import RecipeError
from worker.training.loading.loading import Loaded, load_model_and_tokenizer
from worker.training.loading.rendering import Text, as_text, prompt_ids
from worker.training.methods.common import frozen_copy
from worker.training.methods.reward_functions import Reward, load_reward, rewards_of
from worker.training.methods.sampled import generate, log_probs, log_probs_without_adapter, score_samples
from worker.training.run.held_out import Figures
from worker.training.run.method import Job, unwrapped
from worker.training.t5.seq2seq_dpo import decoder_start_token_id, disable_dropout
from worker.training.t5.token_scores import IGNORED, token_statistics

TRL_LOADER = "create_model_from_path"
"""The name of the function in TRL's modules that loads the reference model."""

_REFERENCES: weakref.WeakKeyDictionary[PreTrainedModel, Callable[[], PreTrainedModel]] = weakref.WeakKeyDictionary()
"""Loaders of the starting model of each model trained in full, as long as that is in memory."""


@dataclass(frozen=True)
class OnlineMethod:
    """The `Method` of GRPO or RLOO. `reward` rates the samples; default: the model at `options.reward_model_path`.

    `module` names TRL's module of the method, whose `trainer` and `seq2seq_trainer` take arguments of class `config`.
    """

    name: str
    module: str
    trainer: Callable[..., Any]
    seq2seq_trainer: Callable[..., Any]
    config: type
    reward: Reward | None = None

    kind = "prompt"
    classifier = False
    best_metric = "eval_reward"

    def build(self, job: Job) -> Trainer:
        """Build TRL's trainer on the prompts.

        Raises `RecipeError` if a batch cannot be divided into groups of samples.
        """
        loaded, options = job.loaded, job.options
        _check_groups(options)
        disable_dropout(loaded.model)
        seq2seq = loaded.architecture == "seq2seq"
        extra: dict[str, Any] = {"loaded": loaded} if seq2seq else {}
        with _copy_as_reference(import_module(self.module), loaded.model):
            trainer: Trainer = (self.seq2seq_trainer if seq2seq else self.trainer)(
                model=loaded.model,
                reward_funcs=_for_trl(self.reward or load_reward(options)),
                args=job.arguments(
                    self.config,
                    beta=options.beta,
                    epsilon=options.epsilon,
                    num_generations=options.num_generations,
                    num_generations_eval=1,
                    num_iterations=options.num_iterations,
                    max_completion_length=options.max_completion_length,
                    temperature=options.temperature,
                    top_p=options.top_p,
                    top_k=options.top_k,
                    disable_dropout=True,  # the adapter's too: it would blur the ratio of new to old policy
                    generation_kwargs={"decoder_start_token_id": decoder_start_token_id(loaded.model)}
                    if seq2seq
                    else None,
                ),
                train_dataset=_prompts(job.train),
                eval_dataset=_prompts(job.held_out) if job.held_out else None,
                processing_class=loaded.tokenizer,
                peft_config=job.peft_config,
                **extra,
            )
        if job.peft_config is None:
            _REFERENCES[loaded.model] = _reloader(loaded, options)
        return trainer

    def policy(self, trainer: Trainer) -> PreTrainedModel:
        """Return the trained model, and keep its reference for the scoring."""
        model = unwrapped(trainer)
        reference = getattr(trainer, "ref_model", None)
        if reference is not None:
            kept: PreTrainedModel = trainer.accelerator.unwrap_model(reference)
            _REFERENCES[model] = lambda: kept
        return model

    def score(self, job: Job, model: PreTrainedModel) -> Figures:
        """Return `reward`, `kl` and more of completions sampled for the held-out prompts (see `score_samples`)."""
        loaded, options = job.loaded, job.options
        reference = None
        if isinstance(model, PeftModel):
            reference = log_probs_without_adapter(loaded, model, options.temperature)
        elif model in _REFERENCES:
            reference = log_probs(loaded, _REFERENCES[model](), options.temperature)
        prompts = [row["prompt"] for row in job.held_out]
        return score_samples(loaded, model, reference, prompts, self.reward or load_reward(options), options)


class NoModelCardMixin:
    """Mixin of a trainer that writes no model card: TRL's is an unfilled form, and result.json records the training."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no model card."""


class Seq2SeqRows:
    """The three steps of TRL's online trainers that differ for an encoder-decoder."""

    def __init__(self, *args: Any, loaded: Loaded, **kwargs: Any) -> None:
        self.loaded = loaded
        super().__init__(*args, **kwargs)

    def _tokenize_prompts(self, prompts: list[Text]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [prompt_ids(self.loaded, prompt) for prompt in prompts], None, {}

    def _sample(self: Any, prompts: Sequence[list[int]]) -> list[list[int]]:
        """Sample a completion of each prompt, up to its first EOS."""
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            generation_kwargs=self.generation_kwargs,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        ) as model:
            return generate(self.loaded, model, prompts, self.generation_config)

    def _get_per_token_logps_and_entropies(
        self: Any,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **_: Any,
    ) -> tuple[Tensor, Tensor | None, None]:
        """Return the log-probabilities and, if asked, the entropies of the completions' tokens, (N, C) each.

        Rows are (N, P + C): a prompt padded on the left and a completion of C = `logits_to_keep` columns padded on the
        right.
        """
        start = decoder_start_token_id(self.loaded.model)
        size = batch_size or len(input_ids)
        log_p: list[Any] = []
        entropies: list[Any] = []
        for rows, masks in zip(torch.split(input_ids, size), torch.split(attention_mask, size), strict=True):
            prompts, prompt_mask = padded_right(rows[:, :-logits_to_keep], masks[:, :-logits_to_keep])
            completions, mask = rows[:, -logits_to_keep:], masks[:, -logits_to_keep:]
            read = torch.cat([torch.full_like(completions[:, :1], start), completions[:, :-1]], dim=1)
            with self.accelerator.autocast():
                logits = model(
                    input_ids=prompts, attention_mask=prompt_mask, decoder_input_ids=read, use_cache=False
                ).logits
            found = token_statistics(
                logits / self.temperature,
                completions.masked_fill(mask == 0, IGNORED),
                ("entropy",) if compute_entropy else (),
            )
            log_p.append(found.log_probs)
            entropies.append(found.entropy)
        return torch.cat(log_p), torch.cat(entropies) if compute_entropy else None, None


def padded_right(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Turn rows padded on the left into rows padded on the right: some encoders count positions from the left."""
    order = mask.logical_not().int().argsort(dim=1, stable=True)
    return ids.gather(1, order), mask.gather(1, order)


def _prompts(rows: Sequence[Any]) -> Dataset:
    return Dataset.from_list([{"prompt": row["prompt"]} for row in rows])


def _for_trl(reward: Reward) -> Callable[..., list[float]]:
    """Adapt `reward` to TRL's signature, in which the completions of a chat model are messages."""

    def reward_model(prompts: list[Text], completions: list[Text], **_: Any) -> list[float]:
        return rewards_of(reward, prompts, [as_text(completion) for completion in completions])

    return reward_model


def _check_groups(options: Any) -> None:
    batch = options.per_device_train_batch_size * options.gradient_accumulation_steps
    if batch % options.num_generations:
        raise RecipeError(
            f"num_generations must divide the rows of one step, which are {batch} (per_device_train_batch_size × "
            f"gradient_accumulation_steps), and {options.num_generations} does not."
        )


@contextmanager
def _copy_as_reference(module: ModuleType, model: PreTrainedModel) -> Iterator[None]:
    """Let a trainer of `module` load a frozen copy of `model` as its reference model while it is created."""

    def frozen(*_: Any, **__: Any) -> PreTrainedModel:
        return frozen_copy(model)

    original = getattr(module, TRL_LOADER)
    setattr(module, TRL_LOADER, frozen)
    try:
        yield
    finally:
        setattr(module, TRL_LOADER, original)


def _reloader(loaded: Loaded, options: Any) -> Callable[[], PreTrainedModel]:
    """Return a loader of the model as it was before training, which does not keep the trained one alive."""
    source = loaded.source
    return lambda: load_model_and_tokenizer(source, options).model
