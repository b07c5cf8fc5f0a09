"""A version that does not serve, in memory for a while so that an admin can try it beside the one that does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from app.errors import NotReady
from models.serving.generator import Generator

KEPT_SECONDS = 180.0
PATIENCE_SECONDS = 60.0

Result = TypeVar("Result")


class Trial:
    """Holds at most one Generator, which `load` makes of a version, and lets go of it when nobody has used it lately.

    One trial at a time: while one version is loaded and asked, the next waits. So there is never a second one in
    memory, however many people try.
    """

    def __init__(self, load: Callable[[int], Generator], kept_seconds: float = KEPT_SECONDS) -> None:
        self._load = load
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._generator: Generator | None = None
        self._timer: threading.Timer | None = None

    @property
    def version(self) -> int | None:
        """The version in memory, if there is one."""
        generator = self._generator
        return generator.version if generator else None

    def ask(self, number: int, question: Callable[[Generator], Result]) -> Result:
        """What `question` makes of version `number`, loaded for it if need be.

        Raises ModelError if the version cannot be loaded, and NotReady if others are tried for too long.
        """
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise NotReady("Another version is being tried: ask again in a moment.")
        try:
            self._cancel()
            if self._generator is None or self._generator.version != number:
                self._generator = None  # gone before the next comes, so that there is room for it
                self._generator = self._load(number)
            return question(self._generator)
        finally:
            if self._generator is not None:
                self._timer = threading.Timer(self._kept_seconds, self.forget)
                self._timer.daemon = True
                self._timer.start()
            self._lock.release()

    def forget(self) -> None:
        """Let go of the version in memory; one that is being asked stays until it has answered."""
        with self._lock:
            self._cancel()
            self._generator = None

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
