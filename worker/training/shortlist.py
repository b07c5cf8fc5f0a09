"""The tokens among which a version looks for the next one, where its vocabulary is far larger than its task.

t5-small has 32,128 tokens, of four languages; ParaDetox needs a third of them. At every step of every sample the whole
output matrix is multiplied and all the scores are searched, so a shortlist (Jean et al. 2015, section 3.2; L'Hostis et
al. 2016) saves that part of the time. A rewrite may use the tokens of the data that the version was taught with, those
of its own text in any case of letters, and all single characters and bytes.

How often a token would be missed is estimated beforehand (Good 1953): of the tokens in the data's rewrites, those that
stand neither in their own text nor anywhere else in the data. Of ParaDetox, with a vocabulary of 30,522, that estimate
is 0.27 %, and 0.30 % of the tokens of its dev split's rewrites are missed. Only where it is rare is there a shortlist,
so that few data never narrow a model.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from models.engine import NUCLEUS_WITHIN, SHORTLIST_FILE
from worker.training.checkpoint import encode

LARGE = 16_384
"""A smaller vocabulary is no part of the time to speak of."""

RARELY = 0.005
"""The largest share of tokens that may be missed."""

_SPACE = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")

Taught = tuple[str, ...]
"""A text, and the rewrites of it that a model learned from."""


def shortlist(
    tokenizer: PreTrainedTokenizerFast, taught: Iterable[Taught], known: Collection[str] = ()
) -> set[str] | None:
    """The tokens that the data needs, with those `known` before; None if the vocabulary is small or it misses others.

    `known` is the shortlist of the version that was trained further, if it has one.
    """
    if len(tokenizer) < LARGE:
        return None
    held_by: Counter[str] = Counter(known)
    new: list[str] = []
    written = 0
    for text, *rewrites in taught:
        given, *answers = (_tokens(tokenizer, side) for side in (text, *rewrites))
        present = {token.casefold() for token in given}
        held_by.update({*given, *chain(*answers)})
        new += [token for answer in answers for token in answer if token.casefold() not in present]
        written += sum(map(len, answers))
    missed = sum(held_by[token] == 1 for token in new)
    return set(held_by) if missed <= RARELY * written and len(held_by) > NUCLEUS_WITHIN else None


def write_shortlist(folder: Path, tokenizer: PreTrainedTokenizerFast, tokens: Iterable[str]) -> int:
    """Write the serving folder's file as CTranslate2 reads it; returns how many tokens are always on the list."""
    vocabulary = sorted(token for token in tokenizer.get_vocab() if not any(map(str.isspace, token)))
    always = {token for token in vocabulary if len(token.removeprefix(_SPACE)) <= 1 or _BYTE.fullmatch(token)}
    always |= set(tokenizer.all_special_tokens) | set(tokens)
    spelt: dict[str, list[str]] = defaultdict(list)
    for token in vocabulary:
        spelt[token.casefold()].append(token)
    lines = ["\t" + " ".join(sorted(always.intersection(vocabulary)))]
    for forms in spelt.values():
        if missing := [form for form in forms if form not in always]:
            lines += [f"{form}\t{' '.join(missing)}" for form in forms]
    (folder / SHORTLIST_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(always.intersection(vocabulary))


def read_shortlist(folder: Path) -> set[str]:
    """The tokens that are always on the list of a serving folder; none if it has no list."""
    path = folder / SHORTLIST_FILE
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8") as file:
        return set(file.readline().rstrip("\n").lstrip("\t").split(" "))


def _tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> Sequence[str]:
    return tokenizer.convert_ids_to_tokens(encode(tokenizer, text)[:-1])
