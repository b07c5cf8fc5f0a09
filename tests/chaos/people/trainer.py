"""An admin who presses Retrain whenever no run waits or works, cancels some runs, and deletes old versions."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.chaos.people.busy import LOOK_SECONDS, Busy
from tests.processes import Api

CONFIG = {"num_train_epochs": 2, "head_pairs": 20}
"""Small enough for a run of half a minute beside eight annotators on two cores."""
CANCEL_SHARE = 0.2
VERSIONS_KEPT = 4
_CANCEL_WITHIN = (2.0, 25.0)
_PRESS_AGAIN_SECONDS = 1.0


class Trainer(Busy):
    """Trains on the clicks of one person, so that runs stay small however much the others click."""

    def __init__(self, api: Api, person: int, chance: random.Random) -> None:
        super().__init__("the admin", api)
        self._request = {"method": "dpo", "config": CONFIG, "selection": {"people": [person]}}
        self._chance = chance
        self._run: int | None = None
        self._cancel_at: float | None = None

    def turn(self) -> None:
        """Press Retrain, or look at the run that was asked for."""
        if self._run is None:
            self._press()
        else:
            self._look(self._run)
        self.over.wait(LOOK_SECONDS if self._run is None else _PRESS_AGAIN_SECONDS)

    def _press(self) -> None:
        self._run = self.ask("POST", "/training-runs", self._request, expected=[202]).body["id"]
        cancels = self._chance.random() < CANCEL_SHARE
        self._cancel_at = time.monotonic() + self._chance.uniform(*_CANCEL_WITHIN) if cancels else None

    def _look(self, run_id: int) -> None:
        run = self.ask("GET", f"/training-runs/{run_id}", expected=[200]).body
        if run["status"] not in ("queued", "running"):
            self._delete_old_versions()
            self._run = None
        elif self._cancel_at is not None and time.monotonic() >= self._cancel_at:
            self.ask("POST", f"/training-runs/{run_id}/cancel", expected=[202, 409])
            self._cancel_at = None

    def _delete_old_versions(self) -> None:
        """Keep the first version, the one that serves and the latest ones."""
        versions: list[dict[str, Any]] = self.ask("GET", "/versions", expected=[200]).body
        there = [one for one in versions if one["deleted_at"] is None]
        for version in there[VERSIONS_KEPT:]:
            if version["number"] > 1 and not version["serving"]:
                path = f"/versions/{version['number']}?confirm={version['number']}"
                self.ask("DELETE", path, expected=[204, 409])
