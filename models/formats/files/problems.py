"""Reports of rows that cannot be used: by the line they begin on and the reason, in one sentence a file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

KEPT_PROBLEMS = 1000
"""The first so many unusable rows are kept with their lines and reasons; the others are only counted."""
MOST_BAD = 0.5
"""A file of which more than this share of the rows cannot be used is refused: it is not what was meant."""
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that no database column or UTF-8 file takes: NUL, and halves of surrogate pairs."""
IS_UNSTORABLE = "it holds characters that cannot be stored"


@dataclass(frozen=True)
class Problem:
    """Why the row that begins on that line is left out."""

    line: int
    reason: str


def report(problems: Sequence[Problem], problem_count: int, row_count: int, most: int) -> str:
    """One sentence on the rows that are left out, with their lines by reason; empty if there are none.

    Names the first `most` of `problems` and counts the others of `problem_count`.
    """
    if not problem_count:
        return ""
    shown = problems[:most]
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for problem in shown:
        lines[problem.reason].append(problem.line)
    listed = "; ".join(
        f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} ({reason})"
        for reason, numbers in lines.items()
    )
    rest = problem_count - len(shown)
    more = f"; and {rest:,} more" if rest else ""
    verb = "was" if problem_count == 1 else "were"
    return f"{problem_count:,} of {row_count:,} rows {verb} left out: {listed}{more}."


def complaint(report: str, problem_count: int, row_count: int, what: str) -> str:
    """Why a file is refused as a whole: it has none of `what`, or more than half is bad; empty if it can be used."""
    if not row_count:
        return f"The file holds no {what}."
    if problem_count > MOST_BAD * row_count:
        return f"More than half of the rows cannot be used. {report}"
    return ""
