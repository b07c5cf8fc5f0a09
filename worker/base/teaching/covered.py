"""What a language model says of a text, told by the word pieces of another tokenizer."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Token(NamedTuple):
    """A token of the language model: how far in the text it reaches, how likely it is, in nats, and how rare."""

    end: int
    """Characters of the text up to its end; spaces are not counted, for two tokenizers may differ over them."""
    log_probability: float
    rarity: float


def ends(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Where tokens at these offsets of `text` end, spaces not counted."""
    counted = _counted(text)
    return [counted[end] for _, end in offsets]


def covered(text: str, offsets: Sequence[tuple[int, int]], tokens: Sequence[Token]) -> Tensor:
    """Log-probability, number and rarity of the tokens that each word piece covers, summed up, (pieces, 3).

    A token that several pieces share is divided among them by their letters.
    """
    counted = _counted(text)
    sums = torch.zeros(counted[-1] + 1, 3)
    start = 0
    for token in tokens:
        end = min(token.end, counted[-1])
        first = min(start, max(end - 1, 0))  # a token of nothing but space goes with the letter before it
        sums[first + 1 : max(end, first + 1) + 1] += torch.tensor([token.log_probability, 1.0, token.rarity]) / max(
            1, end - first
        )
        start = max(start, end)
    upto = sums.cumsum(0)
    return torch.stack([upto[counted[end]] - upto[counted[begin]] for begin, end in offsets])


def _counted(text: str) -> list[int]:
    """How many characters that are no spaces stand before each place of a text, and in all of it."""
    counts = [0]
    for letter in text:
        counts.append(counts[-1] + (not letter.isspace()))
    return counts
