"""Rollouts: sampled completions with their log-probabilities, values and scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Text
from worker.training.methods.ppo.models import Completions, Policy, Reference, ValueModel, read, unwrapped_model
from worker.training.methods.sampled import end_token_ids, sample
from worker.training.run.ratings import pad_token_id
from worker.training.t5.seq2seq_dpo import pad_rows


@dataclass(frozen=True)
class Prompt:
    """A prompt as token ids for the policy, and as text or messages for the reward function."""

    ids: list[int]
    text: Text


@dataclass(frozen=True)
class Sampling:
    """Sampling settings. With the defaults samples come from softmax(logits / temperature), the policy itself.

    `top_k` (0: all tokens) and `top_p` below 1 exclude tokens; PPO's ratios still refer to the whole policy, so samples
    then represent it only approximately. Samples depend on the weights, the prompts and `seed` alone: the state of the
    global random generators is neither used nor changed.
    """

    max_completion_length: int
    temperature: float
    top_k: int
    top_p: float
    per_device_eval_batch_size: int
    seed: int


@dataclass(frozen=True)
class Rollout:
    """R completions with their scores before the first optimizer step; (R, C) but `scores` and `ended`, (R,)."""

    completions: Completions
    logps: Tensor
    ref_logps: Tensor
    values: Tensor
    scores: Tensor
    ended: Tensor  # true for a completion that ends with EOS

    @property
    def mask(self) -> Tensor:
        """Return the mask, 1 for a token of a completion, 0 for padding."""
        return self.completions.mask


def write(loaded: Loaded, policy: Policy, prompts: Sequence[Prompt], sampling: Sampling) -> tuple[Completions, Tensor]:
    """Sample a completion of each of R `prompts`, up to its first EOS; return also (R,) bool, true if it has one."""
    ids = [prompt.ids for prompt in prompts]
    written = sample(loaded, policy, ids, sampling)  # type: ignore[arg-type]  # a PeftModel can all it needs
    ends = end_token_ids(loaded, unwrapped_model(policy))
    filler, device = pad_token_id(loaded), unwrapped_model(policy).device
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
    """Run all three networks on `completions`, in the same batches as the first pass of optimization.

    The policy runs as in training, with gradient graph, which is then dropped: without a graph a T5's attention takes
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
        del reading  # frees the graph
        width = completions.ids.shape[1] - batch.ids.shape[1]
        for name, value in found.items():
            columns[name].append(pad(value, (0, width)))
    return Rollout(completions, scores=scores, ended=ended, **{name: torch.cat(each) for name, each in columns.items()})
