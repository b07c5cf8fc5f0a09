"""A small client of Mellow's API: one file, Python's standard library only. Copy it into your own program.

    from mellow_client import Mellow

    mellow = Mellow("http://127.0.0.1:8000", token="mellow_…")
    screen = mellow.draw("You are a stupid idiot")
    mellow.choose(screen, 0)

Make a token on the account page; its scope `annotate` is enough to judge, `admin` to do all of this. Every refusal of
the server is a `MellowError`, whose text is one sentence.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ENDED = ("succeeded", "failed", "cancelled")


class MellowError(Exception):
    """What the server refused, or that it cannot be reached; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Candidate:
    """One rewrite on a screen."""

    id: int
    text: str


@dataclass(frozen=True)
class Screen:
    """A text and its rewrites, in the order that a person sees them."""

    id: int
    text: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Run:
    """A training run as it is now; `version` is what came of it, `note` says why that version does not serve, if so."""

    id: int
    status: str
    stage: str
    step: int
    total_steps: int
    version: int | None
    error: str | None
    note: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED


@dataclass(frozen=True)
class Version:
    """A published version."""

    number: int
    parent: int | None
    method: str
    serving: bool
    metrics: Mapping[str, Any]
    note: str


class Mellow:
    """Speaks to one Mellow as the person whom the token belongs to."""

    def __init__(self, url: str, token: str, timeout: float = 120.0) -> None:
        """`url` is where the studio answers; `timeout` is in seconds and holds for every single call."""
        if not url.startswith(("http://", "https://")):
            raise MellowError(f"The address must begin with http:// or https://, not {url[:30]!r}.")
        self._base = url.rstrip("/") + "/api/v1"
        self._token = token
        self._timeout = timeout

    def draw(self, text: str) -> Screen:
        """Three rewrites of `text` by the version that serves."""
        return _screen(self._call("POST", "/generations", {"text": text}))

    def next_from_queue(self) -> Screen | None:
        """The next text of the queue with its rewrites, or None if nothing waits for this person."""
        found = self._call("POST", "/generations", {"from": "queue"})
        return _screen(found) if found else None

    def choose(self, screen: Screen, place: int) -> int:
        """Say that the rewrite at `place` (0 is the first) is the best; returns the judgment's id."""
        return self._judge(screen, verdict="chosen", candidate_id=screen.candidates[place].id)

    def edit(self, screen: Screen, text: str) -> int:
        """Say that `text` is what it should be, and every rewrite is worse; returns the judgment's id."""
        return self._judge(screen, verdict="edited", edited_text=text)

    def none_is_good(self, screen: Screen) -> int:
        """Say that none of the rewrites will do; returns the judgment's id."""
        return self._judge(screen, verdict="none")

    def undo(self, judgment_id: int) -> None:
        """Take a judgment back."""
        self._call("DELETE", f"/judgments/{judgment_id}")

    def queue(self, texts: Iterable[str]) -> int:
        """Put texts into the queue; returns how many of them are new. For admins, as is all that follows."""
        added: int = self._call("POST", "/prompts", [{"text": text} for text in texts])["added"]
        return added

    def preferences(self) -> Iterator[dict[str, Any]]:
        """Every pair that training reads, one after the other: `prompt`, `chosen`, `rejected`."""
        with self._open("GET", "/preferences?format=trl") as answer:
            for line in answer:
                yield json.loads(line)

    def retrain(self, method: str = "dpo", **config: Any) -> Run:
        """Ask for a training on all clicks; asking for the same twice yields the one run."""
        receipt = self._call("POST", "/training-runs", {"method": method, "config": config})
        return self.run(receipt["id"])

    def run(self, run_id: int) -> Run:
        """A run as it is now."""
        found = self._call("GET", f"/training-runs/{run_id}")
        names = ("id", "status", "stage", "step", "total_steps", "error", "note")
        return Run(**{name: found[name] for name in names}, version=found["produced_version"])

    def wait(self, run_id: int, seconds: float = 3600.0, every: float = 2.0) -> Run:
        """The run once it has ended, well or not; raises MellowError if that takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while not (run := self.run(run_id)).ended:
            if time.monotonic() > deadline:
                raise MellowError(f"Run {run_id} has not ended within {seconds:g} seconds.")
            time.sleep(every)
        return run

    def versions(self) -> list[Version]:
        """Every version, the newest first."""
        names = ("number", "parent", "method", "serving", "metrics", "note")
        return [Version(**{name: found[name] for name in names}) for found in self._call("GET", "/versions")]

    def promote(self, number: int) -> None:
        """Let a version serve, newer or older than the one that serves now."""
        self._call("PUT", "/aliases/serving", {"version": number})

    def _judge(self, screen: Screen, **verdict: Any) -> int:
        judgment_id: int = self._call("POST", "/judgments", {"generation_id": screen.id, **verdict})["id"]
        return judgment_id

    def _call(self, method: str, path: str, body: object = None) -> Any:
        with self._open(method, path, body) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def _open(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, headers, method=method)  # noqa: S310 - the scheme was looked at
        try:
            return urllib.request.urlopen(request, timeout=self._timeout)  # noqa: S310 - the scheme was looked at
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise MellowError(_sentence(refusal), refusal.code) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise MellowError(f"{self._base} cannot be reached: {reason}.") from None


def _screen(found: Mapping[str, Any]) -> Screen:
    candidates = tuple(Candidate(each["id"], each["text"]) for each in found["candidates"])
    return Screen(found["id"], found["text"], candidates)


def _sentence(refusal: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(refusal.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {refusal.code}."


def main(url: str, token: str) -> None:
    """The whole loop: draw, judge, export, retrain, wait, let the new version serve."""
    mellow = Mellow(url, token)
    for text in ("You are a stupid idiot", "Shut up, you fool", "What a dumb plan"):
        screen = mellow.draw(text)
        best = min(range(len(screen.candidates)), key=lambda place: len(screen.candidates[place].text))
        mellow.choose(screen, best)
        print(f"{text} → {screen.candidates[best].text}")
    print(f"{sum(1 for _ in mellow.preferences())} pairs to learn from.")
    run = mellow.wait(mellow.retrain("dpo").id)
    if run.version is None:
        raise MellowError(f"Run {run.id} {run.status}: {run.error or 'no version came of it'}")
    print(f"Run {run.id} made version {run.version}. {run.note or ''}")
    mellow.promote(run.version)
    print(f"Version {run.version} serves.")


if __name__ == "__main__":
    import os
    import sys

    try:
        main(os.environ.get("MELLOW_URL", "http://127.0.0.1:8000"), os.environ["MELLOW_TOKEN"])
    except KeyError:
        sys.exit("Set MELLOW_TOKEN to the token of an admin's account.")
    except MellowError as problem:
        sys.exit(str(problem))
