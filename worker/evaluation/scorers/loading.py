"""The scorers of an evaluation; the embedded ones unless its options name others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.evaluation.scorers import Scorers
from worker.evaluation.scorers.fluency import Acceptability, AcceptabilityClassifier
from worker.evaluation.scorers.similarity import EmbeddingSimilarity, mini_lm
from worker.evaluation.scorers.toxicity import ProfanityCheck, ToxicityClassifier


@dataclass(frozen=True)
class Choice:
    """Folders or hub names of models, and the labels that count; an empty name means the embedded model."""

    toxicity_model: str = ""
    toxicity_label: str = ""
    similarity_model: str = ""
    fluency_model: str = ""
    fluency_label: str = ""


def load_scorers(cache: Path, choice: Choice | None = None) -> Scorers:
    """Load the scorers; what is prepared once is kept below `cache`. Raises ScorerUnavailable or OSError."""
    wanted = choice or Choice()
    return Scorers(
        toxicity=ToxicityClassifier(wanted.toxicity_model, wanted.toxicity_label or None)
        if wanted.toxicity_model
        else ProfanityCheck(),
        similarity=EmbeddingSimilarity(wanted.similarity_model) if wanted.similarity_model else mini_lm(),
        fluency=AcceptabilityClassifier(wanted.fluency_model, wanted.fluency_label or None)
        if wanted.fluency_model
        else Acceptability(cache),
    )
