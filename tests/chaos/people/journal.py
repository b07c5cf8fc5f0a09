"""What the annotators have said and what of it was acknowledged: written down before it is sent.

A file takes the place of the browser's storage, so that a run of this program that is interrupted loses nothing either.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Gesture:
    """A judgment that was made at a desk: its body as it is sent, and what became of it.

    `id` is the server's, once it was acknowledged; `taken_back` says that the person has undone it, and `undone` that
    this was acknowledged, too. A refused one is over.
    """

    desk: int
    body: dict[str, Any]
    id: int | None = None
    taken_back: bool = False
    undone: bool = False
    refused: bool = False

    @property
    def waits(self) -> bool:
        """Whether there is something that the server has not acknowledged."""
        return not self.refused and (self.id is None or self.taken_back != self.undone)


class Journal:
    """All gestures by their client_key, in a file of JSON lines; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.gestures: dict[str, Gesture] = {}
        self._lock = threading.Lock()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._apply(json.loads(line))
        self._file = path.open("a", encoding="utf-8")

    def made(self, desk: int, body: dict[str, Any]) -> str:
        """Keep a judgment; returns its client_key."""
        self._write({"desk": desk, "body": body})
        key: str = body["client_key"]
        return key

    def became(self, key: str, **facts: Any) -> None:
        """Keep what became of a judgment: `id`, `taken_back`, `undone` or `refused`."""
        self._write({"key": key, **facts})

    def waiting(self, desk: int) -> list[str]:
        """Return the keys of what a desk has still to send, the oldest first."""
        with self._lock:
            return [key for key, gesture in self.gestures.items() if gesture.desk == desk and gesture.waits]

    def acknowledged(self) -> int:
        """Count the judgments that the server has acknowledged."""
        with self._lock:
            return sum(gesture.id is not None for gesture in self.gestures.values())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            self._apply(line)

    def _apply(self, line: dict[str, Any]) -> None:
        if "body" in line:
            self.gestures[line["body"]["client_key"]] = Gesture(line["desk"], line["body"])
            return
        gesture = self.gestures[line["key"]]
        for name, value in line.items():
            if name != "key":
                setattr(gesture, name, value)
