"""The service of chat models: requests wait in bounded queues, and those of one model are written together.

One thread writes; another one loads, one model at a time, what requests or `load` ask for and what is not in memory.
Meanwhile models in memory write. One that leaves memory finishes what it is writing; requests that still wait for it
have it loaded again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from math import ceil

from models.chat.engine import ChatEngine, Draw
from models.chat.memory import Memory
from models.chat.source import Named
from models.chat.writing import AnswerRequest, Event, Written
from models.model_errors import AnswersRefused, LoadError, ModelError, WriterAway, WriterBusy

MOST_WAITING = 16
"""How many requests wait at most to be written by models in memory, and how many for models to be loaded."""
_FIRST_GUESS_SECONDS = 5.0
_STOPPED = "The writer of answers is being stopped: ask again in a moment."
_LATEST = 0.3
"""The share of the latest call in the mean time of a call."""


@dataclass
class Asked:
    """A request that was taken: events are told to `tell`, then `settle` is called once, with an error or None."""

    request: AnswerRequest
    model: Named
    tell: Callable[[Event], None]
    settle: Callable[[ModelError | None], None]
    gone: Callable[[], bool]


Load = Callable[[Named], ChatEngine]
"""Loads a model; raises ModelError."""


class ChatService:
    """Requests that wait, and the models that write for them. `ask` and `load` may be called from any thread."""

    def __init__(self, load: Load, most_models: int, most_waiting: int = MOST_WAITING) -> None:
        self._load, self._most_waiting = load, most_waiting
        self._changed = threading.Condition()
        self._memory = Memory(most_models)
        self._loads: dict[Named, Future[str]] = {}  # in the order in which they are loaded
        self._waiting: list[Asked] = []
        self._writing = 0
        self._written = 0
        self._cancelled = 0
        self._seconds = _FIRST_GUESS_SECONDS
        self._ended = False

    def ask(self, asked: Asked) -> bool:
        """Put a request into the queue; return whether its model is in memory, or else will be loaded first.

        Raises AnswersRefused for one that the model in memory cannot take, WriterBusy if too many wait, and WriterAway
        at the end.
        """
        asked.request.check()
        with self._changed:
            engine = self._memory.engine(asked.model)
        if engine is not None:
            engine.reader.tokens(asked.request.messages, asked.request.max_tokens)
        with self._changed:
            self._check_running()
            in_memory = asked.model in self._memory
            self._make_place(in_memory)
            self._waiting.append(asked)
            if not in_memory:
                self._loads.setdefault(asked.model, Future())
            self._changed.notify_all()
        return in_memory

    def load(self, model: Named) -> str:
        """Load a model unless it is in memory, and return its name; raises what its loading raises."""
        with self._changed:
            self._check_running()
            if model in self._memory:
                return self._memory.names()[model]
            loaded = self._loads.setdefault(model, Future())
            self._changed.notify_all()
        return loaded.result()

    def health(self) -> dict[str, object]:
        """Return the models in memory, the least used first, what is loaded, and how many requests wait and were."""
        with self._changed:
            return {
                "models": [{"name": name, "folder": str(model.folder)} for model, name in self._memory.names().items()],
                "loading": [str(model.folder) for model in self._loads],
                "waiting": len(self._waiting),
                "most_waiting": self._most_waiting,
                "writing": self._writing,
                "written": self._written,
                "cancelled": self._cancelled,
                "seconds_a_call": round(self._seconds, 2),
            }

    def run(self) -> None:
        """Load and write what is asked for until `end` is called; what waits then is settled as WriterAway."""
        threading.Thread(target=self._run_loads, daemon=True, name="load").start()
        while self._can_write():
            self._write_next()
        for asked in self._waiting:
            asked.settle(WriterAway(_STOPPED))
        for loaded in self._loads.values():
            loaded.set_exception(WriterAway(_STOPPED))

    def end(self) -> None:
        """Let `run` return soon: what is being written is not finished."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _can_write(self) -> bool:
        """Wait until there is something to write; return False at the end."""
        with self._changed:
            while not (self._ended or any(one.model in self._memory for one in self._waiting)):
                self._changed.wait()
            return not self._ended

    def _check_running(self) -> None:
        if self._ended:
            raise WriterAway(_STOPPED)

    def _make_place(self, in_memory: bool) -> None:
        """Raise WriterBusy if too many requests wait for models in memory, or for others, after those that are over."""
        self._waiting = [one for one in self._waiting if not self._is_over(one)]
        before = sum((one.model in self._memory) == in_memory for one in self._waiting)
        if before >= self._most_waiting:
            wait = max(1, ceil(self._seconds * (1 + before / 4)))
            raise WriterBusy(f"{before} requests for answers wait already: ask again in {wait} seconds.", wait)

    def _wanted(self) -> set[Named]:
        """Return the models that requests wait for."""
        return {one.model for one in self._waiting}

    def _run_loads(self) -> None:
        while (model := self._next_load()) is not None:
            self._load_one(model)

    def _next_load(self) -> Named | None:
        """Wait until a model is to be loaded and one in memory may leave for it; return None at the end."""
        with self._changed:
            while not self._ended:
                if self._loads and self._memory.has_room(self._wanted()):
                    return next(iter(self._loads))
                self._changed.wait()
        return None

    def _load_one(self, model: Named) -> None:
        """Load a model into memory, or settle the requests that wait for it with the reason why it cannot be."""
        try:
            engine = self._load(model)
        except ModelError as refusal:
            self._refuse(model, refusal.with_traceback(None))
        except Exception as failure:  # whatever the libraries raise must not end the thread
            self._refuse(model, LoadError(f"{model.folder} cannot be loaded: {type(failure).__name__}: {failure}"))
        else:
            self._keep(model, engine)

    def _keep(self, model: Named, engine: ChatEngine) -> None:
        with self._changed:
            if self._ended:
                return
            wanted = self._wanted()
            left = self._memory.put(model, engine, wanted)
            loaded = self._loads.pop(model)
            for one in left.keys() & wanted:
                self._loads[one] = Future()
            self._changed.notify_all()
        loaded.set_result(engine.name)

    def _refuse(self, model: Named, error: ModelError) -> None:
        with self._changed:
            if self._ended:
                return
            loaded = self._loads.pop(model)
            refused = [one for one in self._waiting if one.model == model]
            self._waiting = [one for one in self._waiting if one.model != model]
        for asked in refused:
            asked.settle(error)
        loaded.set_exception(error)

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
        with self._changed:
            model = next((one.model for one in self._waiting if one.model in self._memory), None)
            if model is None:  # it has just left
                return
            engine = self._memory.use(model)
            self._changed.notify_all()
        batch = self._next_batch(model, engine)
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

    def _next_batch(self, model: Named, engine: ChatEngine) -> list[tuple[Asked, Draw]]:
        """Take requests of a model that are written in one call from the queue; what it refuses is settled."""
        batch: list[tuple[Asked, Draw]] = []
        refused: list[tuple[Asked, ModelError]] = []
        with self._changed:
            left: list[Asked] = []
            for asked in self._waiting:
                if self._is_over(asked):
                    continue
                if asked.model != model:
                    left.append(asked)
                    continue
                draw = Draw(asked.request, asked.tell, partial(self._is_unwanted, asked))
                try:
                    draw.tokens = engine.reader.tokens(asked.request.messages, asked.request.max_tokens)
                except AnswersRefused as refusal:  # its model was not in memory when it came
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
