"""The phases of a run: which one it is in, and how long each took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from app.db import TrainingRun
from app.words import N_


class Phase(StrEnum):
    """The phases of a run, in their order; by these names the run page shows them."""

    PREPARING = N_("Preparing")
    TRAINING = N_("Training")
    CONVERTING = N_("Converting")
    EVALUATING = N_("Evaluating")
    PUBLISHING = N_("Publishing")


_BEGINS: Mapping[str, Phase] = MappingProxyType({phase.value.lower(): phase for phase in Phase})
"""The stages with which a phase begins; any other stage belongs to the phase that it comes in."""


def starts(run: TrainingRun) -> list[tuple[Phase, datetime]]:
    """Return each phase of the present attempt with the moment at which it began, in order."""
    if run.started_at is None:
        return []
    found = [(Phase.PREPARING, run.started_at)]
    for stage, moment in run.stage_starts or ():
        phase = _BEGINS.get(stage)
        if phase is not None and phase not in dict(found):
            found.append((phase, datetime.fromisoformat(moment)))
    return found


def seconds(run: TrainingRun) -> dict[Phase, float]:
    """Return how many seconds each phase of an ended run took; nothing for a run whose times are not recorded."""
    begun = starts(run)
    if run.finished_at is None or len(begun) < len(Phase):
        return {}
    ends = [*(moment for _, moment in begun[1:]), run.finished_at]
    return {phase: (end - start).total_seconds() for (phase, start), end in zip(begun, ends, strict=True)}
