"""Comparison of runs: their requests, the settings in which they differ, and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, Version, task_of
from app.domain_errors import Invalid
from app.services.training import setting_labels
from app.services.training.previews import in_words
from app.services.training.selection import Selection
from app.words import N_, gettext, number

MOST_RUNS = 6
"""The most runs of a comparison: as many lines as can be told apart in one chart."""


class Row(NamedTuple):
    """One row of the table: a value for each run; `differs` is True unless all are the same."""

    label: str
    values: list[str]
    differs: bool


def rows(session: Session, chosen: Sequence[TrainingRun]) -> list[Row]:
    """Return the rows of the table: requests, results, and of the settings those that are not the same in all runs."""
    if not chosen:
        return []
    numbers = [run.produced_version for run in chosen if run.produced_version]
    known = {
        version.number: version.metrics
        for version in session.scalars(select(Version).where(Version.number.in_(numbers)))
    }
    metrics = [known.get(run.produced_version or 0, {}) for run in chosen]
    found = [_row(gettext(label), [value(run) for run in chosen]) for label, value in _ASKED.items()]
    found += [row for row in _settings(chosen, task_of(session)) if row.differs]
    return found + [
        _row(gettext(label), [said(figures.get(name)) for figures in metrics])
        for name, (label, said) in _RESULTS.items()
    ]


def _settings(chosen: Sequence[TrainingRun], task: str) -> list[Row]:
    effective = [
        {gettext(setting_labels.label(name)): value for name, value in _effective(run, task).items()} for run in chosen
    ]
    names = list(dict.fromkeys(name for settings in effective for name in settings))
    return [_row(name, [_formatted(settings.get(name)) for settings in effective]) for name in names]


def _effective(run: TrainingRun, task: str) -> Mapping[str, Any]:
    if run.method not in setting_labels.METHODS:
        return run.config
    try:
        return setting_labels.effective(run.method, run.config, task)
    except Invalid:  # a setting of an older release
        return run.config


def _row(label: str, values: list[str]) -> Row:
    return Row(label, values, len(set(values)) > 1)


def _formatted(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(_formatted, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _percent(value: object) -> str:
    return f"{number(100 * value, 1)} %" if isinstance(value, int | float) else "–"


def _change(value: object) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{'−' if value < 0 else '+'}{number(abs(100 * value), 2)} %"


def _duration(run: TrainingRun) -> str:
    if run.started_at is None or run.finished_at is None:
        return "–"
    return in_words((run.finished_at - run.started_at).total_seconds())


def _clicks(run: TrainingRun) -> str:
    if not run.selection:
        return gettext("all")
    return gettext("those %(selection)s", selection=Selection.parse(run.selection).describe())


_STATUSES: Mapping[RunStatus, str] = {
    RunStatus.QUEUED: N_("queued"),
    RunStatus.RUNNING: N_("running"),
    RunStatus.SUCCEEDED: N_("succeeded"),
    RunStatus.FAILED: N_("failed"),
    RunStatus.CANCELLED: N_("cancelled"),
}

_ASKED: Mapping[str, Callable[[TrainingRun], str]] = {
    N_("Method"): lambda run: run.method.upper(),
    N_("Pairs"): lambda run: number(run.pairs),
    N_("Clicks"): _clicks,
    N_("From version"): lambda run: str(run.parent_version or "–"),
    N_("Status"): lambda run: gettext(_STATUSES[RunStatus(run.status)]),
    N_("Duration"): _duration,
    N_("Version"): lambda run: str(run.produced_version or "–"),
}

_RESULTS: Mapping[str, tuple[str, Callable[[object], str]]] = {
    "preference_accuracy": (N_("Agrees with its clicks"), _percent),
    "parent_preference_accuracy": (N_("Its parent agrees with them"), _percent),
    "heldout_relative_change": (N_("Held-out quality"), _change),
}
