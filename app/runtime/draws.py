"""Bounds the screens that one web process draws at once, so that the threads that store clicks are never all taken."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain_errors import Overloaded, TooMany
from app.words import gettext, ngettext
from models.model_errors import NoLongerWanted
from models.serving.screen import Gone, never

DRAWS_AT_ONCE = 16
"""Of the threads of a process (gunicorn.conf.py), those that wait included; those that draw together share the work."""
CHAT_DRAWS_AT_ONCE = 8
"""Of the answers of chat models: they wait in the queue of the process that writes them, and hold threads for long."""
CHAT_PATIENCE_SECONDS = 60.0
DRAWS_OF_ONE = 2
WAITING_OF_ONE = 2
"""A desk may ask for its next screen while the one before is still drawn, and a page that was left still draws."""
PATIENCE_SECONDS = 10.0
AGAIN_SECONDS = 1
LOOK_SECONDS = 0.25
"""Seconds after which one that waits looks again whether it is still wanted."""


class Draws:
    """The draws that are under way in this process."""

    def __init__(self, most: int = DRAWS_AT_ONCE, patience: float = PATIENCE_SECONDS) -> None:
        self._most = most
        self._patience = patience
        self._changed = threading.Condition()
        self._drawing: Counter[int] = Counter()
        self._inside: Counter[int] = Counter()  # those who wait included

    @contextmanager
    def one(self, user_id: int, gone: Gone = never) -> Iterator[None]:
        """Take part in the draws, once fewer than DRAWS_OF_ONE of that person are under way.

        Raises TooMany if WAITING_OF_ONE of theirs wait already or this one waits too long, Overloaded if everybody
        together asks for too many, and NoLongerWanted if `gone` tells so while it waits.
        """
        with self._changed:
            if self._inside[user_id] >= DRAWS_OF_ONE + WAITING_OF_ONE:
                raise TooMany(
                    _already(self._inside[user_id]),
                    again=AGAIN_SECONDS,
                )
            if self._inside.total() >= self._most:
                raise Overloaded(
                    gettext("So many texts are being worked on that this one has to wait."), again=AGAIN_SECONDS
                )
            self._inside[user_id] += 1
            try:
                self._wait_for_turn(user_id, gone)
            except (TooMany, NoLongerWanted):
                self._leave(user_id)
                raise
            self._drawing[user_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._drawing[user_id] -= 1
                self._leave(user_id)

    def _wait_for_turn(self, user_id: int, gone: Gone) -> None:
        deadline = time.monotonic() + self._patience
        while self._drawing[user_id] >= DRAWS_OF_ONE:
            if gone():
                raise NoLongerWanted("Nobody waits for this draw any more.")
            left = deadline - time.monotonic()
            if left > 0:
                self._changed.wait(min(left, LOOK_SECONDS))
            else:
                raise TooMany(
                    _already(DRAWS_OF_ONE),
                    again=AGAIN_SECONDS,
                )

    def _leave(self, user_id: int) -> None:
        self._inside[user_id] -= 1
        if not self._inside[user_id]:
            del self._inside[user_id], self._drawing[user_id]
        self._changed.notify_all()


def _already(count: int) -> str:
    return ngettext(
        "%(num)d text of yours is being worked on already.",
        "%(num)d texts of yours are being worked on already.",
        count,
    )
