"""Acceptability of a text as English, from 0 to 1.

A language model's probability of a text depends on its length and its rare words as much as on its grammar. Measures of
acceptability correct for that (Lau, Clark & Lappin 2017, section 4). Here it is a logistic function of the mean token
log-probability (their MeanLP), the worst window of three tokens, the rarity of the tokens and the length, fitted to
separate sentences by people from the same sentences with a word dropped, doubled or swapped with its neighbour.
`benchmarks/experiments/fluency_calibration.py` fits its constants and reports how well that separates the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.evaluation.scorers.classifier import LabelProbability
from worker.evaluation.scorers.language_model import NAME, LanguageModel, release, smol_lm2

CALIBRATION_FILE = Path(__file__).with_name("fluency.json")
FEATURES = ("mean", "rarity", "worst", "worst_for_rarity", "log_length")

_WINDOW = 3
_RARITY_WEIGHT = 0.5
_ACCEPTABLE_LABELS = ("acceptable", "correct", "grammatical")
# Its labels have no names, and the first one means acceptable.
_KNOWN_LABELS = {"cointegrated/roberta-large-cola-krishna2020": "0"}

_BEFORE_MARK = re.compile(r" +(?=[.,!?;:%)\]])")
_BEFORE_CLITIC = re.compile(r" +(?=n't\b|'(?:s|m|re|ve|ll|d)\b)", re.IGNORECASE)
_AFTER_BRACKET = re.compile(r"(?<=[(\[]) +")
_LONE_I = re.compile(r"\bi\b")

Array = npt.NDArray[np.float64]


class Acceptability:
    """The probability, by SmolLM2-135M, that a text is an intact sentence and not a damaged one."""

    def __init__(self, cache: Path) -> None:
        """Load the language model, kept below `cache`; raises ScorerUnavailable."""
        self.language_model: LanguageModel = smol_lm2(cache)
        calibration: dict[str, Any] = json.loads(CALIBRATION_FILE.read_text(encoding="utf-8"))
        self._weights = np.array([calibration["weights"][name] for name in FEATURES])
        self._intercept = float(calibration["intercept"])
        self.name = f"acceptability by {NAME}"
        self.version = f"{release()} in float32, calibration {calibration['number']}"

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return one probability for each text; 0 for a text without a word."""
        written = [text for text in dict.fromkeys(texts) if any(map(str.isalnum, text))]
        found = dict.fromkeys(texts, 0.0)
        if written:
            scored = self.language_model.token_log_probs([as_prose(text) for text in written])
            found.update(zip(written, self.of_tokens(scored), strict=True))
        return [found[text] for text in texts]

    def of_tokens(self, scored: Sequence[tuple[list[int], list[float]]]) -> list[float]:
        """Return the probabilities of texts from their token ids and log-probabilities; each must have a word."""
        logits = _all_features(scored) @ self._weights + self._intercept
        probabilities: list[float] = (1 / (1 + np.exp(-logits))).tolist()
        return probabilities


def features(model: LanguageModel, texts: Sequence[str]) -> Array:
    """Return the calibration's features, (texts, FEATURES): log-probabilities in nats, log rarities and log length."""
    return _all_features(model.token_log_probs([as_prose(text) for text in texts]))


def as_prose(text: str) -> str:
    """Return the text without the marks of tokenized lower-case corpora, which say nothing about grammar.

    It has single spaces, none before a full stop or a clitic, a capital at the beginning and for the word I.
    """
    text = _AFTER_BRACKET.sub("", _BEFORE_CLITIC.sub("", _BEFORE_MARK.sub("", " ".join(text.split()))))
    text = _LONE_I.sub("I", text)
    return text[:1].upper() + text[1:]


def _all_features(scored: Sequence[tuple[list[int], list[float]]]) -> Array:
    return np.array([_features(*one) for one in scored])


def _features(ids: Sequence[int], log_probs: Sequence[float]) -> list[float]:
    body = np.array(log_probs[:-1])  # the end of the document depends more on the topic than on the sentence
    rarity = rarities(ids)
    corrected = body + _RARITY_WEIGHT * rarity
    return [body.mean(), rarity.mean(), _worst(body), _worst(corrected), float(np.log(len(body)))]


def rarities(ids: Sequence[int]) -> Array:
    """Return the rarity of each token, as a logarithm.

    The numbers of a byte-pair vocabulary are in order of merging, which is nearly that of frequency: by Zipf's law
    minus their logarithm stands in for the unigram log-probability of SLOR (Lau, Clark & Lappin 2017).
    """
    found: Array = np.log(np.array(ids) + 10.0)
    return found


def _worst(values: Array) -> float:
    """Return the lowest mean of `_WINDOW` neighbours; a shorter text is padded with its own mean."""
    filled = np.concatenate([values, np.full(max(0, _WINDOW - len(values)), values.mean())])
    return float(np.convolve(filled, np.full(_WINDOW, 1 / _WINDOW), "valid").min())


class AcceptabilityClassifier(LabelProbability):
    """A classifier such as cointegrated/roberta-large-cola-krishna2020, trained on CoLA (Warstadt et al. 2019)."""

    def __init__(self, source: str, label: str | None = None) -> None:
        """Load the classifier; `label`, a name or a number, is its label for acceptable texts, if not evident."""
        known = label or _KNOWN_LABELS.get(source)
        super().__init__(source, [known.casefold()] if known else _ACCEPTABLE_LABELS)
