"""The scorers that a person asked for; the embedded ones unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.evaluation.scorers import Scorers
from worker.evaluation.scorers.fluency import Acceptability, AcceptabilityClassifier
from worker.evaluation.scorers.similarity import EmbeddingSimilarity, mini_lm
from worker.evaluation.scorers.toxicity import ProfanityCheck, ToxicityClassifier


@dataclass(frozen=True)
class Choice:
    """Folders or hub names of models, and which of their labels counts; empty means the embedded one."""

    toxicity_model: str = ""
    toxicity_label: str = ""
    similarity_model: str = ""
    fluency_model: str = ""
    fluency_label: str = ""


def load_scorers(cache: Path, choice: Choice | None = None) -> Scorers:
    """Load them; what must be prepared once is kept below `cache`. Raises ScorerUnavailable or OSError."""
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
