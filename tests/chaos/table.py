"""The rounds as tables of docs/reliability.md: in sum by what was killed, and one by one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from app.config import PROJECT_ROOT
from tests.chaos.rounds import Round
from tests.chaos.service import KINDS

DOCUMENT = PROJECT_ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- rounds -->", "<!-- end of rounds -->"


def write_tables(rounds: Sequence[Round], document: Path = DOCUMENT) -> None:
    """Write the tables anew between their marks in the document."""
    write_between(BEGIN, END, f"{in_sum(rounds)}\n{one_by_one(rounds)}", document)


def write_between(begin: str, end: str, tables: str, document: Path = DOCUMENT) -> None:
    """Write tables anew between two marks of the document."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    document.write_text(f"{before}{begin}\n\n{tables}\n{end}{after}", encoding="utf-8")


def in_sum(rounds: Sequence[Round]) -> str:
    """Return a sentence about all rounds, and a table with a row for each kind of kill."""
    days = sorted({one.date for one in rounds})
    sentence = (
        f"{len(rounds)} rounds with the seed {rounds[-1].seed}, {' to '.join(dict.fromkeys((days[0], days[-1])))}, on"
        f" {rounds[-1].machine}: {rounds[-1].acknowledged:,} acknowledged judgments,"
        f" {sum(one.missing for one in rounds)} missing, {sum(one.doubled for one in rounds)} doubled,"
        f" {sum(one.half for one in rounds)} half ones among {rounds[-1].published} published versions;"
        f" {sum(bool(one.faults) for one in rounds)} rounds with a fault of any kind."
    )
    lines = [sentence, "", "| killed | rounds | back after, median | at most |", "| --- | --- | --- | --- |"]
    for kind in KINDS:
        backs = [one.back for one in rounds if one.killed == kind and one.back is not None]
        if backs:
            lines.append(f"| {kind} | {len(backs)} | {statistics.median(backs):.1f} s | {max(backs):.1f} s |")
    return "\n".join(lines) + "\n"


def one_by_one(rounds: Sequence[Round]) -> str:
    """Return a table with a row for each round."""
    names = (
        "round",
        "killed",
        "after s",
        "training then",
        "acknowledged then",
        "back after s",
        "acknowledged",
        "missing",
        "doubled",
        "published",
        "half versions",
        "load",
    )
    lines = [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]
    for one in rounds:
        back = "not" if one.back is None else f"{one.back:.1f}"
        cells = (
            one.number,
            one.killed,
            one.at,
            one.training,
            one.acknowledged_before,
            back,
            one.acknowledged,
            one.missing,
            one.doubled,
            one.published,
            one.half,
            "–" if one.load is None else one.load,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
