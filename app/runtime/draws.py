"""How many screens one web process draws at once, so that the threads that store clicks are never all taken."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain_errors import Overloaded, TooMany

DRAWS_AT_ONCE = 16
"""Of the threads of a process (gunicorn.conf.py); those that draw together share the work."""
DRAWS_OF_ONE = 2
AGAIN_SECONDS = 1


class Draws:
    """The draws that are under way in this process."""

    def __init__(self, most: int = DRAWS_AT_ONCE, of_one: int = DRAWS_OF_ONE) -> None:
        self._most = most
        self._of_one = of_one
        self._lock = threading.Lock()
        self._drawing: Counter[int] = Counter()

    @contextmanager
    def one(self, user_id: int) -> Iterator[None]:
        """Take part in the draws; raises TooMany if that person draws enough already, Overloaded if all others do."""
        with self._lock:
            if self._drawing[user_id] >= self._of_one:
                raise TooMany(f"{self._of_one} texts of yours are being rewritten already.", again=AGAIN_SECONDS)
            if self._drawing.total() >= self._most:
                raise Overloaded("So many texts are being rewritten that this one has to wait.", again=AGAIN_SECONDS)
            self._drawing[user_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._drawing[user_id] -= 1
                self._drawing += Counter()  # forgets those who draw nothing
