"""Figures that the documents quote are those of benchmarks/results.jsonl, so that neither drifts from the other."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import results

ROOT = Path(__file__).parents[2]


def found(claim: str) -> list[dict[str, Any]]:
    """The lines whose claim begins so."""
    lines = [line for line in results() if line["claim"].startswith(claim)]
    assert lines, claim
    return lines


def steps(name: str = "", *, plain: bool = False) -> list[float]:
    """The least and the greatest ratio, or figure of that name, of DPO steps a second; `plain` pairs among them."""
    lines = [line for line in found("DPO steps a second") if plain or "plain pairs" not in line["claim"]]
    values = [line["measured"][name] if name else line["ratio"] for line in lines]
    return [min(values), max(values)]


def measured_of(claim: str) -> dict[str, float]:
    (line,) = [line for line in found(claim) if line["claim"] == claim]
    figures: dict[str, float] = line["measured"]
    return figures


def measured(claim: str, name: str) -> float:
    (line,) = found(claim)
    value: float = line["measured"][name]
    return value


def baseline(claim: str, name: str) -> float:
    (line,) = found(claim)
    value: float = line["baseline_measured"][name]
    return value


def compared(people: int) -> list[float]:
    """Of two versions compared by so many people: false verdicts in per cent, then clicks to the right one."""
    equal = measured_of(f"a version promoted over itself, people: {people}")
    clicks = measured_of(f"clicks until the better version is found at odds 2, people: {people}")
    names = ("p50", "p90", "p50 at odds 3", "p50 at odds 1.5", "p50 to take back at odds 1/2")
    return [100 * equal["promoted"], 100 * equal["taken back"], *(clicks[name] for name in names)]


def apart(chosen: int) -> list[float]:
    """The screens that mixing took and that separate ones took, and the ratio, at so many per cent with a choice."""
    (line,) = [line for line in found("screens until") if f"on {chosen}% of" in line["claim"]]
    return [line["measured"]["p50"], line["baseline_measured"]["p50"], line["ratio"]]


@dataclass(frozen=True)
class Quoted:
    """A sentence of a document: a pattern with a group for each figure, and what the figures must be."""

    document: str
    pattern: str
    figures: Callable[[], list[float]]


def of_projects() -> list[float]:
    """The megabytes of a web process with one, two, three and six projects, then with room for all six."""
    claim = "resident set of a web process that three of six projects"
    figures = [measured(claim, f"megabytes with {number}") for number in (1, 2, 3, 6)]
    return [*figures, baseline(claim, "megabytes with 6")]


QUOTED = (
    Quoted(
        "docs/system.md",
        r"has ([\d.]+) MB with one project, ([\d.]+) with two, ([\d.]+) with three, and ([\d.]+) MB once screens were "
        r"drawn in\s+six projects of which three may stay; with room for all six it has ([\d.]+) MB",
        of_projects,
    ),
    Quoted("docs/performance.md", r"a step of Retrain is ([\d.]+) to ([\d.]+) times as quick", steps),
    Quoted("docs/performance.md", r"share nothing, it is ([\d.]+) times", lambda: steps(plain=True)[:1]),
    Quoted(
        "docs/performance.md",
        r"without them it\s+is ([\d.]+) to ([\d.]+) times",
        lambda: steps("ratio without anchors", plain=True),
    ),
    Quoted(
        "docs/performance.md",
        r"at every step, it is ([\d.]+) to ([\d.]+) times with anchors",
        lambda: steps("ratio to its reference at every step", plain=True),
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
            measured("clicks stored a second, 50 clients", "stored_per_second"),
            baseline("clicks stored a second, 50 clients", "stored_per_second"),
            measured("a click, 50 clients, each once a second", "p99_ms"),
        ],
    ),
    Quoted(
        "docs/performance.md",
        r"the next text stands after ([\d.]+) s \(median\); in Label\s+Studio it is two keys and ([\d.]+) s",
        lambda: [
            measured("a judgment among three rewrites", "p50 s"),
            baseline("a judgment among three rewrites", "p50 s"),
        ],
    ),
    Quoted(
        "docs/performance.md",
        r"The desk weighs ([\d.]+) kB, paints after ([\d.]+) s and answers a click after ([\d.]+) s",
        lambda: [
            measured("opening /annotate ", "bytes") / 1000,
            measured("opening /annotate ", "first paint s"),
            measured("opening /annotate ", "answers s"),
        ],
    ),
    Quoted(
        "docs/performance.md",
        r"The heaviest of the others, `/admin/runs/1`, weighs ([\d.]+) kB",
        lambda: [
            max(line["measured"]["bytes"] for line in found("opening ") if "/annotate" not in line["claim"]) / 1000
        ],
    ),
    *(
        Quoted(
            "docs/experiments/live-comparison.md",
            rf"\| {people} \| ([\d.]+) % \| ([\d.]+) % \| (\d+), (\d+) \| (\d+) \| (\d+) \| (\d+) \|",
            partial(compared, people),
        )
        for people in (1, 3, 10)
    ),
    *(
        Quoted(
            "docs/experiments/live-comparison.md",
            rf"\| {chosen} % \| (\d+) \| ([\d,]+) \| ([\d.]+) \|",
            partial(apart, chosen),
        )
        for chosen in (80, 90, 95)
    ),
    Quoted(
        "docs/performance.md",
        r"pairs\) served after ([\d.]+) s [^)]+\), 250 \(514\) after ([\d.]+) s, 1,000 \(2,029\) after ([\d.]+) s",
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


REPORT = json.loads((ROOT / "benchmarks" / "base_checkpoint.json").read_text(encoding="utf-8"))
FIGURE = r"\d+\.\d+"
CARD_ROWS = {
    "J": "j",
    "J with fluency": "j_fl",
    "neutral (STA)": "sta",
    "alike (SIM)": "sim",
    "fluent (FL)": "fl",
    "copies": "copies",
    "J of the best of three shown": "j_oracle",
    "J of one shown": "j_single",
    "J of the worst shown": "j_worst",
    "three different": "distinct",
}
SYSTEMS = {
    "copy": "copy of the text",
    "profane words deleted": "profane words deleted",
    "people": "people",
    "Mellow, beam": "models/base",
}


def cell(document: str, row: str, column: int = 1) -> list[str]:
    """The figures in a cell of the table row that begins so."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if re.match(rf"\| {re.escape(row)} \| \d", line)]
    return re.findall(FIGURE, line.split(" | ")[column])


def cut(value: float, like: str) -> str:
    """The value with as many decimals as that figure has, cut off and not rounded."""
    scale = 10 ** len(like.partition(".")[2])
    return f"{math.floor(value * scale + 1e-6) / scale:.{len(like.partition('.')[2])}f}"


@pytest.mark.parametrize("row", CARD_ROWS)
def test_a_figure_of_the_card_is_that_of_the_report(row: str) -> None:
    said = cell("models/base/README.md", row)
    figure = REPORT["systems"]["models/base"][CARD_ROWS[row]]
    assert said == [cut(figure[name], like) for name, like in zip(("value", "low", "high"), said, strict=True)]


@pytest.mark.parametrize("row", ["copy", "profane words deleted", "people"])
def test_what_the_card_puts_beside_it_is_that_of_the_report(row: str) -> None:
    said = cell("models/base/README.md", row)
    figures = REPORT["systems"][SYSTEMS[row]]
    assert said == [cut(figures[name]["value"], like) for name, like in zip(("j", "fl"), said, strict=True)]


@pytest.mark.parametrize("row", SYSTEMS)
@pytest.mark.parametrize(("column", "name"), [(1, "j"), (2, "sta"), (3, "sim"), (4, "fl"), (5, "bleu")])
def test_the_page_on_evaluation_tells_the_same(row: str, column: int, name: str) -> None:
    said = cell("docs/evaluation.md", row, column)
    assert said[0] == cut(REPORT["systems"][SYSTEMS[row]][name]["value"], said[0])
    assert f"{REPORT['test_set']['texts']} sources" in (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
