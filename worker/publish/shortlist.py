"""The vocabulary shortlist of a version: the tokens it decodes with, where its vocabulary is far larger than its task.

t5-small has 32,128 tokens, of four languages; ParaDetox needs a third of them. Every decoding step multiplies the whole
output matrix and searches all scores, so a shortlist (Jean et al. 2015, section 3.2; L'Hostis et al. 2016) saves that
part of the time. A rewrite may use the tokens of the version's training data, those of its own prompt in upper or lower
case, and all single characters and bytes.

The rate of missed tokens is estimated beforehand (Good 1953): of the tokens in the data's rewrites, the share that
occurs neither in the rewrite's own prompt nor with any other prompt. For ParaDetox, with a vocabulary of 30,522, the
estimate is 0.28 %, and 0.30 % of the tokens in the rewrites of its dev split are missed. There is a shortlist only
where that rate is low, so that little data never narrows a model. A version that was trained further keeps its parent's
list plus its own tokens, unless its data is of another kind: then the data alone must suffice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from models.serving.engine import NUCLEUS_WITHIN
from models.serving.shortlist import listable
from worker.training.shared.checkpoint import encode

LARGE_VOCABULARY = 16_384
"""With a smaller vocabulary the output matrix takes a negligible part of the time."""

MAX_MISSED = 0.005
"""The largest estimated share of missed tokens for which there is a shortlist."""

MAX_MISSED_BY_PARENT = 0.05
"""Data is of another kind than a shortlist's if the list misses a larger share of the tokens of its rewrites."""

_SPACE = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")

Taught = tuple[str, ...]
"""A prompt, and its rewrites in the training data."""


def shortlist(
    tokenizer: PreTrainedTokenizerFast, taught: Iterable[Taught], known: Collection[str] = ()
) -> frozenset[str]:
    """Return the tokens that are always on the list, or an empty set if there is to be no list.

    `known` is the parent version's list, if it has one.
    """
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) < LARGE_VOCABULARY:
        return frozenset()
    held_by: Counter[str] = Counter()
    new: list[str] = []
    written = 0
    for text, rewrites in _by_text(taught).items():
        given = _tokens(tokenizer, text)
        answers = [_tokens(tokenizer, rewrite) for rewrite in rewrites]
        present = {token.casefold() for token in given}
        held_by.update({*given, *(token for answer in answers for token in answer)})
        new += [token for answer in answers for token in answer if token.casefold() not in present]
        written += sum(map(len, answers))
    found = frozenset(held_by)
    if known and sum(token not in known for token in new) <= MAX_MISSED_BY_PARENT * written:
        found |= frozenset(known)
    elif not written or sum(held_by[token] == 1 for token in new) > MAX_MISSED * written:
        return frozenset()
    found |= {token for token in vocabulary if _is_a_character(token)}.union(tokenizer.all_special_tokens)
    return found if len(found) > NUCLEUS_WITHIN and all(map(listable, found)) else frozenset()


def _by_text(taught: Iterable[Taught]) -> dict[str, dict[str, None]]:
    """Return the distinct rewrites of each text: clicks repeat them, once for each rejected candidate and person."""
    found: dict[str, dict[str, None]] = {}
    for text, *rewrites in taught:
        found.setdefault(text, {}).update(dict.fromkeys(rewrites))
    return found


def _is_a_character(token: str) -> bool:
    return listable(token) and (len(token.removeprefix(_SPACE)) <= 1 or _BYTE.fullmatch(token) is not None)


def _tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> Sequence[str]:
    return tokenizer.convert_ids_to_tokens(encode(tokenizer, text)[:-1])
