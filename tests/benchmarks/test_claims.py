"""Figures that the documents quote are those of benchmarks/results.jsonl, so that neither drifts from the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import results

ROOT = Path(__file__).parents[2]
_ONCE = "times TRL with its reference once"


def found(claim: str) -> list[dict[str, Any]]:
    """The lines whose claim begins so."""
    lines = [line for line in results() if line["claim"].startswith(claim)]
    assert lines, claim
    return lines


def ratios(*, ending: str = "", exact_loss: bool = False) -> list[float]:
    """Ratios of DPO steps a second whose claim ends so, with shared prompts and in float32 if the loss is exact."""
    lines = [line for line in found("DPO steps a second") if line["claim"].endswith(ending)]
    exact = [line for line in lines if "exact" in line["goal"] and "plain pairs" not in line["claim"]]
    return [line["ratio"] for line in (exact if exact_loss else lines)]


def measured(claim: str, name: str) -> float:
    (line,) = found(claim)
    value: float = line["measured"][name]
    return value


def baseline(claim: str, name: str) -> float:
    (line,) = found(claim)
    value: float = line["baseline_measured"][name]
    return value


@dataclass(frozen=True)
class Quoted:
    """A sentence of a document: a pattern with a group for each figure, and what the figures must be."""

    document: str
    pattern: str
    figures: Callable[[], list[float]]


QUOTED = (
    Quoted(
        "docs/performance.md",
        r"computed once on both sides, as TRL can, it is\s+([\d.]+) to ([\d.]+) times",
        lambda: [choose(line["measured"][_ONCE] for line in found("DPO steps a second")) for choose in (min, max)],
    ),
    Quoted(
        "docs/performance.md",
        r"it is ([\d.]+) to ([\d.]+) times with LoRA",
        lambda: [choose(ratios(ending="LoRA", exact_loss=True)) for choose in (min, max)],
    ),
    Quoted(
        "docs/performance.md",
        r"and ([\d.]+) to ([\d.]+) times with all weights",
        lambda: [choose(ratios(ending="all weights", exact_loss=True)) for choose in (min, max)],
    ),
    Quoted(
        "docs/performance.md",
        r"to the job at work it takes ([\d.]+) s instead of ([\d.]+) s",
        lambda: [
            measured("Retrain on 20 clicks, press to the job at work", "median s"),
            baseline("Retrain on 20 clicks, press to the job at work", "median s"),
        ],
    ),
    Quoted(
        "docs/performance.md",
        r"([\d,]+) clicks stored a second against Label Studio's ([\d.]+), and a 99th percentile of ([\d.]+) ms",
        lambda: [
            measured("clicks stored a second", "stored_per_second"),
            baseline("clicks stored a second", "stored_per_second"),
            measured("a click, 50 clients, each once a second", "p99_ms"),
        ],
    ),
    Quoted(
        "docs/performance.md",
        r"\(40 pairs\) served after ([\d.]+) s, 250 \(440\) after\s+([\d.]+) s, 1,000 \(1,818\) after ([\d.]+) s",
        lambda: [measured("Retrain on 1000 clicks: time grows", f"{clicks} clicks s") for clicks in (20, 250, 1000)],
    ),
)


@pytest.mark.parametrize("quoted", QUOTED, ids=lambda quoted: quoted.pattern[:40])
def test_a_quoted_figure_is_the_measured_one(quoted: Quoted) -> None:
    text = (ROOT / quoted.document).read_text(encoding="utf-8")
    match = re.search(quoted.pattern, text)
    assert match, f"{quoted.document} no longer says {quoted.pattern!r}: change both"
    for said, value in zip(match.groups(), quoted.figures(), strict=True):
        decimals = len(said.partition(".")[2])
        assert float(said.replace(",", "")) == pytest.approx(value, abs=0.51 * 10**-decimals), match[0]
