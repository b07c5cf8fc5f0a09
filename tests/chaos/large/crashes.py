"""Rounds on the large set-up: a run is asked for, a part is killed at some moment of it, and the outcome is checked."""

from __future__ import annotations

import datetime
import json
import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.db import TrainingRun, User, Version
from benchmarks.support.harness import machine
from tests.chaos.large import outcome
from tests.chaos.large.crash import Crash, read_crashes
from tests.chaos.large.kept_parts import KINDS, VISITOR_EMAIL, VISITOR_TOKEN, LargeSetup, in_words, large_setup
from tests.chaos.large.visitor import Visitor, sorted_out
from tests.chaos.rounds import kind_of
from tests.processes import wait_for

ROUNDS, UNDISTURBED = "rounds.jsonl", "undisturbed.json"
CONFIG = {"num_train_epochs": 8, "learning_rate": 1e-4, "head_pairs": 0}
"""A run of the tiny model whose training takes about as long as what comes before and after it."""
UNDISTURBED_RUNS = 3
_RUN_SECONDS = 600.0
_BACK_SECONDS = 120.0
_LOOK_SECONDS = 0.25


class Undisturbed(NamedTuple):
    """An undisturbed run: its seconds, those for which it had training processes, and the weights that it made."""

    seconds: float
    training_seconds: float
    weights: outcome.Weights


class _Kill(NamedTuple):
    at: float
    sent: float
    gone: float
    stage: str


class Crashes:
    """The rounds on one set-up; what was played before is in `rounds`."""

    def __init__(self, folder: Path, seed: int, setup: LargeSetup) -> None:
        self.rounds = read_crashes(folder / ROUNDS)
        self._folder = folder
        self._seed = seed
        self._setup = setup
        with setup.sessions() as session:
            self._teacher: int = session.scalars(select(User.id).where(User.email == "teacher@example.org")).one()
        self._visitor = Visitor(setup.port, VISITOR_TOKEN, VISITOR_EMAIL, random.Random(seed))
        self._visitor.start()
        self._usual: Undisturbed | None = None

    def close(self) -> None:
        """End the visit."""
        self._visitor.stop()

    def measure(self, runs: int = UNDISTURBED_RUNS) -> Undisturbed:
        """Let runs end undisturbed; AssertionError unless they, and those of earlier times, made the same weights."""
        found = [self._undisturbed() for _ in range(runs)]
        kept = self._folder / UNDISTURBED
        weights = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else dict(found[0].weights)
        for one in found:
            assert one.weights == weights, "Undisturbed runs differ, so that nothing can be said of disturbed ones."
        kept.write_text(json.dumps(weights, indent=2), encoding="utf-8")
        seconds = statistics.median(one.seconds for one in found)
        training_seconds = statistics.median(one.training_seconds for one in found)
        self._usual = Undisturbed(seconds, training_seconds, weights)
        return self._usual

    def play(self, number: int) -> Crash:
        """Play one round and keep it.

        A run that ends before the moment of its kill was undisturbed: the next one is compared with it, in its place.
        """
        usual = self._usual or self.measure()
        kind = kind_of(number, self._seed, KINDS)
        chance = random.Random(f"{self._seed}, round {number}")
        while isinstance(played := self._play(number, kind, usual, chance), float):
            share = played / usual.seconds
            usual = self._usual = usual._replace(seconds=played, training_seconds=usual.training_seconds * share)
        self.rounds.append(played)
        with (self._folder / ROUNDS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(played), ensure_ascii=False) + "\n")
        self._keep_lines(played)
        return played

    def _play(self, number: int, kind: str, usual: Undisturbed, chance: random.Random) -> Crash | float:
        """Return what came of a round, or the seconds of a run that ended before its moment."""
        before = self._begin()
        asked = time.monotonic()
        run_id = self._ask_for_a_run()
        kill = self._kill(kind, asked, run_id, usual, chance)
        if kill is None:
            early = self._wait_for_end(run_id)
            assert outcome.weights_of(self._setup.bucket, early.produced_version or 0) == usual.weights
            return _seconds(early)
        run, faults = None, []
        try:
            run = self._wait_for_end(run_id)
        except AssertionError as error:
            faults.append(str(error))
        ended = time.monotonic() - asked
        faults += self._wait_until_all_is_back()
        self._visitor.hold()
        visit = self._visitor.taken()
        failures = sorted_out(visit.failures, kind, kill.sent, kill.gone)
        with self._setup.sessions() as session:
            faults += outcome.faults_of(session, self._setup.bucket, run_id, before, usual.weights)
            faults += outcome.judgment_faults(session, dict(self._visitor.judged))
        return Crash(
            number=number,
            seed=self._seed,
            killed=kind,
            at=round(kill.at, 1),
            undisturbed=round(usual.seconds, 1),
            stage=kill.stage,
            ended=round(ended, 1),
            attempts=run.attempts if run else 0,
            requests=visit.requests,
            longest=round(visit.longest, 1),
            cut=failures.cut,
            told_to_wait=failures.told_to_wait,
            left_over=outcome.left_over(self._setup.bucket),
            faults=(*faults, *failures.faults),
            machine=machine(),
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            load=round(os.getloadavg()[0], 1),
        )

    def _undisturbed(self) -> Undisturbed:
        before = self._begin()
        run_id = self._ask_for_a_run()
        seen: list[float] = []
        while self._goes_on(run_id):
            if self._setup.victims("training process"):
                seen.append(time.monotonic())
            time.sleep(_LOOK_SECONDS)
        run = self._wait_for_end(run_id)
        with self._setup.sessions() as session:
            faults = list(outcome.faults_of(session, self._setup.bucket, run_id, before, None))
        self._visitor.hold()
        visit = self._visitor.taken()
        assert not faults, faults
        assert not visit.failures, visit.failures
        assert seen, f"No training processes were started: {run.log}"
        number = run.produced_version
        assert number is not None
        return Undisturbed(_seconds(run), seen[-1] - seen[0], outcome.weights_of(self._setup.bucket, number))

    def _begin(self) -> set[int]:
        """Let version 1 serve again, delete the others, and return the numbers of all that there ever were."""
        self._setup.api.ok("PUT", "/aliases/serving", {"version": 1})
        with self._setup.sessions() as session:
            versions = {one.number: one.deleted_at for one in session.scalars(select(Version))}
        for number, deleted_at in versions.items():
            if number > 1 and deleted_at is None:
                self._setup.api.ok("DELETE", f"/versions/{number}?confirm={number}")
        self._visitor.resume()
        assert self._visitor.goes_on(_BACK_SECONDS), self._visitor.stumbled
        self._visitor.taken()
        return set(versions)

    def _ask_for_a_run(self) -> int:
        wish = {"method": "dpo", "config": CONFIG, "selection": {"people": [self._teacher]}}
        number: int = self._setup.api.ok("POST", "/training-runs", wish)["id"]
        return number

    def _kill(self, kind: str, asked: float, run_id: int, usual: Undisturbed, chance: random.Random) -> _Kill | None:
        """Kill a part at a random moment of the run; returns None if the run has ended before.

        The moment is drawn from the undisturbed run's seconds, for a training process from those for which it has any.
        """
        if kind == "training process":
            if not self._wait_for_victims(kind, run_id):
                return None
            moment = time.monotonic() + chance.uniform(0, usual.training_seconds)
        else:
            moment = asked + chance.uniform(0, usual.seconds)
        while self._goes_on(run_id) and (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
        victims = self._wait_for_victims(kind, run_id)
        if not victims:
            return None
        run = self._run(run_id)
        victim = chance.choice(victims)
        sent = time.monotonic()
        victim.kill()
        psutil.wait_procs([victim], timeout=10)
        return _Kill(sent - asked, sent, time.monotonic(), _stage(run))

    def _wait_for_victims(self, kind: str, run_id: int) -> list[psutil.Process]:
        """Return what can be killed, once there is something; nothing if the run has ended first."""
        while self._goes_on(run_id):
            if victims := self._setup.victims(kind):
                return victims
            time.sleep(_LOOK_SECONDS)
        return []

    def _goes_on(self, run_id: int) -> bool:
        """Return whether the run has not ended, as far as the database can be asked."""
        run = self._run(run_id)
        return run is None or run.active

    def _wait_for_end(self, run_id: int) -> TrainingRun:
        def ended() -> TrainingRun | None:
            run = self._run(run_id)
            return None if run is None or run.active else run

        found = wait_for(ended, _RUN_SECONDS, what=f"the end of run {run_id}")
        assert found is not None
        return found

    def _run(self, run_id: int) -> TrainingRun | None:
        """Return the run as it is now, None while the database is away."""
        try:
            with self._setup.sessions() as session:
                return session.get(TrainingRun, run_id)
        except SQLAlchemyError:
            return None

    def _wait_until_all_is_back(self) -> Iterator[str]:
        """Wait for every part and for the visitor, whose requests must all succeed by then; yields what did not."""
        try:
            wait_for(lambda: in_words(self._setup) is None, _BACK_SECONDS)
        except AssertionError:
            yield f"Not back within {_BACK_SECONDS:.0f} s: {in_words(self._setup)}"
        if not self._visitor.goes_on(_BACK_SECONDS):
            yield f"The visitor's requests do not succeed when repeated: {self._visitor.stumbled}"

    def _keep_lines(self, played: Crash) -> None:
        """Append what the parts said to the log."""
        with (self._folder / "parts.log").open("a", encoding="utf-8") as file:
            file.write(f"Round {played.number}: {played.killed}\n" + "".join(f"! {one}\n" for one in played.faults))
            for name, part in self._setup.parts.items():
                lines, part.lines[:] = list(part.lines), []
                file.write("".join(f"{name}: {line}\n" for line in lines))


def _seconds(run: TrainingRun) -> float:
    """Return how long a run that has ended took from its request."""
    assert run.finished_at is not None
    return (run.finished_at - run.created_at).total_seconds()


def _stage(run: TrainingRun | None) -> str:
    if run is None:
        return "not known"
    steps = f", step {run.step} of {run.total_steps}" if run.stage == "training" and run.total_steps else ""
    return f"{run.stage}{steps}"


@contextmanager
def crashes_in(folder: Path, seed: int) -> Iterator[Crashes]:
    """Start the large set-up of that folder, with somebody who uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    with large_setup(folder) as setup, closing(Crashes(folder, seed, setup)) as crashes:
        yield crashes
