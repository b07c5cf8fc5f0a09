"""Test sets for the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.formats import rows_sha256
from models.formats.files.pair_files import PairRow, read_pair_file
from models.texts.heldout import HELDOUT_FILE
from worker.evaluation.evaluation_errors import TestFileError
from worker.evaluation.unseen import unseen


@dataclass(frozen=True)
class TestSet:
    """Sources with their references, which may be empty; `problems` is a sentence about rows that were left out."""

    __test__ = False  # pytest takes classes named Test… for tests

    name: str
    items: tuple[PairRow, ...]
    problems: str = ""

    @property
    def references(self) -> tuple[tuple[str, ...], ...]:
        """Return the references of each source."""
        return tuple(item.references for item in self.items)

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the sources and references in order: the same texts, the same hash."""
        return rows_sha256([item.source, *item.references] for item in self.items)

    @property
    def identity(self) -> dict[str, str | int]:
        """Return name, hash and size for a report."""
        return {"name": self.name, "sha256": self.sha256, "texts": len(self.items)}


def heldout(max_samples: int | None = None) -> TestSet:
    """Return the sentences of models/texts/heldout.tsv, which are used in no training."""
    return read(HELDOUT_FILE, name="Mellow's own held-out sentences", max_samples=max_samples)


def read(path: Path, *, unseen_by: Sequence[Path] = (), max_samples: int | None = None, name: str = "") -> TestSet:
    """Read a test set from a TSV, CSV, JSON Lines or text file.

    Columns are ParaDetox's or any that models.formats.files knows. A .txt file has one text a line and no references. A
    source that occurs twice becomes one text with all its references. Only texts stay that each of the models in the
    folders `unseen_by` was never trained on; `max_samples` keeps the first ones. Raises PairFileError, TestFileError or
    VersionDamaged.
    """
    rows, problems = _lines(path) if path.suffix == ".txt" else _pairs(path)
    kept = rows
    for folder in unseen_by:
        kept = unseen(kept, folder)
    merged = _merged(kept)
    if not merged:
        raise TestFileError(
            f"None of the {len(rows)} usable rows of {path.name} is one that no training of what is measured used."
        )
    name = name or path.name + (", dev split" if unseen_by else "")
    return TestSet(name, merged[:max_samples], problems)


def _pairs(path: Path) -> tuple[Sequence[PairRow], str]:
    file = read_pair_file(path)
    file.check_usable()
    return file.rows, file.problem_report()


def _lines(path: Path) -> tuple[Sequence[PairRow], str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TestFileError(f"{path} cannot be read: {error}.") from None
    rows = [PairRow(number, line.strip(), ()) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise TestFileError(f"{path.name} holds no text.")
    return rows, ""


def _merged(rows: Sequence[PairRow]) -> tuple[PairRow, ...]:
    found: dict[str, PairRow] = {}
    for row in rows:
        known = found.get(row.source)
        references = (*(known.references if known else ()), *row.references)
        found[row.source] = PairRow(known.line if known else row.line, row.source, tuple(dict.fromkeys(references)))
    return tuple(found.values())
