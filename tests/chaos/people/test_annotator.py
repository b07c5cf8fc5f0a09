"""An annotator sends what was not acknowledged again, under the same key, also after a new start."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.people.annotator import Annotator
from tests.chaos.people.journal import Journal
from tests.processes import Answer, Api


class LastAnswerLost(Api):
    """A studio that stores every judgment; the answers to the first so many are lost on the way."""

    def __init__(self, lost: int) -> None:
        super().__init__(0)
        self.keys: list[str] = []
        self.undone: list[str] = []
        self._lost = lost

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Answer as the studio does."""
        if path == "/generations":
            return Answer(201, {"id": 1, "candidates": [{"id": number} for number in (1, 2, 3)]})
        if method == "DELETE":
            self.undone.append(path)
            return Answer(204, None)
        self.keys.append(body["client_key"])
        if len(self.keys) <= self._lost:
            raise ConnectionResetError
        return Answer(201, {"id": 7})


def annotator(api: Api, path: Path) -> tuple[Annotator, Journal]:
    journal = Journal(path)
    return Annotator(1, api, journal, random.Random(1), (0.0, 0.0)), journal


def test_what_was_not_acknowledged_is_sent_again_under_the_same_key(tmp_path: Path) -> None:
    api = LastAnswerLost(lost=1)
    person, journal = annotator(api, tmp_path / "gestures")
    with pytest.raises(ConnectionResetError):
        person.turn()
    assert journal.acknowledged() == 0
    journal.close()
    again, journal = annotator(api, tmp_path / "gestures")
    assert again.settle()
    assert len(api.keys) == 2
    assert len(set(api.keys)) == 1
    assert [gesture.id for gesture in journal.gestures.values()] == [7]
    journal.close()


def test_what_is_taken_back_before_it_was_acknowledged_is_sent_and_then_undone(tmp_path: Path) -> None:
    api = LastAnswerLost(lost=1)
    person, journal = annotator(api, tmp_path / "gestures")
    with pytest.raises(ConnectionResetError):
        person.turn()
    journal.became(api.keys[0], taken_back=True)
    assert person.settle()
    assert api.undone == ["/judgments/7"]
    assert not journal.waiting(1)
    journal.close()
