"""Batches of encoded pairs, sorted by length and cut to about the same number of tokens.

Batches come in groups, each drawn with its own random generator, so that a resumed run draws the same batches as an
uninterrupted one.
"""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from worker.base.build.tokenizer import PAD_ID
from worker.base.texts.held_out import Pair

LONGEST = 120
IGNORED_LABEL = -100

Encoded = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Batch:
    """Padded tensors for one step, and the number of tokens on both sides."""

    input_ids: Tensor
    attention_mask: Tensor
    decoder_input_ids: Tensor
    labels: Tensor
    size: int


def encode_pairs(tokenizer: Tokenizer, pairs: Sequence[Pair]) -> list[Encoded]:
    """Return the token ids of both sides, EOS included, without pairs that have a side too long for training."""
    sources = tokenizer.encode_batch_fast([source for source, _ in pairs])
    targets = tokenizer.encode_batch_fast([target for _, target in pairs])
    encoded = [(source.ids, target.ids) for source, target in zip(sources, targets, strict=True)]
    return [(source, target) for source, target in encoded if max(len(source), len(target)) <= LONGEST]


def pad(rows: Sequence[list[int]], value: int) -> Tensor:
    """Pad rows of ids on the right to one tensor."""
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def to_batch(pairs: Sequence[Encoded], given: Collection[int] = ()) -> Batch:
    """Return encoded pairs as the tensors of a step; ids that are `given` are read as first ones, and not learned."""
    input_ids = pad([source for source, _ in pairs], PAD_ID)
    targets = [target for _, target in pairs]
    return Batch(
        input_ids=input_ids,
        attention_mask=(input_ids != PAD_ID).long(),
        decoder_input_ids=pad([[PAD_ID, *target[:-1]] for target in targets], PAD_ID),
        labels=pad(
            [[IGNORED_LABEL if target[0] in given else target[0], *target[1:]] for target in targets], IGNORED_LABEL
        ),
        size=sum(len(source) + len(target) for source, target in pairs),
    )


def cut(pairs: Sequence[Encoded], tokens_each: int, given: Collection[int] = ()) -> list[Batch]:
    """Sort pairs by length and cut them into batches of about this many tokens, as `to_batch` makes them."""
    batches: list[Batch] = []
    current: list[Encoded] = []
    size = 0
    for pair in sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1]))):
        current.append(pair)
        size += len(pair[0]) + len(pair[1])
        if size >= tokens_each:
            batches.append(to_batch(current, given))
            current, size = [], 0
    return [*batches, to_batch(current, given)] if current else batches


def batch_group(
    draw: Callable[[random.Random], Pair],
    tokenizer: Tokenizer,
    rng: random.Random,
    *,
    tokens_each: int,
    count: int,
) -> list[Batch]:
    """Return about this many batches of freshly drawn pairs, in random order."""
    encoded: list[Encoded] = []
    size = 0
    while size < tokens_each * count:
        drawn = encode_pairs(tokenizer, [draw(rng) for _ in range(64)])
        encoded.extend(drawn)
        size += sum(len(source) + len(target) for source, target in drawn)
    batches = cut(encoded, tokens_each)
    rng.shuffle(batches)
    return batches
