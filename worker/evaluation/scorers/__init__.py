"""Scorers of texts: toxicity, similarity to the source, and fluency.

A scorer is a callable with a `name` and a `version`. Figures of different scorers are not comparable, so every report
carries `Scorers.identity`, and `worker.evaluation.comparison` refuses to mix them.

    toxicity.py         alt-profanity-check, or any toxicity classifier
    similarity.py       the cosine of MiniLM sentence embeddings, or of any encoder's
    fluency.py          acceptability by a small language model, or by any acceptability classifier
    language_model.py   that small language model: prepared once, then kept in a cache
    gguf.py             reads the file it comes in
    classifier.py       text classifiers by folder or hub name
    loading.py          the scorers of an evaluation, by its options
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class TextScorer(Protocol):
    """A scorer that gives each text a number from 0 to 1."""

    @property
    def name(self) -> str:
        """Return the name for reports."""

    @property
    def version(self) -> str:
        """Return the release, or the hash of the weights and the label whose probability counts."""

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Score each text, in their order."""


class PairScorer(Protocol):
    """A scorer that gives each pair of a source and its rewrite a number from −1 to 1."""

    @property
    def name(self) -> str:
        """Return the name for reports."""

    @property
    def version(self) -> str:
        """Return the release, or the hash of the weights."""

    def __call__(self, sources: Sequence[str], rewrites: Sequence[str]) -> list[float]:
        """Score each pair, in their order."""


@dataclass(frozen=True)
class Scorers:
    """The three scorers: probability of toxicity, similarity, and probability of acceptable English."""

    toxicity: TextScorer
    similarity: PairScorer
    fluency: TextScorer

    @property
    def identity(self) -> dict[str, dict[str, str]]:
        """Return name and version of each scorer by its role, for a report."""
        return {
            "toxicity": {"name": self.toxicity.name, "version": self.toxicity.version},
            "similarity": {"name": self.similarity.name, "version": self.similarity.version},
            "fluency": {"name": self.fluency.name, "version": self.fluency.version},
        }
