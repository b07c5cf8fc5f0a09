"""An annotator over HTTP who keeps each gesture until it is acknowledged, as the desk does.

The rules are those of static/js/desk/gestures/outbox.js: gestures are sent one after the other, a failed one again
after one second, then two, up to twenty, or with the next gesture, and always under the same client_key.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

from tests.chaos.people.busy import AWAY, Busy
from tests.chaos.people.journal import Journal
from tests.processes import Api

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 20.0
REFUSED = (400, 404, 409, 413, 422)
UNDO_SHARE = 0.1
_VERDICTS = {"chosen": 0.8, "edited": 0.05, "tie": 0.05, "none": 0.05, "skipped": 0.05}
_INSULTS = ("idiot", "moron", "fool", "clown", "liar", "coward")
_DEEDS = ("parked the car", "wrote the report", "told the story", "fixed the door", "cut the tree", "cooked the soup")


class Annotator(Busy):
    """One person at one desk; `looks` are the fewest and the most seconds at a screen."""

    def __init__(
        self, desk: int, api: Api, journal: Journal, chance: random.Random, looks: tuple[float, float]
    ) -> None:
        super().__init__(f"annotator {desk}", api)
        self._desk = desk
        self._journal = journal
        self._chance = chance
        self._looks = looks
        self._outbox = journal.waiting(desk)
        self._pause, self._next_try = FIRST_PAUSE, 0.0

    def turn(self) -> None:
        """Draw a screen, look at it, judge it, and now and then take that back."""
        if self._outbox and time.monotonic() >= self._next_try:
            self.send()
        screen = self.ask("POST", "/generations", {"text": self._text()}, expected=[201]).body
        self.over.wait(self._chance.uniform(*self._looks))
        key = self._journal.made(self._desk, self._judgment(screen))
        self._outbox.append(key)
        if self._chance.random() < UNDO_SHARE:
            self._journal.became(key, taken_back=True)
        self.send()

    def settle(self) -> bool:
        """Send what waits, as a desk does that is opened again."""
        self.send()
        return not self._outbox

    def send(self) -> None:
        """Send what waits, the oldest first; raises one of AWAY if some of it still waits."""
        try:
            while self._outbox:
                self._send(self._outbox[0])
                self._outbox.pop(0)
            self._pause = FIRST_PAUSE
        except AWAY:
            self._next_try = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            raise

    def _send(self, key: str) -> None:
        gesture = self._journal.gestures[key]
        if gesture.id is None:
            answer = self.ask("POST", "/judgments", gesture.body, expected=[201, *REFUSED])
            if answer.status in REFUSED:
                self.faults.append(f"Judgment {key} was refused with {answer.status}: {answer.body}")
                self._journal.became(key, refused=True)
                return
            self._journal.became(key, id=answer.body["id"])
        if gesture.taken_back and not gesture.undone:
            self.ask("DELETE", f"/judgments/{gesture.id}", expected=[204])
            self._journal.became(key, undone=True)

    def _judgment(self, screen: dict[str, Any]) -> dict[str, Any]:
        verdict = self._chance.choices(list(_VERDICTS), list(_VERDICTS.values()))[0]
        body = {"generation_id": screen["id"], "verdict": verdict, "client_key": str(uuid.uuid4()), "seconds": 1.0}
        if verdict == "chosen":
            body["candidate_id"] = self._chance.choice(screen["candidates"])["id"]
        if verdict == "edited":
            body["edited_text"] = f"I see this differently, and that is fine (screen {screen['id']})."
        return body

    def _text(self) -> str:
        insult, deed = self._chance.choice(_INSULTS), self._chance.choice(_DEEDS)
        return f"Only a complete {insult} would have {deed} like that in house {self._chance.randrange(10_000)}"
