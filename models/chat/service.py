"""The service of one chat model: requests wait in a bounded queue, are written together, and the model can be swapped.

One thread writes. A swap loads the other model beside the one in use, then takes its place between two calls: what is
being written is finished by the old one, what waits is written by the new one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil

from models.chat.engine import ChatEngine, Draw
from models.chat.writing import AnswerRequest, Event, Written
from models.model_errors import AnswersRefused, ModelError, WriterAway, WriterBusy

MOST_WAITING = 16
_FIRST_GUESS_SECONDS = 5.0
_STOPPED = "The writer of answers is being stopped: ask again in a moment."
_LATEST = 0.3
"""The share of the latest call in the mean time of a call."""


@dataclass
class Asked:
    """A request that was taken: events are told to `tell`, then `settle` is called once, with an error or None."""

    request: AnswerRequest
    tell: Callable[[Event], None]
    settle: Callable[[ModelError | None], None]
    gone: Callable[[], bool]


class ChatService:
    """Requests that wait, and the model that writes for them. `ask` and `swap` may be called from any thread."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._engine: ChatEngine | None = None
        self._waiting: list[Asked] = []
        self._writing = 0
        self._written = 0
        self._cancelled = 0
        self._seconds = _FIRST_GUESS_SECONDS
        self._ended = False
        self._swapping = threading.Lock()

    def ask(self, asked: Asked) -> None:
        """Put a request into the queue.

        Raises AnswersRefused for one that the model cannot take, WriterBusy if too many wait, WriterAway while no model
        is loaded.
        """
        asked.request.check()
        engine = self._present()
        engine.reader.tokens(asked.request.messages, asked.request.max_tokens)
        with self._changed:
            self._waiting = [one for one in self._waiting if not self._is_over(one)]
            if len(self._waiting) >= self._most_waiting:
                wait = max(1, ceil(self._seconds * (1 + len(self._waiting) / 4)))
                raise WriterBusy(
                    f"{len(self._waiting)} requests for answers wait already: ask again in {wait} seconds.", wait
                )
            self._waiting.append(asked)
            self._changed.notify()

    def swap(self, load: Callable[[], ChatEngine]) -> str:
        """Load another model and let it write from the next call on; return its name.

        Raises what `load` raises; then the model in use stays.
        """
        with self._swapping:
            engine = load()
            with self._changed:
                self._engine = engine
        return engine.name

    def health(self) -> dict[str, object]:
        """Return the model's name, empty while none is loaded, and how many requests wait, are written and were."""
        with self._changed:
            return {
                "model": self._engine.name if self._engine else "",
                "waiting": len(self._waiting),
                "most_waiting": self._most_waiting,
                "writing": self._writing,
                "written": self._written,
                "cancelled": self._cancelled,
                "seconds_a_call": round(self._seconds, 2),
            }

    def run(self) -> None:
        """Write what waits until `end` is called; what waits then is settled as WriterAway."""
        while True:
            with self._changed:
                while not (self._waiting or self._ended):
                    self._changed.wait()
                if self._ended:
                    break
            self._write_next()
        for asked in self._waiting:
            asked.settle(WriterAway(_STOPPED))

    def end(self) -> None:
        """Let `run` return soon: what is being written is not finished."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _present(self) -> ChatEngine:
        with self._changed:
            if self._engine is None:
                raise WriterAway("The chat model is being loaded: ask again in a moment.")
            return self._engine

    def _is_unwanted(self, asked: Asked) -> bool:
        return self._ended or asked.gone()

    def _is_over(self, asked: Asked) -> bool:
        """Return whether nobody waits for a request any more; counts it then."""
        if asked.gone():
            self._cancelled += 1
            return True
        return False

    def _write_next(self) -> None:
        """Write the request that came first, with those that fit it, and settle them."""
        engine = self._present()
        batch = self._next_batch(engine)
        if not batch:
            return
        began = time.monotonic()
        error: ModelError | None = None
        try:
            engine.write([draw for _, draw in batch])
        except ModelError as refusal:
            error = refusal.with_traceback(None)  # whose frames hold the model: see `_hear` of the engine
        except Exception as failure:  # whatever the libraries raise must not end the thread
            error = WriterAway(f"The chat model failed: {type(failure).__name__}: {failure}")
        if self._ended:
            error = WriterAway(_STOPPED)
        with self._changed:
            self._writing = 0
            self._seconds += _LATEST * (time.monotonic() - began - self._seconds)
            for asked, _ in batch:
                if not self._is_over(asked):
                    self._written += error is None
        for asked, _ in batch:
            if error is None:
                asked.tell(Written(engine.name))
            asked.settle(error)

    def _next_batch(self, engine: ChatEngine) -> list[tuple[Asked, Draw]]:
        """Take requests from the queue that are written in one call; what the model refuses is settled."""
        batch: list[tuple[Asked, Draw]] = []
        refused: list[tuple[Asked, ModelError]] = []
        with self._changed:
            left: list[Asked] = []
            for asked in self._waiting:
                if self._is_over(asked):
                    continue
                draw = Draw(asked.request, asked.tell, partial(self._is_unwanted, asked))
                try:
                    draw.tokens = engine.reader.tokens(asked.request.messages, asked.request.max_tokens)
                except AnswersRefused as refusal:  # the model before this one may have held more
                    refused.append((asked, refusal.with_traceback(None)))
                    continue
                if not batch or engine.fits([one for _, one in batch], draw):
                    batch.append((asked, draw))
                else:
                    left.append(asked)
            self._waiting = left
            self._writing = len(batch)
        for asked, error in refused:
            asked.settle(error)
        return batch
