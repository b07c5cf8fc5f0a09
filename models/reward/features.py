"""A rewrite as numbers that a linear head can weigh: shape, likelihood, the judge's opinion, words and meaning.

Three groups, each with a prior of its own (models/reward/head.py): `numbers` are counted or come from models that
serving runs anyway; `words` are the words of a rewrite, hashed into WORDS signed places (Weinberger et al. 2009);
`meaning` is the judge's mean state along the directions in which the base's own samples of one text differ most, each
made as wide as the others. The numbers are standardised by what was measured once on those samples
(standard.safetensors, `python -m worker.base.judging.standard`), so that one unit is a usual difference between two
cards of one screen.

Stored features name the VERSION that they were computed by; those of another version are computed anew. Where no
judge was trained for a language its opinion and `meaning` say little, and the head finds that out from the clicks.
"""

from __future__ import annotations

import functools
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from models.errors import LoadError
from models.reward.numbers import NUMBERS, Number, counted, words

VERSION = 1
STANDARD_FILE = Path(__file__).with_name("standard.safetensors")

MEASURED = (
    Number("likelihood", "likely, as the model sees it", "unlikely, as the model sees it"),
    Number("neutrality", "more polite", "less polite"),
)
"""What is known of a rewrite before the judge has read it, beside NUMBERS."""
JUDGED = (
    Number("meaning", "keeps the meaning", "changes the meaning"),
    Number("fluency", "reads smoothly", "reads roughly"),
    Number("expectedness", "expected words", "unexpected words"),
    Number("rarity", "rarer words", "commoner words"),
)
NAMED = (*NUMBERS, *MEASURED, *JUDGED)
WORDS = 64
MEANING = 32
SIZE = len(NAMED) + WORDS + MEANING
BEFORE = len(NUMBERS) + len(MEASURED)
FURTHEST = 6.0
"""How many usual differences a number is taken for at most."""

_LEAST = 1e-3
_HEADER = struct.Struct("<HH")

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """A stretch of the features that shares the width of its prior."""

    name: str
    start: int
    stop: int


GROUPS = (
    Group("numbers", 0, len(NAMED)),
    Group("words", len(NAMED), len(NAMED) + WORDS),
    Group("meaning", len(NAMED) + WORDS, SIZE),
)


@dataclass(frozen=True)
class Verdict:
    """What the judge says of a rewrite: how much it keeps of its text, and how it reads.

    `meaning` is the cosine of both meanings, in −1 … 1, `fluency` how acceptable it is, in 0 … 1; `expectedness` and
    `rarity` are means over its tokens, of their log-probability and of how rare they are; `state` is its mean state,
    (width,), of length one.
    """

    meaning: float
    fluency: float
    expectedness: float
    rarity: float
    state: npt.NDArray[np.float32] = field(compare=False)


@dataclass(frozen=True)
class MeasuredRewrite:
    """A rewrite, the mean log-probability of its tokens in nats, how neutral it is, in 0 … 1, and the judge's verdict.

    The verdict is None where the judge was not asked.
    """

    text: str
    likelihood: float
    neutrality: float
    verdict: Verdict | None


@dataclass(frozen=True)
class Standard:
    """Means and usual differences of the named features, (NAMED,); centre, (width,), and directions of meaning.

    `guess`, (BEFORE,), weighs the features that are known before the judge was asked for the logarithm of
    the judge's part of quality; `together`, (NAMED, SIZE), is how all features change with a usual difference in one.
    """

    mean: Array
    scale: Array
    guess: Array
    centre: Array
    directions: Array
    together: Array


@functools.cache
def standard() -> Standard:
    try:
        found = load_file(STANDARD_FILE)
        return Standard(
            *(found[name].astype(np.float64) for name in ("mean", "scale", "guess", "centre", "directions", "together"))
        )
    except Exception as error:  # the libraries raise bare exceptions for damaged files
        raise LoadError(f"{STANDARD_FILE} cannot be read as the measure of features: {error}") from error


def raw(source: str, rewrite: MeasuredRewrite) -> list[float]:
    """The NAMED features as they are measured; what the judge would have said is not a number if it was not asked."""
    judge = rewrite.verdict
    judged = (
        (math.nan,) * len(JUDGED)
        if judge is None
        else (judge.meaning, _log_odds(judge.fluency), judge.expectedness, judge.rarity)
    )
    return [*counted(source, rewrite.text), rewrite.likelihood, _log_odds(rewrite.neutrality), *judged]


def features(source: str, rewrites: Sequence[MeasuredRewrite], by: Standard | None = None) -> Array:
    """The features of the rewrites of a text, (rewrites, SIZE); what the judge was not asked is 0, as on average."""
    by = by or standard()
    found = np.zeros((len(rewrites), SIZE))
    numbers, hashed, meaning = (slice(group.start, group.stop) for group in GROUPS)
    for row, rewrite in zip(found, rewrites, strict=True):
        measured = (np.array(raw(source, rewrite)) - by.mean) / by.scale
        row[numbers] = np.clip(np.nan_to_num(measured), -FURTHEST, FURTHEST)
        for word in set(words(rewrite.text)):
            bucket, sign = _place(word)
            row[hashed][bucket] += sign
        if rewrite.verdict is not None:
            row[meaning] = by.directions @ (rewrite.verdict.state - by.centre)
    return found


def guess(found: Array) -> Array:
    """The logarithm of the judge's part of quality, (rewrites,), but for a constant of the text, as it is guessed."""
    guessed: Array = found[:, :BEFORE] @ standard().guess
    return guessed


def pack(row: Array) -> bytes:
    """The features of one rewrite as bytes: VERSION and SIZE, then float16."""
    return _HEADER.pack(VERSION, SIZE) + row.astype("<f2").tobytes()


def unpack(data: bytes | None) -> Array | None:
    """The features that were packed, or None if there are none or another version packed them."""
    if data is None or len(data) != _HEADER.size + 2 * SIZE or _HEADER.unpack_from(data) != (VERSION, SIZE):
        return None
    return np.frombuffer(data, dtype="<f2", offset=_HEADER.size).astype(np.float64)


@functools.lru_cache(4096)
def _place(word: str) -> tuple[int, int]:
    """Where a word is counted, and with which sign."""
    code = zlib.crc32(word.encode())
    return code % WORDS, 1 if code >> 16 & 1 else -1


def _log_odds(share: float) -> float:
    return math.log(max(share, _LEAST) / max(1 - share, _LEAST))
