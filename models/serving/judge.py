"""The judge of rewrites: how much of a text a rewrite keeps, and how well it reads; a small encoder for web processes.

It is derived from all-MiniLM-L6-v2 (Wang et al. 2020) with a smaller vocabulary, keeps its cosines, and was distilled
to predict, word piece by word piece, the log-probabilities of a language model of 135 million parameters
(worker/base/judging). It takes part in choosing which rewrites to show. Versions are evaluated with its two teachers
themselves, which favours rewrites that were chosen with it; the classifier of toxicity that evaluates them was not
involved.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models.model_errors import LoadError
from models.reward.features import Verdict

JUDGE_FOLDER = Path(__file__).parent.with_name("base") / "judge"
HEAD_FILE = "head.safetensors"
MOST_TOKENS = 128
"""The judge truncates a text to this length; the pieces that are rewritten are shorter."""

FEATURES = 5
RARITY_WEIGHT = 0.5
LEAST_TOKENS = 0.5
"""Lower bound of token counts, so that a text without words does not divide by zero."""

# A batch is as wide as its longest text, and the memory that it takes is not returned.
_TOKENS_AT_ONCE = 6 * MOST_TOKENS

Array = npt.NDArray[np.float32]


class Judge:
    """An encoder as a CTranslate2 folder with its tokenizer.json, and the weights of its fluency head in HEAD_FILE."""

    def __init__(self, folder: Path = JUDGE_FOLDER) -> None:
        """Load the judge; raises LoadError. It may be used from several threads."""
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._encoder = ctranslate2.Encoder(
                str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
            )
            self._head = load_file(folder / HEAD_FILE)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(MOST_TOKENS)
            self._encode(["Good morning"])
        except Exception as error:  # the libraries raise bare exceptions for damaged files
            raise LoadError(f"{folder} cannot be read as the judge of rewrites: {error}") from error

    def __call__(self, source: str, rewrites: Sequence[str]) -> list[Verdict]:
        """Return a verdict on each of the rewrites of a text."""
        if not rewrites:
            return []
        meanings, fluency, covered = self._encode([source, *rewrites])
        cosines = np.einsum("tw,w->t", meanings[1:], meanings[0])
        return [
            Verdict(float(cosine), float(fluent), float(of[0]), float(of[1]), state)
            for cosine, fluent, of, state in zip(cosines, fluency[1:], covered[1:], meanings[1:], strict=True)
        ]

    def _encode(self, texts: Sequence[str]) -> tuple[Array, Array, Array]:
        """Return each text's normalised mean state, (texts, width), acceptability, (texts,), and `features`."""
        ids = [row.ids for row in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        encoded = [self._encode_together([ids[row] for row in rows]) for rows in _batches(order, ids)]
        back = np.argsort(order)
        meanings, fluency, found = (np.concatenate(parts)[back] for parts in zip(*encoded, strict=True))
        return meanings, fluency, found

    def _encode_together(self, ids: Sequence[list[int]]) -> tuple[Array, Array, Array]:
        output = self._encoder.forward_batch(list(ids))
        states = np.array(output.last_hidden_state, dtype=np.float32)
        lengths = np.array([len(row) for row in ids])
        read = np.arange(states.shape[1]) < lengths[:, None]
        sums = np.einsum("tpw,tp->tw", states, read.astype(np.float32))
        head = self._head
        # Products this small need no BLAS, which once reported an invalid number here for a cause that was not found.
        covered = np.einsum("tpw,cw->tpc", states, head["pieces.weight"]) + head["pieces.bias"]
        state = np.array(output.pooler_output, dtype=np.float32)
        pooled = np.einsum("tw,w->t", state, head["pooled.weight"][0]) + head["pooled.bias"]
        found = features(covered, lengths)
        score = np.einsum("tf,f->t", found, head["calibration"]) + pooled
        scores: Array = 1 / (1 + np.exp(-score))
        return sums / np.linalg.norm(sums, axis=1, keepdims=True), scores, found


def _batches(order: Sequence[int], ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Divide rows in the order of their lengths into batches of up to _TOKENS_AT_ONCE tokens, padding included."""
    batches: list[list[int]] = [[]]
    for row in order:
        if (len(batches[-1]) + 1) * len(ids[row]) > _TOKENS_AT_ONCE:
            batches.append([])
        batches[-1].append(row)
    return batches


def features(covered: Array, lengths: npt.NDArray[np.int_]) -> Array:
    """Compute the features of acceptability, (texts, FEATURES): as `worker.evaluation.scorers.fluency`, by word pieces.

    `covered` holds for each word piece, of the language model's tokens that it covers, the summed log-probability, the
    number and the summed rarity, (texts, places, 3). The first and the last place of a text are special tokens and do
    not count.
    """
    places = np.arange(covered.shape[1])
    body = (places > 0) & (places < lengths[:, None] - 1)
    covered = np.where(body[..., None], covered, 0)
    log_probability, number, rarity = np.moveaxis(covered.sum(1), -1, 0)
    number = np.maximum(number, LEAST_TOKENS)
    mean, rare = log_probability / number, rarity / number
    near = covered[:, :-2] + covered[:, 1:-1] + covered[:, 2:]
    whole = body[:, :-2] & body[:, 1:-1] & body[:, 2:]
    tokens = np.maximum(near[..., 1], LEAST_TOKENS)

    def worst(sums: Array, otherwise: Array) -> Array:
        least = np.where(whole, sums / tokens, np.inf).min(1, initial=np.inf)
        return np.where(whole.any(1), least, otherwise)

    corrected = near[..., 0] + RARITY_WEIGHT * near[..., 2]
    return np.stack(
        [mean, rare, worst(near[..., 0], mean), worst(corrected, mean + RARITY_WEIGHT * rare), np.log(number)], axis=-1
    )


@functools.cache
def judge() -> Judge:
    """Return the embedded judge, loaded once a process; raises LoadError."""
    return Judge()
