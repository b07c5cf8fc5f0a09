"""Hot swap: see the alias move, load the new version aside, warm it up, swap one reference, let the old one drain.

A request takes the reference once and keeps the Generator it got until it has answered, so a swap never touches a
request that is under way; the old version's memory goes when its last request lets go of it. A version that does not
load leaves the old one serving; the reason is kept for the admin and the next look tries again only when the alias
has moved or some time has passed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import ModelError
from models.serving.generator import Generator

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
RETRY_SECONDS = 15.0


@dataclass(frozen=True)
class ServingState:
    """What one web process serves: the version in memory, the version it should serve, and why they differ."""

    version: int | None
    wanted: int | None
    error: str | None


class Serving:
    """Holds the Generator that answers, and a thread that keeps it the one the alias names.

    `wanted_version` reads the alias (None while nothing is published); `load` makes a Generator of a version;
    `report` is told the state at every look, so that others can tell a live process from one that is gone.
    """

    def __init__(
        self,
        wanted_version: Callable[[], int | None],
        load: Callable[[int], Generator],
        report: Callable[[ServingState], None] = lambda state: None,
    ) -> None:
        self._wanted_version = wanted_version
        self._load = load
        self._tell = report
        self._current: Generator | None = None
        self._state = ServingState(None, None, None)
        self._failed_at = 0.0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ServingState:
        """The present state."""
        return self._state

    def current(self) -> Generator | None:
        """The Generator to answer with, or None while the first version is still loading."""
        return self._current

    def ensure_started(self) -> None:
        """Load the wanted version now, if none is loaded, and start the thread; harmless to call again."""
        with self._starting:
            if self._thread is None and not self._stop.is_set():
                self.refresh()
                self._thread = threading.Thread(target=self._follow, name="hot-swap", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Look at the alias now rather than at the next poll."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; the loaded version keeps answering."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """One look: if the alias names another version than the one in memory, load it and swap."""
        try:
            wanted = self._wanted_version()
        except Exception as error:  # the database may be away for a moment; the loaded version goes on serving
            log.warning("The serving alias cannot be read: %s", error)
            return
        serving = self._current.version if self._current else None
        if wanted is None or wanted == serving:
            self._report(ServingState(serving, wanted, None))
            return
        if self._state.error and self._state.wanted == wanted and time.monotonic() < self._failed_at + RETRY_SECONDS:
            self._report(self._state)
            return
        try:
            self._current = self._load(wanted)
        except (ModelError, OSError) as error:  # OSError: the disk of the store does not answer
            self._failed_at = time.monotonic()
            log.error("%s Version %s goes on serving.", error, serving)
            self._report(ServingState(serving, wanted, str(error)))
        else:
            log.info("Version %d serves.", wanted)
            self._report(ServingState(wanted, wanted, None))

    def _report(self, state: ServingState) -> None:
        self._state = state
        self._tell(state)

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if not self._stop.is_set():
                self.refresh()
