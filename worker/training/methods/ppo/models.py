"""The networks of PPO: the policy's log-probabilities, the reference model, the value model.

One function runs a policy of either architecture, and both the rollout and every optimizer step call it with the same
batches, so that before the first step the ratio of new to old policy is exactly 1.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from worker.training.loading.loading import Loaded
from worker.training.methods.common import frozen_copy
from worker.training.methods.sampled import LogProbs, log_probs, log_probs_without_adapter
from worker.training.t5.seq2seq_dpo import decoder_start_token_id, disable_dropout

Policy = PreTrainedModel | PeftModel


@dataclass(frozen=True)
class Completions:
    """R prompts and their completions, as token ids padded on the right, with masks of 1 for a token.

    The masks follow positions, not ids: a T5 may well generate its padding token.
    """

    prompt_ids: Tensor  # (R, P)
    prompt_mask: Tensor  # (R, P)
    ids: Tensor  # (R, C)
    mask: Tensor  # (R, C)

    def rows(self, index: Tensor) -> Self:
        """Select the rows of `index`, without columns that are padding in all of them."""
        chosen = {one.name: getattr(self, one.name)[index] for one in fields(self)}
        prompt, completion = int(chosen["prompt_mask"].sum(1).max()), int(chosen["mask"].sum(1).max())
        widths = {"prompt_ids": prompt, "prompt_mask": prompt, "ids": completion, "mask": completion}
        return type(self)(**{name: each[:, : widths[name]] for name, each in chosen.items()})

    def lists(self) -> list[list[int]]:
        """Return the token ids of each completion, without padding."""
        return [ids[: int(length)].tolist() for ids, length in zip(self.ids, self.mask.sum(1), strict=True)]


@dataclass(frozen=True)
class PolicyOutput:
    """The policy's output at the tokens of some completions; all (B, C) but `states` (B, C, d).

    `logps` and `entropies` are in nats, `entropies` without gradient. `states[:, t]` is the decoder's last hidden state
    before token t is written, the input of the value model. Padding holds finite, meaningless numbers.
    """

    logps: Tensor
    entropies: Tensor
    states: Tensor


def read(policy: Policy, batch: Completions, temperature: float = 1.0, run: nn.Module | None = None) -> PolicyOutput:
    """Run `policy` on `batch` once; the log-probabilities are those of softmax(logits / temperature), as sampled.

    `run` is the module to call if the policy is wrapped, as for training on several devices.
    """
    network, seq2seq = run or policy, unwrapped_model(policy).config.is_encoder_decoder
    with _last_states(policy) as captured:
        logits = (
            _seq2seq(network, batch, decoder_start_token_id(unwrapped_model(policy)))
            if seq2seq
            else _causal(network, batch)
        )
    states = captured[-1]
    if not seq2seq:
        # Column j of a row predicts the token of column j + 1, so the last prompt column predicts the first token.
        first = batch.prompt_mask.sum(1, keepdim=True) - 1
        columns = (first + torch.arange(batch.ids.shape[1], device=first.device)).clamp_max(logits.shape[1] - 1)
        rows = torch.arange(len(columns), device=first.device)[:, None]
        logits, states = logits[rows, columns], states[rows, columns]
    log_p = (logits.float() / temperature).log_softmax(-1)
    with torch.no_grad():
        entropies = -(log_p.exp() * log_p).nan_to_num().sum(-1)
    return PolicyOutput(log_p.gather(-1, batch.ids[..., None])[..., 0], entropies, states.float())


def unwrapped_model(policy: Policy) -> PreTrainedModel:
    """Return the model without PEFT's wrapper; its adapters stay active."""
    model: Any = policy.get_base_model() if isinstance(policy, PeftModel) else policy
    assert isinstance(model, PreTrainedModel)
    return model


def _seq2seq(network: nn.Module, batch: Completions, start: int) -> Tensor:
    starts = torch.full_like(batch.ids[:, :1], start)
    logits: Tensor = network(
        input_ids=batch.prompt_ids,
        attention_mask=batch.prompt_mask,
        decoder_input_ids=torch.cat([starts, batch.ids[:, :-1]], dim=1),
        use_cache=False,
    ).logits
    return logits


def _causal(network: nn.Module, batch: Completions) -> Tensor:
    """Concatenate prompt and completion, and move padding to the end so that positions count from 0."""
    ids = torch.cat([batch.prompt_ids, batch.ids], dim=1)
    mask = torch.cat([batch.prompt_mask, batch.mask], dim=1)
    order = mask.argsort(dim=1, descending=True, stable=True)[:, : int(mask.sum(1).max())]
    logits: Tensor = network(
        input_ids=ids.gather(1, order), attention_mask=mask.gather(1, order), use_cache=False
    ).logits
    return logits


@contextmanager
def _last_states(policy: Policy) -> Iterator[list[Tensor]]:
    """Yield a list that receives the decoder's last hidden states of every forward pass in the block.

    A hook is used because `output_hidden_states` would keep the states of all layers.
    """
    captured: list[Tensor] = []
    decoder: nn.Module = unwrapped_model(policy).get_decoder()  # type: ignore[no-untyped-call]
    hook = decoder.register_forward_hook(lambda _, __, output: captured.append(output.last_hidden_state))
    try:
        yield captured
    finally:
        hook.remove()


class Reference:
    """The frozen reference model of the KL penalty: the policy as it was before training.

    With LoRA it is the policy with its adapter switched off, and takes no memory; else it is a copy.
    """

    def __init__(self, policy: Policy) -> None:
        self.copy = None if isinstance(policy, PeftModel) else frozen_copy(policy)

    @torch.no_grad()
    def read(self, policy: Policy, batch: Completions, temperature: float) -> PolicyOutput:
        """Run the reference model on `batch`; `policy` is the one being trained."""
        if self.copy is not None:
            return read(self.copy, batch, temperature)
        assert isinstance(policy, PeftModel)
        with policy.disable_adapter():
            return read(policy, batch, temperature)

    def log_probs(self, loaded: Loaded, policy: Policy, temperature: float) -> LogProbs:
        """Return a function for log-probabilities of completions under the reference model."""
        if self.copy is not None:
            return log_probs(loaded, self.copy, temperature)
        assert isinstance(policy, PeftModel)
        return log_probs_without_adapter(loaded, policy, temperature)


class ValueHead(nn.Module):
    """A head with one scalar for each state: linear, or with one hidden layer of `width` units.

    Its output starts at zero.

    It computes in float32 whatever the policy does: returns are regressed, not ranked.
    """

    def __init__(self, size: int, width: int = 0) -> None:
        super().__init__()
        last = nn.Linear(width or size, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(size, width), nn.Tanh(), last) if width else nn.Sequential(last)

    def forward(self, states: Tensor) -> Tensor:
        """Compute (B, C) from (B, C, d)."""
        with torch.autocast(states.device.type, enabled=False):
            values: Tensor = self.layers(states.float())[..., 0]
        return values


class SharedValueModel(nn.Module):
    """A value model that is a head on the policy's own states (Ziegler et al. 2019).

    It takes almost no memory or time, and the policy's weights also learn to predict the reward; in turn the value
    loss, weighted by vf_coef, acts on the policy. The head belongs to the trainer and not to the policy that is saved.
    """

    def __init__(self, model: PreTrainedModel, width: int = 0) -> None:
        super().__init__()
        self.head = ValueHead(_states_size(model), width)

    def forward(self, states: Tensor, batch: Completions) -> Tensor:
        """Return the values (B, C) of a batch from the policy's `states` (B, C, d)."""
        values: Tensor = self.head(states)
        return values


class SeparateValueModel(nn.Module):
    """A value model that is a second network, which starts as a copy of the policy (Stiennon et al. 2020).

    The value loss cannot harm the policy, at the cost of a second model in memory and a second forward and backward
    pass. With LoRA the copy has frozen weights too, and an adapter of its own.
    """

    def __init__(self, model: PreTrainedModel, peft_config: LoraConfig | None, width: int = 0) -> None:
        super().__init__()
        twin = copy.deepcopy(model)
        output: Any = twin.get_output_embeddings()  # type: ignore[no-untyped-call]
        if output.weight is not twin.get_input_embeddings().weight:
            output.requires_grad_(False)  # the vocabulary head does not affect a value
        self.backbone: Any = twin if peft_config is None else get_peft_model(twin, copy.deepcopy(peft_config))
        disable_dropout(self.backbone)
        self.head = ValueHead(_states_size(model), width)

    def forward(self, states: Tensor, batch: Completions) -> Tensor:
        """Return the values (B, C) of `batch`; the policy's `states` are not used."""
        values: Tensor = self.head(read(self.backbone, batch).states)
        return values


ValueModel = SharedValueModel | SeparateValueModel


def build_value_model(kind: str, model: PreTrainedModel, peft_config: LoraConfig | None, width: int = 0) -> ValueModel:
    """Build the value model, `shared` or `separate`, for the policy that starts from `model`."""
    return SharedValueModel(model, width) if kind == "shared" else SeparateValueModel(model, peft_config, width)


def _states_size(model: PreTrainedModel) -> int:
    """Return the width d of the decoder's last hidden states."""
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return int(head.in_features)
