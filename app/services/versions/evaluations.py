"""A version's evaluation prepared for display: figures with intervals, and differences in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import ANSWERING, Version, task_of
from app.words import N_, gettext, number
from models.store.evaluation_figures import CLICK_FIGURES, FIGURES, PARENT, VERSION, Figure, verdict

LABELS: Mapping[str, str] = {
    "copy of the text": N_("Copy of the text"),
    "profane words deleted": N_("Profane words deleted"),
    "people": N_("People"),
    "toxicity": N_("Toxicity"),
    "similarity": N_("Similarity"),
    "fluency": N_("Fluency"),
}
"""Labels of the baselines and of the roles of scorers, as reports name them."""


@dataclass(frozen=True)
class Number:
    """A figure of one system as it is shown; `interval` is empty if there is none."""

    value: str
    interval: str


@dataclass(frozen=True)
class Comparison:
    """A figure of a version and of its parent; `shows` is one of better, worse, more, fewer, or a sentence."""

    figure: Figure
    ours: Number
    theirs: Number
    difference: Number
    shows: str


@dataclass(frozen=True)
class Evaluation:
    """A version's evaluation as its page shows it; if the report is empty, `problem` says why."""

    report: Mapping[str, Any]
    problem: str = ""

    @property
    def measured_with(self) -> int | None:
        """Return the version whose training measured this one, if that was not its own."""
        return self.report.get("measured_with")

    @property
    def of_texts(self) -> bool:
        """Return whether it was measured on texts, as versions that rewrite are and those that answer are not."""
        return "test_set" in self.report

    @property
    def figures(self) -> list[tuple[Figure, Number | None, list[Number | None]]]:
        """Return a row per figure: that of the version, and those of the baselines."""
        systems = self.report.get("systems", {})
        ours = systems.get(VERSION, {})
        return [
            (
                figure,
                _number(ours.get(name), figure),
                [_number(systems[who].get(name), figure) for who in self.baselines],
            )
            for name, figure in FIGURES.items()
            if name in ours
        ]

    @property
    def baselines(self) -> list[str]:
        """Return the names of the baselines in the report."""
        return [name for name in self.report.get("systems", {}) if name not in (VERSION, PARENT)]

    @property
    def comparisons(self) -> list[Comparison]:
        """Return the version against its parent, a row per figure; empty if they cannot be compared."""
        systems = self.report.get("systems", {})
        compared = (self.report.get("comparisons") or [{}])[0].get("figures", {})
        return list(_comparisons(FIGURES, systems.get(VERSION, {}), systems.get(PARENT, {}), compared))

    @property
    def clicks(self) -> list[Comparison]:
        """Return the same comparison on judgments that were held out of training."""
        clicks = self.report.get("clicks", {})
        return list(
            _comparisons(CLICK_FIGURES, clicks.get(VERSION, {}), clicks.get(PARENT, {}), clicks.get("comparison", {}))
        )

    @property
    def margin(self) -> Number | None:
        """Return the reward margin on held-out judgments, in nats."""
        name = "reward_margin"
        return _number(self.report.get("clicks", {}).get(VERSION, {}).get(name), CLICK_FIGURES[name])


def of(session: Session, version: Version) -> Evaluation:
    """Return the evaluation of a version, measured by its own training or else by that of a child."""
    report = version.metrics.get("evaluation")
    if report and "problem" in report:
        return Evaluation({}, report["problem"])
    if report:
        return Evaluation(report)
    if task_of(session) == ANSWERING:
        return Evaluation({}, gettext("Nothing is measured of a chat model that was not trained on clicks here."))
    children = session.scalars(
        select(Version).where(Version.parent_number == version.number).order_by(Version.number.desc())
    )
    for child in children:
        found = child.metrics.get("evaluation") or {}
        if PARENT in found.get("systems", {}):
            return Evaluation(_as_parents_report(found, child.number))
    return Evaluation(
        {},
        gettext("This version is not measured yet. The first training that starts from it measures it along the way."),
    )


def as_json(session: Session, version: Version) -> dict[str, Any] | None:
    """Return the report as the API shows it, or its problem; None if nothing has measured the version yet."""
    found: dict[str, Any] | None = version.metrics.get("evaluation")
    return found or dict(of(session, version).report) or None


@dataclass(frozen=True)
class SideBySide:
    """Versions that were measured by the same scorers on the same texts, so that their figures can be compared.

    `rows` holds each figure with a number per version, None if it was not measured.
    """

    versions: tuple[int, ...]
    rows: tuple[tuple[Figure, tuple[Number | None, ...]], ...]
    texts: int
    test_set: str
    scorers: str


@dataclass(frozen=True)
class Tables:
    """A table for every group of versions that can be compared, and the versions that nothing has measured."""

    groups: tuple[SideBySide, ...]
    unmeasured: tuple[int, ...]


def side_by_side(session: Session, versions: Sequence[Version]) -> Tables:
    """Group versions by scorers and texts and return the figures of each group with their intervals."""
    groups: dict[str, list[tuple[int, Evaluation]]] = {}
    unmeasured = []
    for version in versions:
        evaluation = of(session, version)
        if not evaluation.of_texts:
            unmeasured.append(version.number)
        else:
            groups.setdefault(_measured_by(evaluation.report), []).append((version.number, evaluation))
    return Tables(tuple(_group(members) for members in groups.values()), tuple(unmeasured))


def _measured_by(report: Mapping[str, Any]) -> str:
    """Return a key of scorers and texts that two reports must share for their figures to be compared."""
    test_set = report.get("test_set", {})
    kept = {name: report.get(name) for name in ("format", "scorers", "signatures", "sampling")}
    return json.dumps([kept, test_set.get("sha256"), test_set.get("texts")], sort_keys=True)


def _group(members: Sequence[tuple[int, Evaluation]]) -> SideBySide:
    first = members[0][1].report
    ours = [evaluation.report["systems"].get(VERSION, {}) for _, evaluation in members]
    rows = tuple(
        (figure, tuple(_number(found.get(name), figure) for found in ours))
        for name, figure in FIGURES.items()
        if any(name in found for found in ours)
    )
    scorers = ", ".join(f"{scorer['name']} {scorer['version']}" for _, scorer in sorted(first["scorers"].items()))
    return SideBySide(
        tuple(number for number, _ in members), rows, first["test_set"]["texts"], first["test_set"]["name"], scorers
    )


def _as_parents_report(report: Mapping[str, Any], child: int) -> dict[str, Any]:
    """Turn a child's report into its parent's: the parent's figures and the baselines, nothing of the child."""
    systems = {name: figures for name, figures in report["systems"].items() if name != VERSION}
    systems = {VERSION: systems.pop(PARENT), **systems}
    kept = {name: value for name, value in report.items() if name not in ("comparisons", "clicks")}
    return {**kept, "systems": systems, "measured_with": child}


def _comparisons(
    figures: Mapping[str, Figure],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    compared: Mapping[str, Any],
) -> Iterator[Comparison]:
    for name, figure in figures.items():
        left, right = _number(ours.get(name), figure), _number(theirs.get(name), figure)
        difference = _number(compared.get(name), figure, signed=True)
        if left and right and difference:
            yield Comparison(figure, left, right, difference, verdict(name, compared[name]))


def _number(found: Mapping[str, float] | None, figure: Figure, signed: bool = False) -> Number | None:
    if found is None:
        return None
    value, low, high = (_formatted(found[part], figure.digits, signed) for part in ("value", "low", "high"))
    return Number(value, gettext("%(low)s to %(high)s", low=low, high=high))


def _formatted(value: float, digits: int, signed: bool) -> str:
    rounded = round(value, digits)
    sign = "−" if rounded < 0 else "+" if signed and rounded else ""
    return sign + number(abs(rounded), digits)
