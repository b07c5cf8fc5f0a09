"""The report of an evaluation: a dictionary for JSON and manifests, and a table for terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.serving.generator import Sampling
from models.serving.sampling_code import sampling_identity
from models.store.evaluation_figures import FIGURES, verdict
from worker.evaluation.comparison import compare
from worker.evaluation.measure import Measurement
from worker.evaluation.measuring_code import measuring_identity
from worker.evaluation.scorers import Scorers
from worker.evaluation.systems import SEED
from worker.evaluation.testset import TestSet
from worker.measures import bootstrap, intervals
from worker.measures.references import signatures

FORMAT = 1
_NOTHING = "–"


def build(measurements: Sequence[Measurement], tests: TestSet, scorers: Scorers, sampling: Sampling) -> dict[str, Any]:
    """Build the report: test set, scorers and sampling, and every figure with its interval."""
    return {
        **origin(tests, scorers, sampling),
        "signatures": signatures(),
        "intervals": intervals.METHOD,
        "bootstrap": {"resamples": bootstrap.RESAMPLES, "seed": bootstrap.SEED, "level": bootstrap.LEVEL},
        "systems": {measurement.system: figures(measurement) for measurement in measurements},
    }


def origin(tests: TestSet, scorers: Scorers, sampling: Sampling) -> dict[str, Any]:
    """Return what must be equal for two reports to be comparable."""
    return {
        "format": FORMAT,
        "test_set": tests.identity,
        "scorers": scorers.identity,
        "sampling": {**asdict(sampling), "seed": SEED, "code": sampling_identity()},
        "measuring": measuring_identity(),
    }


def figures(measurement: Measurement) -> dict[str, dict[str, float]]:
    """Return each figure's value, low, high and number of texts."""
    return {name: found.as_dict() for name, found in measurement.estimates.items()}


def compared(ours: Measurement, theirs: Measurement) -> dict[str, Any]:
    """Return the paired differences of two measurements of one report."""
    return {
        "of": ours.system,
        "with": theirs.system,
        "figures": {name: found.as_dict() for name, found in compare(ours, theirs).items()},
    }


def table(report: Mapping[str, Any]) -> str:
    """Format the report for a terminal: a row a figure, a column a system, each value with its 95 % interval."""
    systems = report["systems"]
    names = [name for name in FIGURES if any(name in found for found in systems.values())]
    rows = [["", *systems]]
    for name in names:
        cells = [_cell(name, found.get(name)) for found in systems.values()]
        rows.append([FIGURES[name].label, *cells])
    lines = _aligned(rows)
    for comparison in report.get("comparisons", []):
        lines += ["", *difference_lines(comparison)]
    lines += ["", *_footer(report)]
    return "\n".join(lines)


def difference_lines(comparison: Mapping[str, Any]) -> list[str]:
    """Format the paired differences of two systems, one a line, each with its verdict."""
    rows = [[f"{comparison['of']} minus {comparison['with']}", "difference", "what it shows"]]
    for name in FIGURES:
        if found := comparison["figures"].get(name):
            rows.append([FIGURES[name].label, _cell(name, found, sign="+"), verdict(name, found)])
    return _aligned(rows)


def _cell(name: str, found: Mapping[str, float] | None, sign: str = "") -> str:
    if found is None:
        return _NOTHING
    digits = FIGURES[name].digits
    value, low, high = (f"{found[part]:{sign}.{digits}f}" for part in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _footer(report: Mapping[str, Any]) -> list[str]:
    scorers, tests = report["scorers"], report["test_set"]
    percent = f"{report['bootstrap']['level']:.0%}"
    lines = [
        f"{tests['texts']} texts: {tests['name']}. In brackets the {percent} interval over texts.",
        f"Intervals: {report['intervals']}.",
        *(f"{role.capitalize()}: {found['name']}, {found['version']}." for role, found in scorers.items()),
    ]
    if "j" in next(iter(report["systems"].values()), {}):
        lines.append(f"J is {FIGURES['j'].meaning}; J with fluency is {FIGURES['j_fl'].meaning}.")
    return lines
