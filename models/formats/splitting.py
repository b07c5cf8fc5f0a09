"""Holding out a share of the rows by the wording of their prompts.

Prompts of one wording, which differ in case, punctuation or spaces alone, are always on one side: a model that was
trained on one of them knows the others. A wording is held out if the SHA-1 of any of its prompts says so, so that no
list is needed, and rows that publish a split by this hash, as ParaDetox's do here, keep it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from models.formats.rows import Text, prompt_text
from models.model_errors import DataFileError

AnyRow = TypeVar("AnyRow", bound=Mapping[str, Any])

DEV_SPLIT = 20
ONE_PROMPT = "There is one prompt only, so none can be held out: add others or set dev_split to 0."
_SIGNS = re.compile(r"[\W_]+")


def split_key(prompt: Text) -> str:
    """Return the wording of a prompt: its letters and digits without case, or its signs if it has neither.

    The prompt of messages is their text, joined.
    """
    folded = unicodedata.normalize("NFKC", prompt_text(prompt)).casefold()
    return _SIGNS.sub("", folded) or "".join(folded.split())


def held_out_keys(prompts: Iterable[Text], one_in: int = DEV_SPLIT) -> frozenset[str]:
    """Return the wordings, among those of `prompts`, that are held out: about one in `one_in`, none if 0."""
    return frozenset(split_key(prompt) for prompt in prompts if _is_chosen(prompt, one_in))


def some_held_out_keys(prompts: Collection[Text], one_in: int = DEV_SPLIT) -> frozenset[str]:
    """Return the wordings that are held out, at least one and not all of them, unless `one_in` is 0.

    Where the hash puts all of a few wordings on one side, the one with the least SHA-256 is held out. Raises
    `DataFileError` if there is one wording only.
    """
    wordings = {split_key(prompt) for prompt in prompts}
    if one_in == 0 or not wordings:
        return frozenset()
    if len(wordings) < 2:
        raise DataFileError(ONE_PROMPT)
    found = held_out_keys(prompts, one_in)
    if found and len(found) < len(wordings):
        return found
    return frozenset({min(wordings, key=lambda wording: hashlib.sha256(wording.encode()).digest())})


def split_by_prompt(rows: Sequence[AnyRow], dev_split: int = DEV_SPLIT) -> tuple[list[AnyRow], list[AnyRow]]:
    """Return the rows to train on and those held out: all rows of `some_held_out_keys`."""
    held_out = some_held_out_keys([row["prompt"] for row in rows], dev_split)
    sides: tuple[list[AnyRow], list[AnyRow]] = ([], [])
    for row in rows:
        sides[split_key(row["prompt"]) in held_out].append(row)
    return sides


def without_prompts_of(rows: Sequence[AnyRow], held_out: Sequence[Mapping[str, Any]]) -> list[AnyRow]:
    """Return the rows whose wording none of `held_out` has: what may be trained on beside a validation file."""
    keys = {split_key(row["prompt"]) for row in held_out}
    return [row for row in rows if split_key(row["prompt"]) not in keys]


def _is_chosen(prompt: Text, one_in: int) -> bool:
    digest = hashlib.sha1(prompt_text(prompt).strip().encode(), usedforsecurity=False).hexdigest()
    return one_in > 0 and int(digest, 16) % one_in == 0
