"""Classifier of neutral texts: a logistic model over hashed words and letter n-grams, small enough for web processes.

It takes part in choosing which of the sampled rewrites to show, and in no evaluation: versions are evaluated by
classifiers that had no part in choosing or training.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from models.model_errors import LoadError

BUCKETS = 1 << 16
WEIGHTS_FILE = Path(__file__).parent.with_name("base") / "neutrality.safetensors"
_WORD = re.compile(r"[^\W_]+(?:[*@$#!'’-]+[^\W_]+)*|[*@$#]{3,}")
_STRETCHED = re.compile(r"(.)\1{2,}")
_LONGEST_WORD = 24


def words(text: str) -> list[str]:
    """Return the words of a text in normalised form; a letter repeated more than twice counts as twice."""
    return [_normalised(word) for word in _written(text)]


def spellings(text: str) -> dict[str, list[str]]:
    """Return the normalised words of a text, each with itself and the text's own spellings, in lower case.

    "STUUUUPID" is "stuupid", also spelled "stuuuupid".
    """
    found: dict[str, dict[str, None]] = {}
    for word in _written(text):
        found.setdefault(_normalised(word), {}).update(dict.fromkeys((_normalised(word), word)))
    return {word: list(forms) for word, forms in found.items()}


def unstretched(word: str) -> str:
    """Return a word with each letter that is repeated more than twice once."""
    return _STRETCHED.sub(r"\1", word)


def _written(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _normalised(word: str) -> str:
    return _STRETCHED.sub(r"\1\1", word)[:_LONGEST_WORD]


def buckets(text: str) -> np.ndarray:
    """Return the distinct feature numbers of a text, in 0 … BUCKETS − 1, sorted."""
    found = words(text)
    numbers: set[int] = set()
    for word in found:
        numbers.update(_of_word(word))
    numbers.update(map(_of_pair, ["^", *found], [*found, "$"]))
    return np.array(sorted(numbers), dtype=np.int64)


# Cached, because the samples of a text mostly consist of its own words.
@functools.lru_cache(maxsize=2048)
def _of_word(word: str) -> tuple[int, ...]:
    """Return the feature numbers of a word and of its groups of three to five letters."""
    marked = f"<{word}>"
    groups = (marked[start : start + size] for size in (3, 4, 5) for start in range(len(marked) - size + 1))
    return tuple(map(_number, ("w" + word, *groups)))


@functools.lru_cache(maxsize=2048)
def _of_pair(first: str, second: str) -> int:
    return _number(f"b{first} {second}")


def _number(feature: str) -> int:
    return zlib.crc32(feature.encode()) % BUCKETS


class Neutrality:
    """P(neutral) of texts, from the weights in a file: `weights` of BUCKETS numbers and a `bias`.

    A text's score is bias + Σ weights / √(number of features), so that its scale does not grow with the text's length.
    """

    def __init__(self, path: Path = WEIGHTS_FILE) -> None:
        """Load the weights; raises LoadError."""
        try:
            stored = load_file(path)
            self._weights = stored["weights"].astype(np.float32)
            self._bias = float(stored["bias"][0])
        except Exception as error:
            raise LoadError(f"{path} cannot be read as the weights of the neutrality model: {error}") from error
        self._of = functools.lru_cache(maxsize=1024)(self._one)
        if self._weights.shape != (BUCKETS,):
            raise LoadError(f"{path} has weights of shape {self._weights.shape}, not ({BUCKETS},).")

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return P(neutral) of each text, in 0 … 1."""
        return [self._of(text) for text in texts]

    def _one(self, text: str) -> float:
        found = buckets(text)
        score = self._bias + float(self._weights[found].sum()) / max(1.0, len(found) ** 0.5)
        return float(1 / (1 + np.exp(-score)))
