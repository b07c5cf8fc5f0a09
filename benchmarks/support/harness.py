"""What every benchmark needs: rounds in turns, percentiles, a baseline's own environment, and a line for what was seen.

A claim is a ratio against a named baseline that was measured in the same run, its rounds in turns with ours, so that
what else the machine does meets both alike. Absolute figures say how large the thing is on this machine.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "build" / "baselines"

Name = TypeVar("Name")


@dataclass(frozen=True)
class Finding:
    """One claim and what was seen of it. `ratio` is how many times better we are than the baseline."""

    claim: str
    goal: str
    met: bool
    measured: Mapping[str, float]
    baseline: str = ""
    baseline_measured: Mapping[str, float] = field(default_factory=dict)
    ratio: float | None = None

    def tell(self) -> None:
        """Print it as one line of JSON, with the machine and the day."""
        line = {
            "claim": self.claim,
            "ratio": None if self.ratio is None else _figures(self.ratio),
            "goal": self.goal,
            "met": self.met,
            "measured": {name: _figures(value) for name, value in self.measured.items()},
            "baseline": self.baseline or None,
            "baseline_measured": {name: _figures(value) for name, value in self.baseline_measured.items()},
            "machine": machine(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)


def interleaved(ways: Mapping[Name, Callable[[], float]], rounds: int) -> dict[Name, list[float]]:
    """What each way returned in each round; in every other round the ways take turns in the opposite order."""
    seen: dict[Name, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
            seen[name].append(ways[name]())
    return seen


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that `percent` percent of them do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def baseline_python(name: str, requirements: Sequence[str]) -> Path:
    """The Python of an environment of its own in which exactly these requirements are installed; made when absent."""
    folder = ENVIRONMENTS / f"{name}-{hashlib.sha256(repr(list(requirements)).encode()).hexdigest()[:8]}"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"Installing {', '.join(requirements)} into {folder} …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
        subprocess.run([*pip, *requirements], check=True)
        (folder / "installed").touch()
    return python


def machine() -> str:
    """The machine in words: cores and processor."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} × {model}"


def _figures(value: float) -> float:
    """Four significant figures; counts stay whole."""
    if value == 0 or not math.isfinite(value) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return float(f"{value:.4g}")
