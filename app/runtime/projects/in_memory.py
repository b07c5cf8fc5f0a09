"""The models of projects in the memory of a web process: loaded when they are asked for, the least used one leaves.

The first project is loaded at the start and stays. A request keeps the Generator that it took until it has responded,
also if the project leaves meanwhile; its memory is freed with its last request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from app.db import FIRST
from app.services.training.reward.heads import Heads
from models.chat.answers import AnyGenerator, ChatGenerator
from models.serving.hot_swap import Companion, Serving


@dataclass(frozen=True)
class ProjectInMemory:
    """What a process holds of one project: its live version, the other one of a live comparison, its reward heads."""

    id: int
    sessions: sessionmaker[Session]
    serving: Serving[AnyGenerator]
    companion: Companion[AnyGenerator]
    heads: Heads

    @property
    def versions(self) -> list[int]:
        """Return the versions in memory, with those that hold the base of one of them."""
        held = [one for one in (self.serving.current(), self.companion.current()) if one is not None]
        bases = [one.base for one in held if isinstance(one, ChatGenerator) and one.base is not None]
        return list(dict.fromkeys([*(one.version for one in held), *bases]))

    def ensure_started(self) -> None:
        """Load the live version, if none is loaded, and follow the alias; repeated calls do nothing."""
        self.serving.ensure_started()
        self.companion.ensure_started()

    def wake(self) -> None:
        """Look now for the versions to hold."""
        self.serving.wake()
        self.companion.wake()

    def leave(self) -> None:
        """Follow the alias no more; what is loaded stays as long as somebody holds it."""
        self.serving.leave()
        self.companion.leave()

    def stop(self) -> None:
        """Leave, and wait for the threads to end."""
        self.serving.stop()
        self.companion.stop()


class ProjectsInMemory:
    """The projects of which this process holds models, at most so many; `make` makes one that holds nothing yet.

    `on_load` is called when another project has been loaded. All methods may be called from several threads.
    """

    def __init__(self, make: Callable[[int], ProjectInMemory], most: int, on_load: Callable[[], None]) -> None:
        self._make = make
        self._most = most
        self._on_load = on_load
        self._lock = threading.Lock()
        self._held: OrderedDict[int, ProjectInMemory] = OrderedDict()
        self._follows = False

    def start(self) -> None:
        """Load the first project, and from now on each that is asked for."""
        self._follows = True
        self.of(FIRST)

    def of(self, project: int) -> ProjectInMemory:
        """Return what is held of a project, loaded if need be; for it, the one that was longest not used leaves."""
        while True:
            found = self._take(project)
            if not self._follows:
                return found
            found.ensure_started()
            if found.serving.current() is not None or self._held.get(project) is found:
                return found
            # It left before it was loaded, because others were asked for.

    def _take(self, project: int) -> ProjectInMemory:
        """Return what is held of a project, as the one that was used last, and let go of what is too much."""
        with self._lock:
            found = self._held.get(project)
            is_new = found is None
            if found is None:
                found = self._held[project] = self._make(project)
            self._held.move_to_end(project)
            others = [number for number in self._held if number not in (FIRST, project)]
            leaving = [self._held.pop(number) for number in others[: max(0, len(self._held) - self._most)]]
        for one in leaving:
            one.leave()
        if is_new:
            self._on_load()
        return found

    def held(self) -> list[ProjectInMemory]:
        """Return what is held, the longest not used first."""
        with self._lock:
            return list(self._held.values())

    def stop(self) -> None:
        """Stop following; what is loaded keeps serving."""
        self._follows = False
        for one in self.held():
            one.stop()
