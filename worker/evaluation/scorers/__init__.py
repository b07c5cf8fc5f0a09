"""What gives a text its marks: how likely it is toxic, how much of the source's meaning it keeps, how fluent it is.

A scorer is a callable with a `name` and a `version`. Figures that come of different scorers say nothing about each
other, so every report carries `Scorers.identity`, and `worker.evaluation.comparison` refuses to mix them.

    toxicity.py         alt-profanity-check, or any toxicity classifier
    similarity.py       the cosine of MiniLM sentence embeddings, or of any encoder's
    fluency.py          acceptability by a small language model, or by any acceptability classifier
    language_model.py   that small language model: prepared once, then kept in a cache
    gguf.py             reads the file it comes in
    classifier.py       text classifiers by folder or hub name
    loading.py          the scorers that a person asked for
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class TextScorer(Protocol):
    """A mark from 0 to 1 for each text."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    @property
    def version(self) -> str:
        """What it changes with: a release, or the hash of its weights."""

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """One mark a text, in their order."""


class PairScorer(Protocol):
    """A mark from −1 to 1 for each pair of a source and its rewrite."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    @property
    def version(self) -> str:
        """What it changes with: a release, or the hash of its weights."""

    def __call__(self, sources: Sequence[str], rewrites: Sequence[str]) -> list[float]:
        """One mark a pair, in their order."""


@dataclass(frozen=True)
class Scorers:
    """`toxicity` gives the probability that a text is toxic, `fluency` that it is acceptable English."""

    toxicity: TextScorer
    similarity: PairScorer
    fluency: TextScorer

    @property
    def identity(self) -> dict[str, dict[str, str]]:
        """What the figures come of, for a report: role → name and version."""
        return {
            "toxicity": {"name": self.toxicity.name, "version": self.toxicity.version},
            "similarity": {"name": self.similarity.name, "version": self.similarity.version},
            "fluency": {"name": self.fluency.name, "version": self.fluency.version},
        }
