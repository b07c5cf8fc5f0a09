"""The rounds on the large set-up as a table of docs/reliability.md."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.large.crash import Crash
from tests.chaos.large.kept_parts import KINDS
from tests.chaos.table import DOCUMENT, write_between

BEGIN, END = "<!-- crashes -->", "<!-- end of crashes -->"
_NAMES = (
    "killed",
    "rounds",
    "published once, same weights",
    "taken up again",
    "run, undisturbed",
    "run, median",
    "at most",
    "requests",
    "cut off in flight",
    "503, then done",
    "failed otherwise",
    "longest request",
)


def write_crash_table(crashes: Sequence[Crash], document: Path = DOCUMENT) -> None:
    """Write the table anew between its marks in the document."""
    write_between(BEGIN, END, crash_table(crashes), document)


def crash_table(crashes: Sequence[Crash]) -> str:
    """Return a sentence about all rounds, a table with a row for each kind of kill, and when they were."""
    days = sorted({one.date for one in crashes})
    whole = sum(not one.faults for one in crashes)
    sentence = (
        f"{len(crashes)} rounds with the seed {crashes[-1].seed}, {' to '.join(dict.fromkeys((days[0], days[-1])))}, on"
        f" {crashes[-1].machine}: {whole} without a fault of any kind; {sum(one.requests for one in crashes):,}"
        f" requests succeeded, {sum(one.cut for one in crashes)} were cut off in flight on the web process that was"
        f" killed, {sum(one.told_to_wait for one in crashes)} were answered 503 with Retry-After and succeeded when"
        " repeated."
    )
    rows = [_row(kind, [one for one in crashes if one.killed == kind]) for kind in KINDS]
    table = [f"| {' | '.join(_NAMES)} |", "|" + " --- |" * len(_NAMES), *filter(None, rows)]
    stages = Counter(one.stage.partition(",")[0] for one in crashes)
    moments = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
    return "\n".join([sentence, "", *table, "", f"What the run did when a part was killed: {moments}.", ""])


def _row(kind: str, crashes: Sequence[Crash]) -> str:
    if not crashes:
        return ""
    otherwise = [fault for one in crashes for fault in one.faults if " from the kill: " in fault]
    whole = sum(all(" from the kill: " in fault for fault in one.faults) for one in crashes)
    cells = (
        kind,
        len(crashes),
        whole,
        sum(one.attempts > 1 for one in crashes),
        f"{statistics.median(one.undisturbed for one in crashes):.0f} s",
        f"{statistics.median(one.ended for one in crashes):.0f} s",
        f"{max(one.ended for one in crashes):.0f} s",
        f"{sum(one.requests for one in crashes):,}",
        sum(one.cut for one in crashes),
        sum(one.told_to_wait for one in crashes),
        len(otherwise),
        f"{max(one.longest for one in crashes):.1f} s",
    )
    return f"| {' | '.join(map(str, cells))} |"
