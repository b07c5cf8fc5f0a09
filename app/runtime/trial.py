"""Trials: a version that is not live, kept in memory for a while so that an admin can try it beside the live one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from app.domain_errors import NotReady
from app.words import gettext
from models.serving.hot_swap import Held

KEPT_SECONDS = 180.0
PATIENCE_SECONDS = 60.0

Result = TypeVar("Result")


class Trial(Generic[Held]):
    """At most one Generator, which `load` makes of a version, released when nobody has used it lately.

    One trial at a time: while one version is loaded and used, the next waits. So there is never a second one in memory,
    however many people try.
    """

    def __init__(self, load: Callable[[int], Held], kept_seconds: float = KEPT_SECONDS) -> None:
        self._load = load
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._generator: Held | None = None
        self._timer: threading.Timer | None = None

    @property
    def version(self) -> int | None:
        """Return the version in memory, or None."""
        generator = self._generator
        return generator.version if generator else None

    def ask(self, number: int, question: Callable[[Held], Result]) -> Result:
        """Call `question` with the Generator of version `number`, loading it if need be, and return its result.

        Raises ModelError if the version cannot be loaded, and NotReady if other trials take too long.
        """
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise NotReady(gettext("Another version is being tried: ask again in a moment."))
        try:
            self._cancel()
            if self._generator is None or self._generator.version != number:
                self._generator = None  # released before the next is loaded, so that there is room for it
                self._generator = self._load(number)
            return question(self._generator)
        finally:
            if self._generator is not None:
                self._timer = threading.Timer(self._kept_seconds, self.forget)
                self._timer.daemon = True
                self._timer.start()
            self._lock.release()

    def forget(self) -> None:
        """Release the version in memory; one that is in use is waited for."""
        with self._lock:
            self._cancel()
            self._generator = None

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
