"""How rude a text reads: a logistic model over hashed words and letter groups, small enough for every web process.

It helps to choose which of the sampled rewrites to show. It is no yardstick: versions are judged by classifiers that
had no part in choosing or training.
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

from models.errors import LoadError

BUCKETS = 1 << 16
WEIGHTS_FILE = Path(__file__).parent.with_name("base") / "neutrality.safetensors"
_WORD = re.compile(r"[^\W_]+(?:[*@$#!'’-]+[^\W_]+)*|[*@$#]{3,}")
_STRETCHED = re.compile(r"(.)\1{2,}")
_LONGEST_WORD = 24


def words(text: str) -> list[str]:
    """The words of a text in one case and form; a letter repeated more than twice counts as twice."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [_STRETCHED.sub(r"\1\1", word)[:_LONGEST_WORD] for word in _WORD.findall(folded)]


def buckets(text: str) -> np.ndarray:
    """The distinct feature numbers of a text, in 0 … BUCKETS − 1, sorted."""
    found = words(text)
    numbers: set[int] = set()
    for word in found:
        numbers.update(_of_word(word))
    numbers.update(map(_of_pair, ["^", *found], [*found, "$"]))
    return np.array(sorted(numbers), dtype=np.int64)


# The samples of a text are mostly made of its own words.
@functools.lru_cache(maxsize=2048)
def _of_word(word: str) -> tuple[int, ...]:
    """The numbers of a word and of its groups of three to five letters."""
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

    A text's score is bias + Σ weights / √(number of features), so that long texts are judged like short ones.
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
        """P(neutral) of each text, in 0 … 1."""
        return [self._of(text) for text in texts]

    def _one(self, text: str) -> float:
        found = buckets(text)
        score = self._bias + float(self._weights[found].sum()) / max(1.0, len(found) ** 0.5)
        return float(1 / (1 + np.exp(-score)))
