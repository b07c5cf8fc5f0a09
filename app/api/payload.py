"""Rows as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.db import Generation, TrainingRun, Version
from app.schemas.kinds import LARGEST_ID
from app.services.desk import guidelines
from app.services.training.course.progress import Expected, progress
from app.services.versions.live_comparison_report import Report
from models.settings.options import current_names
from models.texts import language


def row_id(value: str | None) -> int | None:
    """A number that a row can have, from a form or an address's query; anything else is none."""
    if not (value and value.isascii() and value.isdigit() and len(value) <= len(str(LARGEST_ID))):
        return None
    return int(value) if int(value) <= LARGEST_ID else None


def generation_json(generation: Generation, exhausted: bool, *, answers: bool = False) -> dict[str, Any]:
    """One screen, in the order shown; `exhausted` says that the model ran out of different cards.

    If they are `answers`, their Markdown is rendered, and nobody is told of the language of the text.
    """
    candidates = sorted(generation.candidates, key=lambda candidate: candidate.position)
    return {
        "id": generation.id,
        "text": generation.prompt.text,
        "looks_like": None if answers else language.foreign(generation.prompt.text),
        "version": _version_shown(generation),
        "candidates": [
            {"id": one.id, "text": one.text, "html": guidelines.to_html(one.text) if answers else None}
            for one in candidates
        ],
        "exhausted": exhausted,
        "turns": generation.prompt.turns or [],
        "system": generation.sampling.get("system", ""),
        "metadata": generation.prompt.metadata_,
    }


def _version_shown(generation: Generation) -> int | None:
    """The version that wrote the screen; that none wrote it, as an attention check, or two did, does not show."""
    if generation.candidates and (shown := generation.sampling.get("version")) is not None:
        return int(shown)
    return generation.candidates[0].version_number if generation.candidates else None


def run_json(run: TrainingRun, position: int | None, ahead: Expected) -> dict[str, Any]:
    """One training run as the API and the live page show it; times are ISO 8601, durations seconds.

    `position` is how many runs come before it, or None if it has ended; `ahead` is how long it is expected to take.
    """
    course = progress(run, ahead)
    return {
        "id": run.id,
        "status": run.status,
        "stage": run.stage,
        "method": run.method,
        "config": current_names(run.config),
        "selection": run.selection,
        "position": position,
        "pairs": run.pairs,
        "step": run.step,
        "total_steps": run.total_steps,
        "phase": course.phase,
        "progress": round(course.share, 2),
        "eta_seconds": course.seconds_left,
        "checkpoints": run.checkpoints or [],
        "attempts": run.attempts,
        "parent_version": run.parent_version,
        "produced_version": run.produced_version,
        "cancelling": run.active and run.cancel_requested_at is not None,
        "error": run.error,
        "note": run.note,
        "occasion": run.occasion,
        "created_at": _iso(run.created_at),
        "started_at": _iso(run.started_at),
        "finished_at": _iso(run.finished_at),
    }


def version_json(
    version: Version, serving: int | None, evaluation: Mapping[str, Any] | None, deleted_judgments: int
) -> dict[str, Any]:
    """One version, with the report of its evaluation, as the API shows it."""
    return {
        "number": version.number,
        "parent": version.parent_number,
        "run_id": version.run_id,
        "method": version.method,
        "metrics": {name: value for name, value in version.metrics.items() if name != "evaluation"},
        "evaluation": evaluation,
        "sha256": version.sha256,
        "deleted_judgments": deleted_judgments,
        "serving": version.number == serving,
        "note": version.note,
        "created_at": _iso(version.created_at),
        "deleted_at": _iso(version.deleted_at),
    }


def comparison_json(found: Report) -> dict[str, Any]:
    """One live comparison as the API shows it."""
    comparison, old, new = found.comparison, found.old, found.new
    return {
        "id": comparison.id,
        "old": comparison.old_number,
        "new": comparison.new_number,
        "serving": comparison.serving_number,
        "state": comparison.state,
        "outcome": comparison.outcome,
        "reason": comparison.reason,
        "clicks": found.clicks,
        "most_clicks": comparison.most_clicks,
        "clicks_left": found.left,
        "wins": {"old": old.wins, "new": new.wins},
        "expected": {"old": round(old.expected, 1), "new": round(new.expected, 1)},
        "evidence": {"old": round(old.now, 3), "new": round(new.now, 3)},
        "people": len(found.judges),
        "started_at": _iso(comparison.started_at),
        "ended_at": _iso(comparison.ended_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
