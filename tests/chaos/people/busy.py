"""Somebody who uses the studio in turns, and can be asked to finish what is begun and to hold on."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence

from tests.processes import Answer, Api

LOOK_SECONDS = 0.2


class NotNow(Exception):
    """The server answered, but not with what was asked for: it is to be asked again."""


AWAY = (OSError, http.client.HTTPException, NotNow)


class Busy(threading.Thread):
    """A thread of turns. A turn that fails because the studio is away is tried again a second later.

    `faults` are answers that a studio should never give, whatever was killed.
    """

    def __init__(self, name: str, api: Api) -> None:
        super().__init__(name=name, daemon=True)
        self.faults: list[str] = []
        self.over = threading.Event()
        self._api = api
        self._held = threading.Event()
        self._settled = threading.Event()

    def turn(self) -> None:
        """Do the next thing; raises one of AWAY if the studio is away."""
        raise NotImplementedError

    def settle(self) -> bool:
        """Try to finish what was begun, and return whether nothing is left of it."""
        return True

    def hold(self) -> None:
        """Ask for no further turn."""
        self._settled.clear()
        self._held.set()

    def resume(self) -> None:
        """Let the turns go on."""
        self._held.clear()

    @property
    def settled(self) -> bool:
        """Whether the thread holds on, with nothing left that was begun."""
        return self._settled.is_set()

    def run(self) -> None:
        """Take turns until it is over."""
        while not self.over.is_set():
            try:
                if not self._held.is_set():
                    self.turn()
                    continue
                if self.settle():
                    self._settled.set()
                self.over.wait(LOOK_SECONDS)
            except AWAY:
                self.over.wait(1.0)
            except Exception as error:
                self.faults.append(f"{self.name} stumbled: {error!r}")
                self.over.wait(1.0)

    def ask(self, method: str, path: str, body: object = None, *, expected: Sequence[int]) -> Answer:
        """Return an answer with one of the expected statuses; raises NotNow for another, OSError for none."""
        answer = self._api.call(method, path, body)
        if answer.status in expected:
            return answer
        if answer.status not in (429, 503):
            self.faults.append(f"{method} {path} answered {answer.status}: {answer.body}")
        raise NotNow(answer.status)
