"""The rows of one kind that a file yields, collected one by one with what is to be said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.formats.annotations import Origin
from models.formats.catalog import FORMATS
from models.formats.convert import sole_prompts, to_kind
from models.formats.files.problems import KEPT_PROBLEMS, Problem
from models.formats.rows import BadRow, Kind, Row, RowFile, row_key

COMPARED = (Kind.PREFERENCE, Kind.UNPAIRED, Kind.RANKED)
PAIRS_NOTE = "Of a pair, the rewrite is the chosen answer and the source itself the rejected one."


class Found(NamedTuple):
    """Content of a row of the file, or of one annotation in it: rows of any kind, or why it has none.

    `unused` says what of it cannot be used although there are rows. `origin` is None where nobody judged.
    """

    line: int
    rows: list[Row] | str
    origin: Origin | None = None
    unused: Sequence[str] = ()


class Collected:
    """Rows and problems as they come."""

    def __init__(self, kind: Kind, ranking: str) -> None:
        self.kind = kind
        self.ranking = ranking
        self.rows: list[Row] = []
        self.lines: list[int] = []
        self.problems: list[Problem] = []
        self.problem_count = self.ties = self.unused = self.repeated = 0
        self._people: set[str] = set()
        self._keys: set[str] = set()
        self._without_key = 0

    def add(self, found: Found) -> None:
        """Add what one row of the file holds, or one person said in it."""
        if found.origin is not None:
            self._count(found.origin)
        if isinstance(found.rows, str):
            self._leave_out(found.line, found.rows)
            return
        for unused in found.unused:
            self._leave_out(found.line, unused)
        line = found.line
        made: list[Row] = []
        answers = _unique(found.rows)
        self.repeated += len(found.rows) - len(answers)
        for one in answers:
            try:
                rows, ties = to_kind(one, self.kind, self.ranking)
            except BadRow as reason:
                self._leave_out(line, str(reason))
                continue
            self.ties += ties
            self.unused += not rows
            made += rows
        unique = _unique(made)
        self.repeated += (len(made) - len(unique)) if self.kind is Kind.PREFERENCE else 0
        self.rows += unique
        self.lines += [line] * len(unique)

    def _count(self, origin: Origin) -> None:
        if origin.person:
            self._people.add(origin.person)
        if origin.key:
            self._keys.add(origin.key)
        else:
            self._without_key += 1

    def file(self, name: str, notes: list[str]) -> RowFile:
        """All of it, with the notes on what was made of it."""
        told = bool(self._people or self._keys or (name in FORMATS and FORMATS[name].record))
        said = [note for note in notes if note is not PAIRS_NOTE or self.kind in COMPARED]
        if self.ties:
            said.append(f"Pairs of answers with equal scores, of which nothing is learned: {self.ties:,}.")
        if self.unused:
            said.append(f"Answers labelled bad, which are not used as completions: {self.unused:,}.")
        if self.repeated:
            said.append(f"Answers that repeat one of the same row, and are used once: {self.repeated:,}.")
        places = list(range(len(self.rows)))
        if self.kind is Kind.PROMPT:
            places = sole_prompts(self.rows)
            if len(places) < len(self.rows):
                said.append(f"Rows whose prompt stands in an earlier row: {len(self.rows) - len(places):,}.")
        whole = RowFile(
            rows=tuple(self.rows),
            lines=tuple(self.lines),
            kind=self.kind,
            format=name,
            problems=tuple(self.problems),
            problem_count=self.problem_count,
            notes=tuple(said),
            ties=self.ties,
            judgments=len(self._keys) + self._without_key if told else 0,
            people=len(self._people),
        )
        return whole.at(places) if len(places) < len(self.rows) else whole

    def _leave_out(self, line: int, reason: str) -> None:
        self.problem_count += 1
        if self.problem_count <= KEPT_PROBLEMS:
            self.problems.append(Problem(line, reason))


def _unique(rows: list[Row]) -> list[Row]:
    return rows if len(rows) < 2 else list({row_key(row): row for row in rows}.values())
