"""A version's rewrites of the held-out texts, in a file beside its manifest, for people to read beside another's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.model_errors import VersionDamaged

REWRITES_FILE = "rewrites.json"


@dataclass(frozen=True)
class Rewrites:
    """The rewrite of each held-out text: by a version, and by its parent, which may not have kept its own."""

    version: Mapping[str, str]
    parent: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write them into a folder that is staged."""
        kept = {"version": dict(self.version), "parent": dict(self.parent)}
        (folder / REWRITES_FILE).write_text(json.dumps(kept, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def parse(cls, content: bytes, number: int) -> Rewrites:
        """Return those in the content of the file of version `number`; raises VersionDamaged."""
        try:
            kept = json.loads(content)
            return cls(_checked(kept["version"]), _checked(kept["parent"]))
        except (KeyError, TypeError, ValueError) as error:
            raise VersionDamaged(f"{REWRITES_FILE} of version {number} is damaged: {error}.") from None


def _checked(kept: object) -> dict[str, str]:
    """Return rewrites by their texts; raises TypeError if they are something else."""
    if not isinstance(kept, dict) or not all(isinstance(rewrite, str) for rewrite in kept.values()):
        raise TypeError("it holds no rewrites by text")
    return kept
