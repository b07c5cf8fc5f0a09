"""Split of a batch of prompts and rewrites into parts of about equal cost."""

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """The arguments of `packed_t5.scored_states`: P prompts of L tokens, and R rows of C tokens, each of one prompt."""

    prompts: Tensor
    prompt_mask: Tensor
    prompt_of_row: Tensor
    inputs: Tensor
    scored: Tensor


def shared_out(batch: Batch, count: int) -> list[tuple[Batch, Tensor]]:
    """Split a batch into at most `count` parts; return each with the indices of its scored tokens (T), in order.

    Prompts are assigned, the longest first, to the part with the fewest tokens so far, their rows' included. Columns
    that are padding in all of a part's rows are cut off.
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
