"""Hot swap: follow the alias, load the new version beside the old one, warm it up, replace one reference.

A request takes the reference once and keeps what it names until it has responded, so a swap never affects a request
that is under way; the old version's memory is freed with its last request. If a version does not load, the old one
keeps serving and the reason is kept for the admin; loading is tried again only when the alias has moved or some time
has passed. In a process that has just started, the last version that served and loads serves instead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from models.model_errors import ModelError

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
RETRY_SECONDS = 15.0


class Loaded(Protocol):
    """A version that can be served: a Generator, or what asks a process that has it in memory."""

    version: int


Held = TypeVar("Held", bound=Loaded)


@dataclass(frozen=True)
class ServingState:
    """State of one web process: the version in memory, the version that it should serve, and why they differ.

    `second` is the other version in memory while a live comparison runs.
    """

    version: int | None
    wanted: int | None
    error: str | None
    second: int | None = None


class Serving(Generic[Held]):
    """Holds what serves the live version, and a thread that follows the alias.

    `wanted_version` reads the alias (None while nothing is published); `load` loads a version; `report`
    gets the state at every poll, by which others see that the process is alive; `fallbacks` names the versions that
    may serve in a new process in the place of one that does not load, the best first.
    """

    _NAME = "hot-swap"

    def __init__(
        self,
        wanted_version: Callable[[], int | None],
        load: Callable[[int], Held],
        report: Callable[[ServingState], None] = lambda state: None,
        fallbacks: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        self._wanted_version = wanted_version
        self._load = load
        self._tell = report
        self._fallbacks = fallbacks
        self._current: Held | None = None
        self._state = ServingState(None, None, None)
        self._failed_at = 0.0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ServingState:
        """Return the present state."""
        return self._state

    def current(self) -> Held | None:
        """Return what to serve with, or None while the first version is still loading."""
        return self._current

    def ensure_started(self) -> None:
        """Load the wanted version, if none is loaded, and start the thread; repeated calls do nothing."""
        with self._starting:
            if self._thread is None and not self._stop.is_set():
                self._begin()
                self._thread = threading.Thread(target=self._follow, name=self._NAME, daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Make the thread read the alias now rather than at the next poll."""
        self._wake.set()

    def leave(self) -> None:
        """Let the thread end, which may take as long as a load; the loaded version stays while somebody holds it."""
        self._stop.set()
        self._wake.set()

    def stop(self) -> None:
        """Stop the thread and wait for its end; the loaded version keeps serving."""
        self.leave()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Read the alias once; if it names another version than the one in memory, load that one and swap."""
        try:
            wanted = self._wanted_version()
        except Exception as error:  # the database may be away for a moment; the loaded version goes on serving
            log.warning("The version to load cannot be read: %s", error)
            return
        self._change(wanted)

    def _begin(self) -> None:
        self.refresh()

    def _change(self, wanted: int | None) -> None:
        """Load the wanted version and swap, if it is another one than the one in memory."""
        serving = self._current.version if self._current else None
        if wanted is None or wanted == serving:
            self._report(ServingState(serving, wanted, None))
            return
        if self._state.error and self._state.wanted == wanted and time.monotonic() < self._failed_at + RETRY_SECONDS:
            self._report(self._state)
            return
        try:
            self._current = self._load(wanted)
        except Exception as error:  # a damaged file may raise anything
            self._failed_at = time.monotonic()
            reason = str(error) if isinstance(error, ModelError | OSError) else f"{type(error).__name__}: {error}"
            self._report(ServingState(self._instead_of(wanted, reason), wanted, reason))
        else:
            log.info("Version %d is loaded.", wanted)
            self._report(ServingState(wanted, wanted, None))

    def _instead_of(self, wanted: int, reason: str) -> int | None:
        """Return the number of the version that serves instead of one that does not load, or None if there is none."""
        serving = self._current.version if self._current else self._fall_back(wanted)
        log.error("%s Version %s serves instead of version %d.", reason, serving, wanted)
        return serving

    def _fall_back(self, wanted: int) -> int | None:
        """Load the first of the fallbacks that can be; returns its number, or None if there is none."""
        for number in self._fallbacks():
            if number != wanted:
                try:
                    self._current = self._load(number)
                except Exception as error:
                    log.warning("Version %d cannot serve in its place: %s", number, error)
                else:
                    return number
        return None

    def _report(self, state: ServingState) -> None:
        self._state = state
        self._tell(state)

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if not self._stop.is_set():
                try:
                    self.refresh()
                except Exception:  # this thread must outlive whatever happens, or no version would ever follow
                    log.exception("Looking for the version to serve failed and will be tried again.")


class Companion(Serving[Held]):
    """Holds a second version while one is wanted, as during a live comparison, and frees it then.

    Nobody waits for it: `current` is None until it is loaded, if it does not load, and when none is wanted.
    """

    _NAME = "second-version"

    def _begin(self) -> None:
        self.wake()

    def _change(self, wanted: int | None) -> None:
        """Free a version that is no longer wanted before another one is loaded, so that there is room for it."""
        if self._current is not None and self._current.version != wanted:
            log.info("Version %d takes part no longer.", self._current.version)
            self._current = None
        super()._change(wanted)

    def _instead_of(self, wanted: int, reason: str) -> int | None:
        log.error("%s No screen has rewrites of version %d.", reason, wanted)
        return None


class Shared(Generic[Held]):
    """Loads each version once: one that anybody still holds is returned instead of being loaded again."""

    def __init__(self, load: Callable[[int], Held]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loading: dict[int, threading.Lock] = {}
        self._held: WeakValueDictionary[int, Held] = WeakValueDictionary()

    def __call__(self, number: int) -> Held:
        """Return a version; raises what `load` raises. Only those wait for a load that ask for the same version."""
        with self._lock:
            own = self._loading.setdefault(number, threading.Lock())
        with own:
            found = self._held.get(number)
            if found is None:
                found = self._held[number] = self._load(number)
            return found
