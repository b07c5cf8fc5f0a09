"""Sampled completions of a model, their rewards, and the policy's divergence from its reference.

    KL(π ‖ π_ref) = E[ Σ_t log π(y_t | x, y_<t) - log π_ref(y_t | x, y_<t) ],  y ~ π(· | x)

is estimated from one completion of each prompt, in nats per completion (Schulman, "Approximating KL Divergence", 2020,
the unbiased k1). With top_p or top_k the completions come from a part of π alone, and so does the estimate.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import GenerationConfig, PreTrainedModel

from worker.training.loading.generation import without_generation_settings
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text, prompt_ids
from worker.training.methods.reward_functions import Reward, rewards_of
from worker.training.run.held_out import Figures, continuation_log_probs, mean
from worker.training.t5.scoring import token_log_probs
from worker.training.t5.seq2seq_dpo import decoder_start_token_id

TokenIds = Sequence[list[int]]
LogProbs = Callable[[TokenIds, TokenIds], list[list[float]]]
"""From prompts and completions to log p of each completion's tokens, in nats."""


def score_samples(
    loaded: Loaded,
    policy: PreTrainedModel,
    reference: LogProbs | None,
    prompts: Sequence[Text],
    reward: Reward,
    options: Any,
) -> Figures:
    """Sample one completion of each rendered prompt from `policy` and rate it; equal seeds draw equal noise.

    Returns `reward`, `kl` (nats per completion; 0 if `reference` is None, since `policy` is then the reference itself),
    `completion_tokens`, and `ended`, the share of completions that end with EOS within `max_completion_length`.
    """
    if not prompts:
        return {}
    before = [prompt_ids(loaded, prompt) for prompt in prompts]
    after = sample(loaded, policy, before, options)
    rewards = rewards_of(reward, prompts, as_texts(loaded, after))
    if reference is None:
        divergence = [0.0] * len(after)
    else:
        ours, theirs = log_probs(loaded, policy, options.temperature)(before, after), reference(before, after)
        divergence = [sum(a) - sum(b) for a, b in zip(ours, theirs, strict=True)]
    ends = end_token_ids(loaded, policy)
    return {
        "reward": mean(rewards),
        "kl": mean(divergence),
        "completion_tokens": mean([len(ids) for ids in after]),
        "ended": mean([float(ids[-1] in ends) for ids in after]),
    }


def sample(loaded: Loaded, model: PreTrainedModel, prompts: TokenIds, options: Any) -> list[list[int]]:
    """Sample one completion of each prompt by `options` (max_completion_length, temperature, top_p, top_k, seed).

    The model runs in evaluation mode, and the state of the random generators is restored.
    """
    config = generation_config(loaded, model, options)
    devices = [model.device] if model.device.type == "cuda" else []
    training, size, found = model.training, options.per_device_eval_batch_size, []
    model.train(False)
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(options.seed)
        for first in range(0, len(prompts), size):
            found += generate(loaded, model, prompts[first : first + size], config)
    model.train(training)
    return found


@torch.no_grad()
def generate(loaded: Loaded, model: PreTrainedModel, prompts: TokenIds, config: GenerationConfig) -> list[list[int]]:
    """Generate a completion of each prompt, all in one batch, up to and including its first EOS."""
    seq2seq = loaded.architecture == "seq2seq"
    ids, mask = padded(prompts, int(config.pad_token_id), left=not seq2seq)
    with without_generation_settings(model):
        rows = model.generate(  # type: ignore[operator]
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=config
        )
    ends = set(config.eos_token_id)
    return [_up_to_end(row, ends) for row in rows[:, 1 if seq2seq else ids.shape[1] :].tolist()]


def generation_config(loaded: Loaded, model: PreTrainedModel, options: Any) -> GenerationConfig:
    """Return the settings of plain sampling, whatever the model's own generation_config says."""
    start = {"decoder_start_token_id": decoder_start_token_id(model)} if loaded.architecture == "seq2seq" else {}
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=options.max_completion_length,
        do_sample=True,
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        num_beams=1,
        repetition_penalty=1.0,
        pad_token_id=loaded.tokenizer.pad_token_id,
        bos_token_id=loaded.tokenizer.bos_token_id,
        eos_token_id=sorted(end_token_ids(loaded, model)),
        disable_compile=True,
        **start,
    )


def end_token_ids(loaded: Loaded, model: PreTrainedModel) -> set[int]:
    """Return all tokens that end a completion: the tokenizer's EOS, and those declared by the model (end of turn)."""
    declared = model.generation_config.eos_token_id
    several = declared if isinstance(declared, list) else [] if declared is None else [declared]
    return {int(loaded.tokenizer.eos_token_id), *several}


def as_texts(loaded: Loaded, completions: TokenIds) -> list[str]:
    """Decode the completions without special tokens."""
    return [str(loaded.tokenizer.decode(ids, skip_special_tokens=True)) for ids in completions]


def log_probs(loaded: Loaded, model: PreTrainedModel, temperature: float = 1.0, batch_size: int = 8) -> LogProbs:
    """Return a function for log-probabilities of completions under `model`, with logits divided by `temperature`."""

    def of(prompts: TokenIds, completions: TokenIds) -> list[list[float]]:
        score = token_log_probs if loaded.architecture == "seq2seq" else continuation_log_probs
        with _divided_logits(model, temperature):
            return score(model, prompts, completions, batch_size)

    return of


def log_probs_without_adapter(loaded: Loaded, model: PeftModel, temperature: float = 1.0) -> LogProbs:
    """Return a function for log-probabilities of completions under the model without its adapter."""

    def of(prompts: TokenIds, completions: TokenIds) -> list[list[float]]:
        with model.disable_adapter():
            return log_probs(loaded, model, temperature)(prompts, completions)  # type: ignore[arg-type]

    return of


def padded(rows: TokenIds, pad_token_id: int, *, left: bool) -> tuple[Tensor, Tensor]:
    """Pad rows of token ids to one matrix (rows, longest); return it with its mask, 1 for a token."""
    side = "left" if left else "right"
    tensors = [torch.tensor(row) for row in rows]
    ids = nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=pad_token_id, padding_side=side)
    ones = [torch.ones_like(row) for row in tensors]
    return ids, nn.utils.rnn.pad_sequence(ones, batch_first=True, padding_side=side)


def _up_to_end(row: list[int], ends: set[int]) -> list[int]:
    """Return `row` up to and including the first of `ends`."""
    place = next((place for place, token in enumerate(row) if token in ends), len(row))
    return row[: place + 1]


@contextmanager
def _divided_logits(model: nn.Module, temperature: float) -> Iterator[None]:
    def divide(module: nn.Module, inputs: Any, output: Any) -> Any:
        output.logits = output.logits / temperature
        return output

    hook = model.register_forward_hook(divide)
    try:
        yield
    finally:
        hook.remove()
