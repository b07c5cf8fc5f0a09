"""Keeps parts running: what ends by itself is started again, after a pause that grows, until it ends too often.

A part that ends five times within a minute is given up with its reason; the others go on. The thread that handles
events calls all of this, so that nothing here happens twice at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from app.launch import LaunchError
from app.launch.parts import Part, write_parts

FIRST_PAUSE_SECONDS = 0.5
MOST_ENDS = 5
WITHIN_SECONDS = 60.0


class Supervisor:
    """Parts by name, each with what starts it; `later` is asked to have `restart` called once a pause is over."""

    def __init__(
        self,
        starts: Mapping[str, Callable[[], None]],
        home: Path,
        later: Callable[[float, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._starts = starts
        self._home = home
        self._later = later
        self._clock = clock
        self._ends: dict[str, list[float]] = {name: [] for name in starts}
        self.parts = {name: Part() for name in starts}
        self._tell()

    def ended(self, name: str, reason: str) -> Part:
        """Plan the next start of a part that has ended, or give it up; returns what is known of it then.

        Raises LaunchError if web and worker both are given up.
        """
        now = self._clock()
        ends = [end for end in self._ends[name] if now - end < WITHIN_SECONDS] + [now]
        self._ends[name] = ends
        if len(ends) >= MOST_ENDS:
            self._set(name, replace(self.parts[name], state="given up", reason=reason))
            _say(
                f"{reason} That was the {len(ends)}th time within a minute, so {name} is given up; the rest goes on."
                " Stop Mellow and start it again once that is mended.",
                sys.stderr,
            )
            if all(part.state == "given up" for other, part in self.parts.items() if other in ("web", "worker")):
                raise LaunchError(f"Mellow has stopped because {reason}")
            return self.parts[name]
        pause = FIRST_PAUSE_SECONDS * 2 ** (len(ends) - 1)
        self._set(name, replace(self.parts[name], state="restarting", reason=reason))
        _say(f"{reason} It is started again in {pause:g} s.", sys.stdout)
        self._later(pause, name)
        return self.parts[name]

    def restart(self, name: str) -> None:
        """Start a part whose pause is over."""
        try:
            self._starts[name]()
        except LaunchError as error:
            self.ended(name, str(error))
        else:
            self._set(name, replace(self.parts[name], state="running", restarts=self.parts[name].restarts + 1))

    def _set(self, name: str, part: Part) -> None:
        self.parts[name] = part
        self._tell()

    def _tell(self) -> None:
        with suppress(OSError):  # a full disk must not end what watches over the rest
            write_parts(self._home, self.parts)


def _say(line: str, where: TextIO) -> None:
    """Print a line; where it cannot be written, as on a full disk, watching goes on without it."""
    with suppress(OSError):
        print(line, file=where, flush=True)
