"""Figures of systems from their outputs; each distinct text is scored once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from models.serving.generator import CANDIDATES, wording
from models.store.evaluation_figures import FIGURES
from worker.evaluation.scorers import Scorers
from worker.evaluation.systems import Outputs
from worker.evaluation.testset import TestSet
from worker.measures.intervals import Estimate, estimate
from worker.measures.references import bleu_rows, chrf_rows, rouge_l, sentence_chrf
from worker.measures.sari import sari
from worker.measures.statistic import Statistic, mean_of

TOXIC = 0.5
"""A text counts as toxic from this probability."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measurement:
    """The statistics of one system on a test set, by the names of `models.store.evaluation_figures.FIGURES`.

    `rewrites` are its outputs, one for each text.
    """

    system: str
    statistics: Mapping[str, Statistic]
    rewrites: tuple[str, ...]

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Return every figure with its confidence interval."""
        return {
            name: estimate(statistic, FIGURES[name].bounds).within(FIGURES[name].limits)
            for name, statistic in self.statistics.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the measurement for `from_dict`, with all that later comparisons need."""
        rows = {
            name: {"kind": statistic.kind, "rows": statistic.rows.tolist()}
            for name, statistic in self.statistics.items()
        }
        return {"system": self.system, "statistics": rows, "rewrites": list(self.rewrites)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Measurement:
        """Read a measurement from `as_dict`; raises KeyError, TypeError or ValueError if it is invalid."""
        return cls(
            str(kept["system"]),
            {
                name: Statistic(str(row["kind"]), np.asarray(row["rows"], dtype=np.float64))
                for name, row in kept["statistics"].items()
            },
            tuple(map(str, kept["rewrites"])),
        )


@dataclass(frozen=True)
class _Scores:
    """The scores of every distinct text and pair."""

    neutral: Mapping[str, float]
    similar: Mapping[tuple[str, str], float]
    fluent: Mapping[str, float]

    def j(self, source: str, rewrite: str) -> float:
        """Return J of a rewrite: neutral (0 or 1) times similarity; a similarity below 0 counts as 0."""
        return self.neutral[rewrite] * max(0.0, self.similar[source, rewrite])


def measure(
    outputs: Sequence[Outputs], tests: TestSet, scorers: Scorers, say: Say = lambda line: None
) -> list[Measurement]:
    """Score the outputs of each system for the texts of `tests`, in their order; `say` receives progress lines."""
    sources = [item.source for item in tests.items]
    scores = _score(outputs, sources, scorers, say)
    return [Measurement(system.name, _statistics(system, sources, scores), system.best) for system in outputs]


def _score(outputs: Sequence[Outputs], sources: Sequence[str], scorers: Scorers, say: Say) -> _Scores:
    pairs = list(dict.fromkeys(pair for system in outputs for pair in _pairs(system, sources)))
    texts = list(dict.fromkeys(rewrite for _, rewrite in pairs))
    best = list(dict.fromkeys(text for system in outputs for text in system.best))
    say(f"toxicity of {len(texts)} texts")
    neutral = [float(value < TOXIC) for value in scorers.toxicity(texts)]
    say(f"similarity of {len(pairs)} pairs")
    similar = scorers.similarity([source for source, _ in pairs], [rewrite for _, rewrite in pairs])
    say(f"fluency of {len(best)} texts")
    fluent = scorers.fluency(best)
    return _Scores(
        dict(zip(texts, neutral, strict=True)),
        dict(zip(pairs, similar, strict=True)),
        dict(zip(best, fluent, strict=True)),
    )


def _pairs(system: Outputs, sources: Sequence[str]) -> Iterable[tuple[str, str]]:
    for row, source in enumerate(sources):
        shown = system.shown[row] if system.shown else None
        for rewrite in (system.best[row], *(shown or ())):
            yield source, rewrite


def _statistics(system: Outputs, sources: Sequence[str], scores: _Scores) -> dict[str, Statistic]:
    pairs = list(zip(sources, system.best, strict=True))
    j = np.array([scores.j(source, rewrite) for source, rewrite in pairs])
    fluent = np.array([scores.fluent[rewrite] for rewrite in system.best])
    found = {
        "j": mean_of(j),
        "j_fl": mean_of(j * fluent),
        "sta": mean_of([scores.neutral[rewrite] for rewrite in system.best]),
        "sim": mean_of([scores.similar[pair] for pair in pairs]),
        "fl": mean_of(fluent),
        "copies": mean_of([float(wording(source) == wording(rewrite)) for source, rewrite in pairs]),
    }
    if any(system.references):
        found |= _against_references(system, sources)
    if system.shown is not None:
        found |= _of_shown(system.shown, sources, scores)
    return found


def _against_references(system: Outputs, sources: Sequence[str]) -> dict[str, Statistic]:
    present = [float(bool(references)) for references in system.references]
    rows = list(zip(sources, system.best, system.references, strict=True))
    nearest = [rouge_l(text, wanted) for _, text, wanted in rows]
    edited = [sari(source, text, wanted) if wanted else 0.0 for source, text, wanted in rows]
    return {
        "bleu": Statistic("bleu", bleu_rows(system.best, system.references)),
        "chrf": Statistic("chrf", chrf_rows(system.best, system.references)),
        "rouge_l": mean_of(nearest, present),
        "sari": mean_of(edited, present),
    }


def _of_shown(shown: Sequence[Sequence[str] | None], sources: Sequence[str], scores: _Scores) -> dict[str, Statistic]:
    """Return the figures of the three candidates, over the texts for which they were sampled.

    A missing candidate has J 0, since nobody can choose it. Positions are shuffled, so none has a J of its own.
    """
    drawn = [row or () for row in shown]
    present = [float(row is not None) for row in shown]
    j = np.zeros((len(drawn), CANDIDATES))
    for row, (source, candidates) in enumerate(zip(sources, drawn, strict=True)):
        j[row, : len(candidates)] = [scores.j(source, candidate) for candidate in candidates]
    values: dict[str, npt.ArrayLike] = {
        "distinct": [float(len(set(map(wording, row))) == CANDIDATES) for row in drawn],
        "diversity": [_diversity(row) for row in drawn],
        "j_oracle": j.max(axis=1),
        "j_single": j.mean(axis=1),
        "j_worst": j.min(axis=1),
    }
    return {name: mean_of(marks_, present) for name, marks_ in values.items()}


def _diversity(candidates: Sequence[str]) -> float:
    """Return one minus the mean chrF (0 to 1) over pairs of candidates; 0 for a single candidate."""
    both = [
        (sentence_chrf(left, right) + sentence_chrf(right, left)) / 200 for left, right in combinations(candidates, 2)
    ]
    return 1 - sum(both) / len(both) if both else 0.0
