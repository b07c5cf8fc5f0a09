"""Holding out a share of the rows by their prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from models.formats.convert import split_key
from models.formats.files.pair_files import DEV_SPLIT, in_dev
from models.model_errors import DataFileError

AnyRow = TypeVar("AnyRow", bound=Mapping[str, Any])


def split_by_prompt(rows: Sequence[AnyRow], dev_split: int = DEV_SPLIT) -> tuple[list[AnyRow], list[AnyRow]]:
    """The rows to train on and those held out: one prompt in `dev_split`, none if 0, by its SHA-1 and so for good.

    All rows of a prompt are on one side; the prompt of messages is their text, joined. Where there are so few prompts
    that the hash puts all on one side, the one with the least SHA-256 is held out. Raises `DataFileError` if there is
    one prompt only, so that none can be held out.
    """
    keys = [split_key(row["prompt"]) for row in rows]
    prompts = set(keys)
    if dev_split == 0 or not rows:
        return list(rows), []
    if len(prompts) < 2:
        raise DataFileError("There is one prompt only, so none can be held out: add others or set dev_split to 0.")
    held_out = {prompt for prompt in prompts if in_dev(prompt, dev_split)}
    if not held_out or len(held_out) == len(prompts):
        held_out = {min(prompts, key=lambda prompt: hashlib.sha256(prompt.encode()).digest())}
    sides: tuple[list[AnyRow], list[AnyRow]] = ([], [])
    for row, key in zip(rows, keys, strict=True):
        sides[key in held_out].append(row)
    return sides


def without_prompts_of(rows: Sequence[AnyRow], held_out: Sequence[Mapping[str, Any]]) -> list[AnyRow]:
    """The rows whose prompt none of `held_out` has: what may be trained on beside a validation file."""
    prompts = {split_key(row["prompt"]) for row in held_out}
    return [row for row in rows if split_key(row["prompt"]) not in prompts]
