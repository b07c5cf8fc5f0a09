"""Somebody who uses the studio while parts of it die: draws screens, judges them, looks at a run and at a page.

Every request that fails is noted and repeated until it succeeds, a judgment under the same client_key. What may fail:

- a request that was in flight on the web process that was killed, which is cut off without an answer;
- one that needs what is away: it is answered 503 with Retry-After and one sentence, and succeeds when it is repeated.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.people.busy import AWAY
from tests.e2e.machines import Client, Heard
from tests.factories import PASSWORD
from tests.processes import wait_for

_AGAIN_SECONDS, _LOOK_SECONDS = 0.5, 0.3
_ONE_SENTENCE = re.compile(r"[A-Z][^.!?]+\.")


@dataclass(frozen=True)
class Failure:
    """One request that did not succeed: when it was sent and ended, by time.monotonic, and what was answered."""

    request: str
    sent: float
    ended: float
    status: int | None
    said: str
    told_to_wait: bool = False


@dataclass
class Visit:
    """What was seen since the last time: how many requests succeeded, the longest of them, and those that failed."""

    requests: int = 0
    longest: float = 0.0
    failures: tuple[Failure, ...] = ()


class Visitor(threading.Thread):
    """A person with a browser and a program at the web processes of one port; `judged` has what was acknowledged."""

    def __init__(self, port: int, token: str, email: str, chance: random.Random) -> None:
        super().__init__(name="visitor", daemon=True)
        self.judged: dict[str, int] = {}
        self.stumbled: str | None = None
        self.turns = 0
        self._program, self._browser = Client([port], token), Client([port])
        signed_in = self._browser.submit("/sign-in", "/sign-in", {"email": email, "password": PASSWORD})
        assert signed_in.status == 302, signed_in.text
        self._chance = chance
        self._over, self._wanted = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._visit = Visit()

    def run(self) -> None:
        """Use the studio, while that is wanted, until it is over."""
        try:
            while not self._over.is_set():
                if self._wanted.wait(_AGAIN_SECONDS):
                    self._turn()
                    self.turns += 1
        except _Over:
            return
        except Exception as error:
            self.stumbled = repr(error)

    def resume(self) -> None:
        """Let turns begin."""
        self._wanted.set()

    def hold(self) -> None:
        """Let no further turn begin."""
        self._wanted.clear()

    def stop(self) -> None:
        """End it, and return once it has ended."""
        self._over.set()
        self.join()

    def taken(self) -> Visit:
        """Return what was seen, and begin anew."""
        with self._lock:
            visit, self._visit = self._visit, Visit()
        return visit

    def goes_on(self, seconds: float) -> bool:
        """Return whether everything succeeds again: a whole turn that began from now on has ended in time."""
        begun = self.turns
        try:
            wait_for(lambda: self.turns > begun + 1 or self.stumbled, seconds)
        except AssertionError:
            return False
        return self.stumbled is None

    def _turn(self) -> None:
        text = f"you are stupid, and so is your question number {self._chance.randrange(10_000)}"
        screen = self._call("POST", "/generations", {"text": text})
        key = str(uuid.uuid4())
        chosen = self._chance.choice(screen["candidates"])["id"]
        said = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": chosen, "client_key": key}
        self.judged[key] = self._call("POST", "/judgments", said)["id"]
        self._call("GET", "/me")
        self._until_it_succeeds("GET /annotate", lambda: self._browser.ask("GET", "/annotate"))

    def _call(self, method: str, path: str, body: object = None) -> Any:
        payload = None if body is None else json.dumps(body).encode()

        def request() -> Heard:
            return self._program.ask(method, f"/api/v1{path}", payload, Content_Type="application/json")

        return self._until_it_succeeds(f"{method} {path}", request).json

    def _until_it_succeeds(self, name: str, request: Callable[[], Heard]) -> Heard:
        while not self._over.is_set():
            sent = time.monotonic()
            try:
                heard = request()
            except AWAY as error:
                self._note(Failure(name, sent, time.monotonic(), None, repr(error)))
            else:
                seconds = time.monotonic() - sent
                if heard.status < 300:
                    with self._lock:
                        self._visit.requests += 1
                        self._visit.longest = max(self._visit.longest, seconds)
                    self._over.wait(_LOOK_SECONDS)
                    return heard
                self._note(Failure(name, sent, sent + seconds, heard.status, heard.text[:300], told_to_wait(heard)))
            self._over.wait(_AGAIN_SECONDS)
        raise _Over

    def _note(self, failure: Failure) -> None:
        with self._lock:
            self._visit.failures = (*self._visit.failures, failure)


class _Over(Exception):
    """The visit ends in the middle of a turn."""


def told_to_wait(heard: Heard) -> bool:
    """Tell whether an answer is the product's own 503: with Retry-After, and one sentence or the page that has it."""
    if heard.status != 503 or not heard.headers.get("Retry-After", "").isdigit():
        return False
    if heard.headers.get_content_type() == "application/problem+json":
        return _ONE_SENTENCE.fullmatch(heard.json["detail"]) is not None
    return "(503)" in heard.text


@dataclass(frozen=True)
class Sorted:
    """How many requests were cut off in flight or told to wait, and sentences about those that failed otherwise."""

    cut: int
    told_to_wait: int
    faults: tuple[str, ...]


def sorted_out(failures: Sequence[Failure], killed: str, at: float, gone: float) -> Sorted:
    """Sort failures by whether they may be: `killed` was sent its signal `at` a moment and was `gone` at another."""
    in_flight = [
        one for one in failures if killed == "web" and one.status is None and one.sent <= gone and one.ended >= at
    ]
    waiting = [one for one in failures if one.told_to_wait]
    others = [one for one in failures if one not in in_flight and one not in waiting]
    told = [
        f"{one.request} {one.sent - at:+.1f} s from the kill: {one.status or 'no answer'} {one.said}" for one in others
    ]
    return Sorted(len(in_flight), len(waiting), tuple(told))
