"""How the process of a studio asks the pool for its turn, and how both spell what they say."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import NamedTuple


class Asked(NamedTuple):
    """The `number`th thing that a process says: that a run waits in `queue`, or (None) that it needs no turn."""

    number: int
    queue: str | None

    def spelled(self) -> bytes:
        """Return what is sent."""
        return f"{self.number} {self.queue or '-'}".encode()

    @classmethod
    def read(cls, said: bytes) -> Asked:
        """Return what was sent."""
        number, _, queue = said.decode().partition(" ")
        return cls(int(number), None if queue == "-" else queue)


def spelled_turn(number: int, gpus: str) -> bytes:
    """Return what gives the turn that was asked for under that number, on these GPUs (empty: on what there is)."""
    return f"{number} {gpus}".encode()


class Turn:
    """The turn of one studio, asked for at the other end of `pool`."""

    def __init__(self, pool: Connection) -> None:
        self._pool = pool
        self._number = 0
        self._asked = False

    def ask(self, queue: str) -> None:
        """Ask for a turn, for a run that waits in that queue."""
        self._asked = True
        self._say(queue)

    def comes(self, seconds: float) -> str | None:
        """Wait for the turn for so long; return the GPUs to use, empty for what there is, or None if it has not come.

        Ends the process if the pool is gone.
        """
        while self._pool.poll(seconds):
            try:
                number, _, gpus = self._pool.recv_bytes().decode().partition(" ")
            except (EOFError, OSError):
                sys.exit("The pool that this worker belongs to is gone.")
            if int(number) == self._number:  # others were given back meanwhile
                return gpus
        return None

    def give_back(self) -> None:
        """End the turn, or the wait for it; nothing if there is neither."""
        if self._asked:
            self._asked = False
            self._say(None)

    def _say(self, queue: str | None) -> None:
        self._number += 1
        try:
            self._pool.send_bytes(Asked(self._number, queue).spelled())
        except OSError:
            sys.exit("The pool that this worker belongs to is gone.")
