"""The (source, rewrite) pairs that come with the recipes, as tab-separated files."""

import csv
from pathlib import Path


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """The rows of a file with the columns `source` and `rewrite`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["source"], row["rewrite"]) for row in rows]
