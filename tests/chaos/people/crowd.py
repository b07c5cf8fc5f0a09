"""Everybody who uses the studio: eight annotators, an admin who trains, and a person who asks whether it is back."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support.screens import prepare
from tests.chaos.people.annotator import Annotator
from tests.chaos.people.busy import AWAY, Busy
from tests.chaos.people.journal import Journal
from tests.chaos.people.trainer import Trainer
from tests.chaos.service import Service
from tests.processes import Api, wait_for

ANNOTATORS = 8
FIRST_CLICKS = 20
"""What the first run learns from."""
_LOOKS = (0.5, 2.5)


class Crowd:
    """The people of a service. They hold on until they are told to go on."""

    def __init__(self, service: Service, journal: Journal, tokens: Sequence[str], chance: random.Random) -> None:
        desks = [Api(service.port, token) for token in tokens]
        self._probe = Annotator(0, desks[0], journal, random.Random(chance.random()), (0.0, 0.0))
        while journal.acknowledged() < FIRST_CLICKS:
            self._probe.turn()
        self._people: list[Busy] = [
            Annotator(number, desks[number], journal, random.Random(chance.random()), _LOOKS)
            for number in range(1, ANNOTATORS + 1)
        ]
        person: int = desks[0].ok("GET", "/me")["id"]
        self._people.append(Trainer(service.api, person, random.Random(chance.random())))
        self.hold()
        for one in self._people:
            one.start()

    def go_on(self) -> None:
        """Let everybody work."""
        for one in self._people:
            one.resume()

    def hold(self) -> None:
        """Ask everybody to finish what is begun and to hold on."""
        for one in self._people:
            one.hold()

    def settled(self, seconds: float) -> list[str]:
        """Wait until everybody holds on with nothing left to send; returns the names of those who do not in time."""
        try:
            wait_for(lambda: all(one.settled for one in self._people), seconds)
        except AssertionError:
            return [one.name for one in self._people if not one.settled]
        return []

    def drawn_and_stored(self) -> bool:
        """Draw a screen and have a judgment stored; returns whether both were acknowledged."""
        try:
            self._probe.turn()
        except AWAY:
            return False
        return True

    def faults(self) -> list[str]:
        """Return what nobody should have been answered since the last time."""
        found = []
        for one in (self._probe, *self._people):
            found += one.faults
            one.faults = []
        return found

    def stop(self) -> None:
        """End everybody's work, and return once it has ended."""
        for one in self._people:
            one.over.set()
        for one in self._people:
            one.join()


def accounts(folder: Path, database: Path) -> list[str]:
    """Return the tokens of all who judge; their accounts are made the first time."""
    path = folder / "tokens.json"
    if not path.exists():
        path.write_text(json.dumps([desk.token for desk in prepare(database, ANNOTATORS + 1, 0)]), encoding="utf-8")
    tokens: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return tokens
