"""One round on the large set-up, as a line of JSON keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Crash:
    """One round: what was killed when, out of how many seconds that an undisturbed run takes, and what came of it.

    `ended` are the seconds from the request to the run's end, `attempts` how often a worker took it up. Beside the
    visitor's `requests` that succeeded, some were `cut` off in flight, and some answers `told_to_wait`. `left_over`
    counts the folders of the store that a dead publisher left.
    """

    number: int
    seed: int
    killed: str
    at: float
    undisturbed: float
    stage: str
    ended: float
    attempts: int
    requests: int
    longest: float
    cut: int
    told_to_wait: int
    left_over: int
    faults: tuple[str, ...]
    machine: str
    date: str
    load: float


def read_crashes(path: Path) -> list[Crash]:
    """Return the rounds of a file of JSON lines; none if there is no such file."""
    if not path.exists():
        return []
    return [_crash(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _crash(facts: dict[str, Any]) -> Crash:
    return Crash(**{**facts, "faults": tuple(facts["faults"])})
