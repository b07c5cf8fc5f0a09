"""The judgments that a version learned from, by their ids, in a file beside its manifest.

It holds no text and no name. A judgment that is deleted leaves its id alone, so that the file of an older version says
nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from models.model_errors import VersionDamaged

LEARNED_FROM_FILE = "learned_from.safetensors"


@dataclass(frozen=True)
class LearnedFrom:
    """The ids of judgments: those of the clicks trained on, and those that the head was fitted to, in their order."""

    trained: tuple[int, ...]
    head: tuple[int, ...]

    @property
    def ids(self) -> frozenset[int]:
        """Return all of them."""
        return frozenset(self.trained) | frozenset(self.head)

    def write(self, folder: Path) -> None:
        """Write them into a folder that is staged."""
        arrays = {name: np.array(getattr(self, name), np.int64) for name in ("trained", "head")}
        (folder / LEARNED_FROM_FILE).write_bytes(save(arrays))

    @classmethod
    def read(cls, folder: Path) -> LearnedFrom | None:
        """Return those of the version in `folder`, None if an earlier release made it; raises VersionDamaged."""
        path = folder / LEARNED_FROM_FILE
        try:
            arrays = load(path.read_bytes())
            return cls(tuple(arrays["trained"].tolist()), tuple(arrays["head"].tolist()))
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError, ValueError) as error:
            raise VersionDamaged(f"{path} is damaged: {error}.") from None
