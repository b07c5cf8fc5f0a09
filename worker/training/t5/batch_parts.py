"""A batch of prompts and rewrites, shared out into parts that cost about the same."""

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """What `packed_t5.scored_states` takes: P prompts of L tokens, and R rows of C, each of one of the prompts."""

    prompts: Tensor
    prompt_mask: Tensor
    prompt_of_row: Tensor
    inputs: Tensor
    scored: Tensor


def shared_out(batch: Batch, count: int) -> list[tuple[Batch, Tensor]]:
    """At most `count` batches that have all the rows, and which of the scored tokens (T) each of them scores, in order.

    Prompts are dealt out by their tokens and those of their rows, the longest first, each to the lightest part; what
    no row of a part has any more is cut off its right side.
    """
    of_prompts, of_rows = batch.prompt_mask.sum(1), batch.scored.sum(1)
    costs = of_prompts.index_add(0, batch.prompt_of_row, of_rows).tolist()
    loads = [0] * min(count, len(batch.prompts))
    part_of_prompt = [0] * len(batch.prompts)
    for prompt in sorted(range(len(costs)), key=lambda prompt: -costs[prompt]):
        part = loads.index(min(loads))
        part_of_prompt[prompt] = part
        loads[part] += costs[prompt]
    places = batch.scored.flatten().cumsum(0).sub_(1).view(batch.scored.shape)
    parts = torch.tensor(part_of_prompt, device=batch.prompts.device)
    found = []
    for part in range(len(loads)):
        own = parts == part
        rows = own[batch.prompt_of_row]
        source = slice(int(of_prompts[own].max()))
        target = slice(int(of_rows[rows].max()))
        scored = batch.scored[rows][:, target]
        cut = Batch(
            prompts=batch.prompts[own][:, source],
            prompt_mask=batch.prompt_mask[own][:, source],
            prompt_of_row=(own.cumsum(0) - 1)[batch.prompt_of_row[rows]],
            inputs=batch.inputs[rows][:, target],
            scored=scored,
        )
        found.append((cut, places[rows][:, target][scored]))
    return found
