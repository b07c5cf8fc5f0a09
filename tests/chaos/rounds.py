"""Rounds: people work, something is killed, the studio comes back, and what must hold is looked at."""

from __future__ import annotations

import datetime
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from redis.exceptions import RedisError

from benchmarks.support.harness import machine
from models.store.store import CheckpointStore
from tests.chaos.checks import (
    Found,
    RunWatch,
    check_counts,
    check_database,
    check_judgments,
    check_versions,
    snapshot,
    training_now,
)
from tests.chaos.people.busy import AWAY
from tests.chaos.people.crowd import Crowd, accounts
from tests.chaos.people.journal import Journal
from tests.chaos.service import KINDS, Service
from tests.processes import ADMIN, alive, wait_for

ROUNDS = "rounds.jsonl"
BACK_SECONDS = 30.0
"""Within so many seconds the studio is back without a hand."""
GIVEN_UP_SECONDS = 90.0
KILLS_APART = 16.0
"""Seconds, at least: the supervisor gives up a part that ends five times within a minute, and is right to."""
_BEFORE_KILL, _AFTER_EVALUATING = (3.0, 20.0), (0.0, 30.0)
_LATE_SHARE = 1 / 3
"""Of the rounds: in these a run is first let go on to its evaluation, so that versions are published at all."""
_RUN_SECONDS = 150.0
_SETTLE_SECONDS = 60.0
_HORSE_SECONDS = 360.0
_FOLLOW_SECONDS = 20.0
"""Longer than a web process that was killed is still reported to serve what it served."""


@dataclass(frozen=True)
class Round:
    """One round: what was killed, when, what went on, and what was found; `back` is None if nothing came back.

    `published` counts the versions that runs had published by its end, deleted ones included. `load` is how many
    processes of the machine were ready to run, on average of the minute before its end.
    """

    number: int
    seed: int
    killed: str
    at: float
    training: str
    acknowledged_before: int
    back: float | None
    acknowledged: int
    missing: int
    doubled: int
    half: int
    removing: int
    unrecorded: int
    faults: list[str] = field(default_factory=list)
    machine: str = ""
    date: str = ""
    load: float | None = None
    published: int = 0


def read_rounds(path: Path) -> list[Round]:
    """Return the rounds of a file of JSON lines; none if there is no such file."""
    if not path.exists():
        return []
    return [Round(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def kind_of(number: int, seed: int, kinds: Sequence[str] = KINDS) -> str:
    """Return what round `number` kills: of each seven rounds one of each kind, in an order drawn by the seed."""
    block, place = divmod(number - 1, len(kinds))
    return random.Random(f"{seed}, block {block}").sample(kinds, len(kinds))[place]


class Chaos:
    """The rounds on one studio; what was played before is in `rounds`."""

    def __init__(self, folder: Path, seed: int, service: Service, journal: Journal) -> None:
        self._seed = seed
        self._folder = folder
        self.rounds = read_rounds(folder / ROUNDS)
        self._service = service
        self._journal = journal
        self._database = service.home / "mellow.db"
        self._watch = RunWatch()
        self._last_kill = float("-inf")
        chance = random.Random(f"{seed}, people, from round {len(self.rounds) + 1}")
        self._crowd = Crowd(service, journal, accounts(folder, self._database), chance)

    def close(self) -> None:
        """End everybody's work."""
        self._crowd.stop()

    def play(self, number: int) -> Round:
        """Play one round and keep it; returns what was found."""
        said = len(self._service.lines)
        kind = kind_of(number, self._seed)
        began = time.monotonic()
        self._crowd.go_on()
        victims = self._wait_for_victims(kind, random.Random(f"{self._seed}, round {number}"))
        training, before = training_now(self._database), self._journal.acknowledged()
        for victim in victims:
            victim.kill()
        self._last_kill = time.monotonic()
        back = self._wait_until_back(victims)
        found = self._look()
        if back is None or back > BACK_SECONDS:
            found.faults.append(f"The studio was not back within {BACK_SECONDS:.0f} s: {self._state()}")
        played = Round(
            number=number,
            seed=self._seed,
            killed=kind,
            at=round(self._last_kill - began, 1),
            training=training,
            acknowledged_before=before,
            back=None if back is None else round(back, 1),
            **asdict(found),
            machine=machine(),
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            load=round(os.getloadavg()[0], 1),
        )
        self._keep(played, self._service.lines[said:])
        return played

    def wait_for_the_last_run(self) -> None:
        """Return once no run waits or works; AssertionError if one is stuck."""
        wait_for(lambda: training_now(self._database) == "no run", 3 * GIVEN_UP_SECONDS, what="the end of the last run")

    def wait_for_a_version(self) -> Found:
        """Let people work, with nothing killed, until a run has published a version; returns what is found then."""
        self._crowd.go_on()
        wait_for(lambda: self._published() > 0, 3 * GIVEN_UP_SECONDS, what="a published version")
        return self._look()

    def _published(self) -> int:
        with snapshot(self._database) as connection:
            count: int = connection.execute("SELECT count(*) FROM versions WHERE number > 1").fetchone()[0]
        return count

    def _wait_for_victims(self, kind: str, chance: random.Random) -> list[psutil.Process]:
        """Let a random time pass, and return what is to be killed then."""
        deadline = time.monotonic() + _HORSE_SECONDS
        while time.monotonic() < deadline:
            if kind == "work-horse":
                wait_for(lambda: self._service.victims(kind), _HORSE_SECONDS, what="a run that works")
            late = chance.random() < _LATE_SHARE and self._evaluates()
            pause = chance.uniform(*(_AFTER_EVALUATING if late else _BEFORE_KILL))
            time.sleep(max(pause, self._last_kill + KILLS_APART - time.monotonic()))
            if victims := self._service.victims(kind):
                return victims
        raise AssertionError(f"There was no {kind} to kill: {self._state()}")

    def _evaluates(self) -> bool:
        """Wait for a run that is about to be published; returns whether there was one in time."""
        deadline = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < deadline:
            if training_now(self._database) in ("evaluating", "publishing"):
                return True
            time.sleep(0.1)
        return False

    def _wait_until_back(self, victims: Sequence[psutil.Process]) -> float | None:
        """Return the seconds from the kill until all parts are there, a screen is drawn and a judgment stored."""
        while time.monotonic() - self._last_kill < GIVEN_UP_SECONDS:
            if not alive(victims) and self._state() is None and self._crowd.drawn_and_stored():
                return time.monotonic() - self._last_kill
            time.sleep(0.1)
        return None

    def _state(self) -> str | None:
        """Return what is not there yet, None if all parts do their work."""
        try:
            return self._service.missing()
        except (*AWAY, RedisError, psutil.Error) as error:
            return repr(error)

    def _look(self) -> Found:
        """Have everybody finish what is begun, and check what must hold."""
        self._crowd.hold()
        late = [f"{name} could not send what waits" for name in self._crowd.settled(_SETTLE_SECONDS)]
        found = Found(faults=[*late, *self._crowd.faults()])
        with snapshot(self._database) as connection:
            check_database(connection, found)
            check_judgments(connection, self._journal.gestures, found)
            self._watch.check(connection, found)
            check_counts(connection, self._service.page("/metrics")[1], found)
        check_versions(self._database, CheckpointStore(self._service.home / "versions"), found)
        self._check_that_all_follow(found)
        return found

    def _check_that_all_follow(self, found: Found) -> None:
        """Check that every web process serves the version that the alias names; a run may move it meanwhile."""

        def follow() -> bool:
            with snapshot(self._database) as connection:
                serving = connection.execute("SELECT version_number FROM aliases").fetchone()[0]
            return {state.version for state in self._service.queue.reports().values()} == {serving}

        try:
            wait_for(follow, _FOLLOW_SECONDS)
        except AssertionError:
            found.faults.append(f"Web processes serve {list(self._service.queue.reports().values())}")

    def _keep(self, played: Round, lines: Sequence[str]) -> None:
        self.rounds.append(played)
        with (self._folder / ROUNDS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(played), ensure_ascii=False) + "\n")
        with (self._folder / "product.log").open("a", encoding="utf-8") as file:
            file.write("\n".join([f"Round {played.number}: {played.killed}", *played.faults, *lines]) + "\n")


@contextmanager
def chaos_in(folder: Path, seed: int) -> Iterator[Chaos]:
    """Start the studio of that folder, or start it again, with everybody who uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Service(folder / "home", **ADMIN) as service,
        closing(Journal(folder / "gestures.jsonl")) as journal,
        closing(Chaos(folder, seed, service, journal)) as chaos,
    ):
        yield chaos
