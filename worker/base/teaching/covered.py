"""Alignment of a language model's tokens to the word pieces of another tokenizer."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Token(NamedTuple):
    """A token of the language model: its end in the text, its log-probability in nats, and its rarity."""

    end: int
    """Characters of the text up to its end, without spaces, about which two tokenizers may differ."""
    log_probability: float
    rarity: float


def ends(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the ends of tokens at these offsets of `text`, not counting spaces."""
    before = _letters_before(text)
    return [before[end] for _, end in offsets]


def token_sums(text: str, offsets: Sequence[tuple[int, int]], tokens: Sequence[Token]) -> Tensor:
    """Return log-probability, number and rarity of the tokens within each word piece, summed, (pieces, 3).

    A token that overlaps several pieces is divided among them by their letters.
    """
    before = _letters_before(text)
    sums = torch.zeros(before[-1] + 1, 3)
    start = 0
    for token in tokens:
        end = min(token.end, before[-1])
        first = min(start, max(end - 1, 0))  # a token of spaces alone belongs to the letter before it
        sums[first + 1 : max(end, first + 1) + 1] += torch.tensor([token.log_probability, 1.0, token.rarity]) / max(
            1, end - first
        )
        start = max(start, end)
    upto = sums.cumsum(0)
    return torch.stack([upto[before[end]] - upto[before[begin]] for begin, end in offsets])


def _letters_before(text: str) -> list[int]:
    """Return the number of characters other than spaces before each position of a text, and in all of it."""
    counts = [0]
    for letter in text:
        counts.append(counts[-1] + (not letter.isspace()))
    return counts
