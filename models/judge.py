"""How much of a text a rewrite keeps, and how well it reads: a small encoder, quick enough for every web process.

It is the lower half of all-MiniLM-L6-v2 (Wang et al. 2020) with a smaller vocabulary, taught the cosines of the whole
MiniLM and the acceptability that a language model of 135 million parameters finds (`models/base/build/judge.py`). It
helps to choose which of the rewrites to show. Versions are measured with its two teachers themselves, which flatters
what is chosen with it; the classifier of toxicity that measures them had no part.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models.errors import LoadError

JUDGE_FOLDER = Path(__file__).with_name("base") / "judge"
HEAD_FILE = "head.safetensors"
MOST_TOKENS = 128
"""What it reads of a text; the pieces that are rewritten are shorter."""

# A batch is as wide as its longest text, and what it takes of memory is kept.
_TEXTS_AT_ONCE = 12

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """Of a rewrite: the cosine of its meaning and the text's, in −1 … 1, and how acceptable it is, in 0 … 1."""

    meaning: float
    fluency: float


class Judge:
    """An encoder as a CTranslate2 folder with its tokenizer.json, and the weights of its fluency in HEAD_FILE."""

    def __init__(self, folder: Path = JUDGE_FOLDER) -> None:
        """Load it, to be used by several threads; raises LoadError."""
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._encoder = ctranslate2.Encoder(
                str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
            )
            head = load_file(folder / HEAD_FILE)
            self._weights, self._bias = head["weights"].astype(np.float32), float(head["bias"][0])
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(MOST_TOKENS)
            self._encode(["Good morning"])
        except Exception as error:  # the libraries raise bare exceptions for damaged files
            raise LoadError(f"{folder} cannot be read as the judge of rewrites: {error}") from error

    def __call__(self, source: str, rewrites: Sequence[str]) -> list[Verdict]:
        """A verdict on each of the rewrites of a text."""
        if not rewrites:
            return []
        meanings, fluency = self._encode([source, *rewrites])
        cosines = meanings[1:] @ meanings[0]
        return [Verdict(float(cosine), float(fluent)) for cosine, fluent in zip(cosines, fluency[1:], strict=True)]

    def _encode(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """The mean state of each text, made one long, (texts, width), and its acceptability, (texts,)."""
        ids = [row.ids for row in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        stretches = [order[start : start + _TEXTS_AT_ONCE] for start in range(0, len(order), _TEXTS_AT_ONCE)]
        encoded = [self._encode_together([ids[row] for row in rows]) for rows in stretches]
        back = np.argsort(order)
        meanings, fluency = (np.concatenate(parts)[back] for parts in zip(*encoded, strict=True))
        return meanings, fluency

    def _encode_together(self, ids: Sequence[list[int]]) -> tuple[Array, Array]:
        output = self._encoder.forward_batch(list(ids))
        states = np.array(output.last_hidden_state, dtype=np.float32)
        read = np.arange(states.shape[1]) < np.array([len(row) for row in ids])[:, None]
        sums = np.einsum("tpw,tp->tw", states, read.astype(np.float32))
        pooled = np.array(output.pooler_output, dtype=np.float32)
        scores: Array = 1 / (1 + np.exp(-(pooled @ self._weights + self._bias)))
        return sums / np.linalg.norm(sums, axis=1, keepdims=True), scores


@functools.cache
def judge() -> Judge:
    """The embedded judge, loaded once a process; raises LoadError."""
    return Judge()
