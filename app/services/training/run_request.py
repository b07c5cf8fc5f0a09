"""The request for a training run, and the digest by which two equal requests are recognised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.services.training import setting_labels
from app.services.training.selection import EVERYTHING, Selection


@dataclass(frozen=True)
class Wish:
    """A request for a run by `method` with `config` on the judgments of `selection`.

    It starts from version `parent_version`, or, if that is None, from the version that is live when it begins.
    """

    method: str
    config: Mapping[str, Any]
    selection: Selection = EVERYTHING
    parent_version: int | None = None

    @property
    def digest(self) -> str:
        """Return a SHA-256 of the request; a setting left out is the same as its default given.

        Raises Invalid for settings that a method on clicks cannot be run with.
        """
        on_clicks = self.method in setting_labels.METHODS
        config = setting_labels.effective(self.method, self.config) if on_clicks else dict(self.config)
        asked = [self.method, config, self.selection.as_dict(), self.parent_version]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
