"""Features of a rewrite for the linear reward head: shape, likelihood, the judge's verdict, words and meaning.

Three groups, each with a prior of its own (models/reward/head.py): `numbers` are counted or come from models that
serving runs anyway; `words` are the words of a rewrite, hashed into WORDS signed buckets (Weinberger et al. 2009);
`meaning` is the judge's mean state projected on the directions in which the base model's own samples of one text differ
most, scaled to equal variance. The numbers are standardised by statistics of those samples (standard.safetensors,
`python -m worker.base.judging.standard`), so that one unit is a usual difference between two cards of one screen.

Stored features carry the VERSION that they were computed by; those of another version are computed anew. In a language
for which no judge was trained, its verdict and `meaning` say little, and the head learns that from the clicks.
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

from models.model_errors import LoadError
from models.reward.numbers import NUMBERS, Number, counted, words

VERSION = 1
STANDARD_FILE = Path(__file__).with_name("standard.safetensors")

MEASURED = (
    Number("likelihood", "likely, as the model sees it", "unlikely, as the model sees it"),
    Number("neutrality", "more polite", "less polite"),
)
"""Named features that are known before the judge has read a rewrite, beside NUMBERS."""
JUDGED = (
    Number("meaning", "keeps the meaning", "changes the meaning"),
    Number("fluency", "reads smoothly", "reads roughly"),
    Number("expectedness", "expected words", "unexpected words"),
    Number("rarity", "rarer words", "more common words"),
)
NAMED = (*NUMBERS, *MEASURED, *JUDGED)
WORDS = 64
MEANING = 32
SIZE = len(NAMED) + WORDS + MEANING
BEFORE = len(NUMBERS) + len(MEASURED)
FURTHEST = 6.0
"""Bound, in usual differences, to which standardised numbers are clipped."""

_LEAST_SHARE = 1e-3
_HEADER = struct.Struct("<HH")

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """A range of the features that shares the width of its prior."""

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
    """The judge's verdict on a rewrite: how much of its text it keeps, and how it reads.

    `meaning` is the cosine of both meanings, in −1 … 1, `fluency` the acceptability, in 0 … 1; `expectedness` and
    `rarity` are means over its tokens, of their log-probability and of their rarity; `state` is its mean state,
    (width,), of length one.
    """

    meaning: float
    fluency: float
    expectedness: float
    rarity: float
    state: npt.NDArray[np.float32] = field(compare=False)


@dataclass(frozen=True)
class MeasuredRewrite:
    """A rewrite, the mean log-probability of its tokens in nats, its neutrality in 0 … 1, and the judge's verdict.

    The verdict is None if the judge was not run.
    """

    text: str
    likelihood: float
    neutrality: float
    verdict: Verdict | None


@dataclass(frozen=True)
class Standard:
    """Means and usual differences of the named features, (NAMED,); centre, (width,), and directions of meaning.

    `guess`, (BEFORE,), are the weights by which features that are known before the judge is run predict the logarithm
    of the judge's part of quality; `together`, (NAMED, SIZE), is how all features change with a usual difference in
    one.
    """

    mean: Array
    scale: Array
    guess: Array
    centre: Array
    directions: Array
    together: Array


@functools.cache
def standard() -> Standard:
    """Load the statistics that standardise features, once a process; raises LoadError."""
    try:
        found = load_file(STANDARD_FILE)
        return Standard(
            *(found[name].astype(np.float64) for name in ("mean", "scale", "guess", "centre", "directions", "together"))
        )
    except Exception as error:  # the libraries raise bare exceptions for damaged files
        raise LoadError(f"{STANDARD_FILE} cannot be read as the measure of features: {error}") from error


def raw(source: str, rewrite: MeasuredRewrite) -> list[float]:
    """Return the NAMED features, not standardised; those of the judge are NaN if it was not run."""
    judge = rewrite.verdict
    judged = (
        (math.nan,) * len(JUDGED)
        if judge is None
        else (judge.meaning, _log_odds(judge.fluency), judge.expectedness, judge.rarity)
    )
    return [*counted(source, rewrite.text), rewrite.likelihood, _log_odds(rewrite.neutrality), *judged]


def features(source: str, rewrites: Sequence[MeasuredRewrite], by: Standard | None = None) -> Array:
    """Return standardised features, (rewrites, SIZE); those of the judge are 0, the average, if it was not run."""
    by = by or standard()
    found = np.zeros((len(rewrites), SIZE))
    numbers, hashed, meaning = (slice(group.start, group.stop) for group in GROUPS)
    for row, rewrite in zip(found, rewrites, strict=True):
        measured = (np.array(raw(source, rewrite)) - by.mean) / by.scale
        row[numbers] = np.clip(np.nan_to_num(measured), -FURTHEST, FURTHEST)
        for word in set(words(rewrite.text)):
            bucket, sign = _bucket_and_sign(word)
            row[hashed][bucket] += sign
        if rewrite.verdict is not None:
            row[meaning] = by.directions @ (rewrite.verdict.state - by.centre)
    return found


def guess(found: Array) -> Array:
    """Predict the logarithm of the judge's part of quality, (rewrites,), up to a constant of the text."""
    guessed: Array = found[:, :BEFORE] @ standard().guess
    return guessed


def pack(row: Array) -> bytes:
    """Return the features of one rewrite as bytes: VERSION and SIZE, then float16."""
    return _HEADER.pack(VERSION, SIZE) + row.astype("<f2").tobytes()


def unpack(data: bytes | None) -> Array | None:
    """Return features that were packed, or None if there are none or another version packed them."""
    if data is None or len(data) != _HEADER.size + 2 * SIZE or _HEADER.unpack_from(data) != (VERSION, SIZE):
        return None
    return np.frombuffer(data, dtype="<f2", offset=_HEADER.size).astype(np.float64)


@functools.lru_cache(4096)
def _bucket_and_sign(word: str) -> tuple[int, int]:
    """Return the bucket and the sign of a word."""
    code = zlib.crc32(word.encode())
    return code % WORDS, 1 if code >> 16 & 1 else -1


def _log_odds(share: float) -> float:
    return math.log(max(share, _LEAST_SHARE) / max(1 - share, _LEAST_SHARE))
