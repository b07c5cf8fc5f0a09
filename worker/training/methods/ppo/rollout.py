"""Rollouts: what the policy writes, how probable it was, and what it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text
from worker.training.methods.ppo.models import Completions, Policy, Reference, ValueModel, plain, read
from worker.training.methods.reward_functions import pad_token_id
from worker.training.methods.sampled import end_token_ids, sample
from worker.training.t5.seq2seq_dpo import pad_rows


@dataclass(frozen=True)
class Prompt:
    """A prompt as token ids for the policy, and as text or messages for the reward function."""

    ids: list[int]
    text: Text


@dataclass(frozen=True)
class Sampling:
    """How to sample. At the defaults the distribution sampled is softmax(logits / temperature), the policy itself.

    `top_k` (0: all tokens) and `top_p` below 1 leave tokens out; the ratios of PPO still are those of the whole
    policy, so that the samples then stand for it only approximately. What is sampled is a function of the weights, the
    prompts and `seed`: the state of the global random generators has no say in it, and is left as it was.
    """

    max_completion_length: int
    temperature: float
    top_k: int
    top_p: float
    per_device_eval_batch_size: int
    seed: int


@dataclass(frozen=True)
class Rollout:
    """R texts and all that is known of them before the first optimizer step; (R, C) but `scores` and `ended`, (R,)."""

    completions: Completions
    logps: Tensor
    ref_logps: Tensor
    values: Tensor
    scores: Tensor
    ended: Tensor  # whether the text ends with an EOS of its own

    @property
    def mask(self) -> Tensor:
        """1 for a token of a completion, 0 for padding."""
        return self.completions.mask


def write(loaded: Loaded, policy: Policy, prompts: Sequence[Prompt], sampling: Sampling) -> tuple[Completions, Tensor]:
    """One sampled text for each of R `prompts`, up to and with its first EOS, and (R,) bool: whether it has one."""
    ids = [prompt.ids for prompt in prompts]
    written = sample(loaded, policy, ids, sampling)  # type: ignore[arg-type]  # a PeftModel can all it needs
    ends = end_token_ids(loaded, plain(policy))
    filler, device = pad_token_id(loaded), plain(policy).device
    tensors = [each.to(device) for rows in (ids, written) for each in pad_rows(rows, filler)]
    return Completions(*tensors), torch.tensor([row[-1] in ends for row in written], device=device)


def roll_out(
    policy: Policy,
    reference: Reference,
    value_model: ValueModel,
    completions: Completions,
    scores: Tensor,
    ended: Tensor,
    temperature: float,
    batch_size: int,
) -> Rollout:
    """Read `completions` with all three networks, in the batches that the first pass of optimization will train on.

    The policy is read as in training, gradient graph and all, which is then dropped: without it a T5's attention takes
    another kernel, whose rounding, in bfloat16, would move the ratios away from 1.
    """
    columns: dict[str, list[Tensor]] = {"logps": [], "ref_logps": [], "values": []}
    for index in torch.split(torch.arange(len(completions.ids), device=completions.ids.device), batch_size):
        batch = completions.rows(index)
        reading = read(policy, batch, temperature)
        with torch.no_grad():
            values = value_model(reading.states.detach(), batch)
        found = {
            "logps": reading.logps.detach(),
            "ref_logps": reference.read(policy, batch, temperature).logps,
            "values": values,
        }
        del reading  # and with it the graph
        width = completions.ids.shape[1] - batch.ids.shape[1]
        for name, value in found.items():
            columns[name].append(pad(value, (0, width)))
    return Rollout(completions, scores=scores, ended=ended, **{name: torch.cat(each) for name, each in columns.items()})
