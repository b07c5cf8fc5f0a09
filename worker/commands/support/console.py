"""A training's progress on a terminal: a bar that is drawn again and again, and lines that stay.

It implements `worker.training.shared.progress.Progress`. Without a terminal only lines are written, one for each
training loss.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TextIO

_BAR = 24
_REDRAW_SECONDS = 0.1


class ConsoleProgress:
    """Writes to `stream`; never cancels, since Ctrl-C does."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._loss = ""
        self._drawn_at = 0.0
        self._first: tuple[float, int] | None = None
        self._bar_is_there = False

    def stage(self, name: str) -> None:
        """Write the name of the phase."""
        self._first = None
        self.log(f"{name.capitalize()} …")

    def step(self, done: int, total: int) -> None:
        """Draw the bar."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        if not self._live or (done < total and now - self._drawn_at < _REDRAW_SECONDS):
            return
        self._drawn_at = now
        since, began = self._first
        left = (now - since) / (done - began) * (total - done) if done > began else 0.0
        filled = _BAR * done // total
        bar = "█" * filled + "░" * (_BAR - filled)
        self._stream.write(f"\r\x1b[K{bar} step {done} of {total}{self._loss}{_remaining(left)}")
        self._stream.flush()
        self._bar_is_there = True

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the training loss for the bar, or write it where there is none."""
        if "loss" not in values:
            return
        self._loss = f", loss {values['loss']:.4f}"
        if not self._live:
            self.log(f"Step {step}: loss {values['loss']:.4f}.")

    def checkpoint(self, step: int) -> None:
        """Write nothing: checkpoints are files in the output folder."""

    def log(self, line: str) -> None:
        """Write a line above the bar."""
        self.end()
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def cancelled(self) -> bool:
        """Never."""
        return False

    def end(self) -> None:
        """Leave the bar behind."""
        if self._bar_is_there:
            self._stream.write("\n")
            self._bar_is_there = False


def _remaining(seconds: float) -> str:
    """Return the time that is left in words; empty where that is unknown or over soon."""
    if seconds < 1:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", about {minutes} min {rest} s left" if minutes else f", about {rest} s left"
