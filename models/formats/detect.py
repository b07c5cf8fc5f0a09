"""Detection of the format of rows, by their fields and by what stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from models.formats.catalog import FORMATS, PROMPT
from models.formats.files.pair_columns import Columns, layout_of
from models.formats.rows import Fields
from models.model_errors import DataFileError

SAMPLED = 200
"""The number of rows that are looked at before a format is named."""
AUTO = "auto"
PAIRS = "pairs"
FORMAT_NAMES = (AUTO, *(name for name in FORMATS if name != PROMPT.name), PAIRS, PROMPT.name)


def detect(rows: Iterable[Fields]) -> str:
    """The name of the format that most of the first rows have, empty if none has any."""
    counts = Counter(map(format_of, islice(rows, SAMPLED)))
    del counts[""]
    return max(counts, key=lambda name: counts[name]) if counts else ""


def format_of(fields: Fields) -> str:
    """The name of the first format that fits one row, empty if none does."""
    for name, one in FORMATS.items():
        if one is not PROMPT and one.fits(fields):
            return name
    if not layout_of(dict(fields), Columns()).problem:
        return PAIRS
    return PROMPT.name if PROMPT.fits(fields) else ""


def check_name(name: str) -> None:
    """Raise `DataFileError` if there is no format of that name."""
    if name not in FORMAT_NAMES:
        raise DataFileError(f"There is no format {name}: it is one of {', '.join(FORMAT_NAMES)}.")
