"""The tokens among which a version looks for the next one, where its vocabulary is far larger than its task.

t5-small has 32,128 tokens, of four languages; ParaDetox needs a third of them. At every step of every sample the whole
output matrix is multiplied and all the scores are searched, so a shortlist (Jean et al. 2015, section 3.2; L'Hostis et
al. 2016) saves that part of the time. A rewrite may use the tokens of the data that the version was taught with, those
of its own text in any case of letters, and all single characters and bytes.

How often a token would be missed is estimated beforehand (Good 1953): of the tokens in the data's rewrites, those that
stand neither in their own text nor beside any other text. Of ParaDetox, with a vocabulary of 30,522, that estimate is
0.28 %, and 0.30 % of the tokens of its dev split's rewrites are missed. Only where it is rare is there a shortlist,
so that few data never narrow a model. A version that was trained further keeps its parent's list with its own tokens,
unless its data is of another kind: then the data has to be enough by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from models.serving.engine import NUCLEUS_WITHIN
from models.serving.shortlist import listable
from worker.training.shared.checkpoint import encode

LARGE = 16_384
"""A smaller vocabulary is no part of the time to speak of."""

RARELY = 0.005
"""The largest share of tokens that may be missed."""

ANOTHER_KIND = 0.05
"""Data of whose rewrites a list misses a larger share is of another kind than what that list is for."""

_SPACE = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")

Taught = tuple[str, ...]
"""A text, and rewrites of it that a model was taught with."""


def shortlist(
    tokenizer: PreTrainedTokenizerFast, taught: Iterable[Taught], known: Collection[str] = ()
) -> frozenset[str]:
    """The tokens that are always on the list; none if there is to be no list.

    `known` is the list of the version that was trained further, if it has one.
    """
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) < LARGE:
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
    if known and sum(token not in known for token in new) <= ANOTHER_KIND * written:
        found |= frozenset(known)
    elif not written or sum(held_by[token] == 1 for token in new) > RARELY * written:
        return frozenset()
    found |= {token for token in vocabulary if _is_a_character(token)}.union(tokenizer.all_special_tokens)
    return found if len(found) > NUCLEUS_WITHIN and all(map(listable, found)) else frozenset()


def _by_text(taught: Iterable[Taught]) -> dict[str, dict[str, None]]:
    """The different rewrites of each text: clicks repeat them, one row a rejected one and one a person."""
    found: dict[str, dict[str, None]] = {}
    for text, *rewrites in taught:
        found.setdefault(text, {}).update(dict.fromkeys(rewrites))
    return found


def _is_a_character(token: str) -> bool:
    return listable(token) and (len(token.removeprefix(_SPACE)) <= 1 or _BYTE.fullmatch(token) is not None)


def _tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> Sequence[str]:
    return tokenizer.convert_ids_to_tokens(encode(tokenizer, text)[:-1])
