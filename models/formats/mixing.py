"""Weighted mixes of data with different objectives, such as being helpful, harmless and truthful."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.formats.rows import Row
from models.model_errors import DataFileError

_NEARLY = 1e-9
"""A product of weights may fall short of the whole number that it stands for by this much."""


def parse_mix(text: str) -> dict[str, float]:
    """The weights in `helpful=0.5,harmless=0.3`, which need not add up to 1; raises `DataFileError`."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not name or not math.isfinite(weight) or weight <= 0:
            raise DataFileError(f"{part.strip()!r} is not an objective and a weight above 0, such as helpful=0.5.")
        if name in weights:
            raise DataFileError(f"The objective {name} has two weights.")
        weights[name] = weight
    return weights


def named_file(argument: str) -> tuple[str, str]:
    """The objective and the path in `helpful=data.jsonl`; a path alone has no objective, which is the empty one.

    What stands before `=` is a part of the path if there is a file of the whole name.
    """
    name, sign, path = argument.partition("=")
    return (name, path) if sign and not Path(argument).exists() else ("", argument)


def under(objective: str, rows: Sequence[Row]) -> list[Row]:
    """The rows under this objective, or each under its own if it is empty."""
    return [row | {"objective": objective} for row in rows] if objective else list(rows)


def by_objective(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each objective, those without one under the empty name."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get("objective", ""), []).append(row)
    return found


def mix_rows(rows: Mapping[str, Sequence[Row]], weights: Mapping[str, float], seed: int) -> tuple[list[Row], str]:
    """As many rows as the weights allow until the scarcest is used up, in an order by `seed`, and a sentence on them.

    Of objective i with n_i rows and weight w_i, floor(w_i min_j (n_j / w_j)) rows are drawn without replacement. Each
    gets its "objective". The draw depends on the rows, the weights and the seed alone. Raises `DataFileError` if the
    weights and the rows do not have the same objectives, or an objective would have no rows.
    """
    given = {name for name, part in rows.items() if part}
    if given != set(weights):
        listed = ", ".join(sorted(name or "(rows without an objective)" for name in given)) or "none"
        raise DataFileError(f"The mix names {', '.join(sorted(weights))}, but the objectives of the data are {listed}.")
    whole = min(len(rows[name]) / weight for name, weight in weights.items())
    counts = {name: math.floor(weight * whole + _NEARLY) for name, weight in weights.items()}
    mixed: list[Row] = []
    for name, count in sorted(counts.items()):
        if not count:
            raise DataFileError(f"By these weights no row of the objective {name} is used: the others are too scarce.")
        mixed += under(name, random.Random(f"{seed} {name}").sample(list(rows[name]), count))
    random.Random(seed).shuffle(mixed)
    used = ", ".join(f"{count:,} of {len(rows[name]):,} {name}" for name, count in counts.items())
    return mixed, f"The mix has {len(mixed):,} rows: {used}."
