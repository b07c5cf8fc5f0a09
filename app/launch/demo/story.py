"""Tell what happens in the demo while it happens: people come, judge, train a version and begin to compare it."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.launch import LaunchError
from app.launch.demo.people import PEOPLE, Reader, judgment
from app.launch.demo.visitor import Visitor

TEXTS, MORE_TEXTS = 28, 8
"""The numbers of texts that each judges before the training and after it; the other samples wait for the visitor."""
_LOOK_SECONDS = 1.0


class Story:
    """The story of one demo, whose studio answers at `url` and keeps everything in `home`."""

    def __init__(self, url: str, home: Path, admin: str, password_of: Callable[[str], str]) -> None:
        self._url = url
        self._told = home / "demo-complete"
        self._admin_email = admin
        self._password_of = password_of
        self._admin = Visitor(url)

    def tell(self) -> None:
        """Say how to sign in, and let happen what has not happened yet; a failure is one sentence."""
        _say(f"Sign in as {self._admin_email} with the password {self._password_of(self._admin_email)}")
        try:
            if not self._told.exists():
                self._happen()
                self._told.touch()
        except LaunchError as error:
            print(f"The demo is not complete: {error} make demo goes on with it.", file=sys.stderr, flush=True)
        else:
            _say(f"The demo is complete, every page has something to show: {self._url}")

    def _happen(self) -> None:
        _say("You may look at it at once: it takes a few minutes until every page has something to show.")
        self._admin.sign_in(self._admin_email, self._password_of(self._admin_email))
        self._load_texts()
        _say(f"1 of 4: {', '.join(reader.name for reader in PEOPLE)} are invited and join.")
        people = [(reader, self._joined(reader)) for reader in PEOPLE]
        _say(f"2 of 4: Each of them judges {TEXTS} texts; the studio draws three rewrites of each.")
        self._judge(people, TEXTS)
        _say("3 of 4: Retrain, a real one: it takes a minute or more.")
        self._retrain()
        _say(f"4 of 4: Each judges {MORE_TEXTS} texts more, whose rewrites both versions write.")
        self._judge(people, TEXTS + MORE_TEXTS)

    def _load_texts(self) -> None:
        """Queue the sample texts, each for all of the people and the visitor."""
        self._admin.submit("/annotate", "/admin/data/samples")
        self._admin.call("PATCH", "/prompts?source=samples", {"overlap": len(PEOPLE) + 1})

    def _joined(self, reader: Reader) -> Visitor:
        """Return a person who is signed in: with their account, or else by the invitation that makes it."""
        person, password = Visitor(self._url), self._password_of(reader.email)
        if reader.email in self._admin.read("/admin/people"):
            person.sign_in(reader.email, password)
            return person
        page = self._admin.submit(
            "/admin/people", "/admin/people/invitations", label=reader.name, role="annotator", days="7"
        )
        link = re.search(r'value="[^"]*(/join/[^"]+)"', page.text)
        if link is None:
            raise LaunchError(f"No invitation for {reader.name} could be made.")
        person.submit(link[1], link[1], email=reader.email, name=reader.name, password=password)
        return person

    def _judge(self, people: list[tuple[Reader, Visitor]], wanted: int) -> None:
        """Let people judge in turns until each has judged so many texts today, or nothing waits for them."""
        left = [(reader, person, _today(person)) for reader, person in people]
        for number in range(min(judged for _, _, judged in left), wanted):
            for reader, person, judged in left:
                screen = person.call("POST", "/generations", {"from": "queue"}) if judged <= number else None
                if screen is not None:
                    person.call("POST", "/judgments", judgment(reader, screen))

    def _retrain(self) -> None:
        """Train until one run has succeeded; raises LaunchError if this one does not."""
        run = next(iter(self._admin.call("GET", "/training-runs")), None)
        if run is None or run["status"] in ("failed", "cancelled"):
            run = self._admin.call("POST", "/training-runs", {"method": "dpo"})
        stage = ""
        while (now := self._admin.call("GET", f"/training-runs/{run['id']}"))["finished_at"] is None:
            if now["stage"] != stage:
                stage = now["stage"]
                _say(f"        {stage}")
            time.sleep(_LOOK_SECONDS)
        if now["status"] != "succeeded":
            raise LaunchError(f"The run ended as {now['status']}. {now['error'] or ''}")
        _say(f"        version {now['produced_version']} is published. {now['note'] or ''}".rstrip())


def _today(person: Visitor) -> int:
    """Return how many texts a person has judged today."""
    me: dict[str, Any] = person.call("GET", "/me")
    return int(me["today"]["judged"])


def _say(sentence: str) -> None:
    print(sentence, flush=True)
