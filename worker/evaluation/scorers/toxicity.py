"""Toxicity scorers: the probability that a text is toxic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from worker.evaluation.evaluation_errors import ScorerUnavailable
from worker.evaluation.scorers.classifier import LabelProbability

_PACKAGE = "alt-profanity-check"
_TOXIC_LABELS = ("toxic", "toxicity", "offensive", "hate")


class ProfanityCheck:
    """The linear classifier of the package alt-profanity-check, which loads its own model."""

    name = _PACKAGE

    def __init__(self) -> None:
        """Load the classifier; raises ScorerUnavailable if the package is not installed."""
        try:
            from profanity_check import predict_prob

            self.version = version(_PACKAGE)
        except ImportError as error:
            raise ScorerUnavailable(
                f"{_PACKAGE} is not installed: pip install --no-deps -r requirements-scorers.txt."
            ) from error
        self._predict: Callable[[list[str]], Any] = predict_prob

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return the probability that each text is toxic."""
        return [float(value) for value in self._predict(list(texts))] if texts else []


class ToxicityClassifier(LabelProbability):
    """A classifier such as s-nlp/roberta_toxicity_classifier, the one of the ParaDetox paper."""

    def __init__(self, source: str, label: str | None = None) -> None:
        """Load the classifier; `label`, a name or a number, is its toxic label if not called toxic.

        Raises ScorerUnavailable.
        """
        super().__init__(source, [label.casefold()] if label else _TOXIC_LABELS)
