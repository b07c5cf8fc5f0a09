"""The chat models in memory: the least used leaves when another one comes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from models.chat.engine import ChatEngine
from models.chat.source import Named


@dataclass
class _Held:
    """A model, and whether nothing was written by it since it was loaded."""

    engine: ChatEngine
    fresh: bool = True


class Memory:
    """At most `most` models; several threads that use it hold a lock.

    A model whose turn to write has not come since it was loaded is kept while requests want it, or models would push
    each other out and write nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Named, _Held] = {}  # the least used first

    def __contains__(self, model: Named) -> bool:
        return model in self._held

    def engine(self, model: Named) -> ChatEngine | None:
        """Return a model, None if it is not here."""
        held = self._held.get(model)
        return held.engine if held else None

    def use(self, model: Named) -> ChatEngine:
        """Return a model that is here to write by it; it is then the most used."""
        held = self._held[model] = self._held.pop(model)
        held.fresh = False
        return held.engine

    def has_room(self, wanted: Collection[Named]) -> bool:
        """Return whether another model may come while requests want those."""
        return len(self._held) < self._most or self._leaving(wanted) is not None

    def put(self, model: Named, engine: ChatEngine, wanted: Collection[Named]) -> dict[Named, ChatEngine]:
        """Keep another model; return those that left for it."""
        left = {}
        while len(self._held) >= self._most:
            leaving = self._leaving(wanted) or next(iter(self._held))
            left[leaving] = self._held.pop(leaving).engine
        self._held[model] = _Held(engine)
        return left

    def names(self) -> dict[Named, str]:
        """Return the models that are here with their names, the least used first."""
        return {model: held.engine.name for model, held in self._held.items()}

    def _leaving(self, wanted: Collection[Named]) -> Named | None:
        return next((model for model, held in self._held.items() if not (held.fresh and model in wanted)), None)
