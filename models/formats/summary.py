"""Summary of a file of training data, as figures and as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.formats.convert import MAKES, NOUNS
from models.formats.rows import Kind, Row, RowFile, Text, prompt_text


def summary(file: RowFile) -> dict[str, Any]:
    """The figures of a file: counts of rows by fate, lengths in characters by field, objectives, problems by line."""
    return {
        "format": file.format,
        "kind": file.kind.value,
        "row_count": file.row_count,
        "usable": len(file.rows),
        "left_out": file.problem_count,
        "duplicates": file.duplicates,
        "prompts": len({prompt_text(row["prompt"]).strip() for row in file.rows}),
        "conversations": sum(not isinstance(row["prompt"], str) for row in file.rows),
        "ties": file.ties,
        "judgments": file.judgments,
        "people": file.people,
        "objectives": dict(Counter(row["objective"] for row in file.rows if "objective" in row)),
        "characters": lengths(file.rows),
        "kinds": [kind.value for kind in Kind if kind in MAKES[file.kind]],
        "notes": list(file.notes),
        "problems": [{"line": problem.line, "reason": problem.reason} for problem in file.problems],
    }


def judgments_said(judgments: int, people: int) -> str:
    """Return how many judgments there are, and by how many people if they are named: `3 judgments by 2 people`."""
    said = f"{judgments:,} judgment{'' if judgments == 1 else 's'}"
    if not people:
        return said
    return f"{said} by {people:,} {'person' if people == 1 else 'people'}"


def lengths(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """For each field, the median, 95th percentile and greatest number of characters."""
    counts: dict[str, list[int]] = {}
    for row in rows:
        for name, value in _texts(row):
            counts.setdefault(name, []).append(len(prompt_text(value)))
    return {name: _spread(sorted(found)) for name, found in counts.items()}


def sentences(file: RowFile, most: int = 20) -> Iterator[str]:
    """The same for people, a line each; names the lines of the first `most` problems."""
    found = summary(file)
    yield f"Format: {file.format}, which holds {NOUNS[file.kind]}."
    yield (
        f"Rows: {file.row_count:,}, of which {len(file.rows):,} can be used, with {found['prompts']:,} different "
        f"prompts; {found['conversations']:,} of them are conversations."
    )
    if file.judgments:
        yield f"It holds {judgments_said(file.judgments, file.people)}."
    yield from file.notes
    if file.problem_count:
        yield file.problem_report(most)
    if file.duplicates:
        yield f"Rows that repeat an earlier one: {file.duplicates:,}."
    if found["objectives"]:
        yield f"Objectives: {', '.join(f'{name} {count:,}' for name, count in found['objectives'].items())}."
    yield from _length_lines(found["characters"])
    yield f"Can be read as: {', '.join(found['kinds'])}."


def _length_lines(spreads: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for name, spread in spreads.items():
        yield (
            f"Characters of {name}: median {spread['median']:,}, 95 % at most {spread['p95']:,}, "
            f"longest {spread['longest']:,}."
        )


def _texts(row: Row) -> Iterator[tuple[str, Text]]:
    for name in ("prompt", "chosen", "rejected", "completion"):
        if name in row:
            yield name, row[name]
    yield from (("responses", one) for one in row.get("responses", ()))


def _spread(counts: Sequence[int]) -> dict[str, int]:
    last = len(counts) - 1
    return {"median": counts[last // 2], "p95": counts[round(0.95 * last)], "longest": counts[-1]}
