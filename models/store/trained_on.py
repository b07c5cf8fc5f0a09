"""The record of what a model was trained on, so that nothing it has seen is taken for a test of it.

`trained_on.safetensors` lies in the folder of a version, beside the `model/` of a run of the command line, or among the
files of a checkpoint that comes with Mellow. It names no text: it holds, in ascending order, the first four bytes of
the SHA-256 of every wording that the model or one of its ancestors was trained on. Of ten thousand other texts two
or three are taken for known ones where a million wordings are recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from models.formats.rows import Text
from models.formats.splitting import split_key
from models.model_errors import VersionDamaged

TRAINED_ON_FILE = "trained_on.safetensors"
_WORDINGS = "wordings"

Prints = npt.NDArray[np.uint32]


def _nothing() -> Prints:
    return np.empty(0, np.uint32)


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """The wordings that a model and its ancestors were trained on, as sorted fingerprints of four bytes."""

    wordings: Prints = field(default_factory=_nothing)

    @classmethod
    def read(cls, model: Path) -> TrainedOn | None:
        """Return the record in the folder of a model or in the one above it, or None if there is none.

        A `model` that is no folder, such as the name of a model of the hub, has none. Raises VersionDamaged for a file
        that is no such record.
        """
        for folder in (model, model.parent) if model.is_dir() else ():
            path = folder / TRAINED_ON_FILE
            try:
                wordings = load(path.read_bytes())[_WORDINGS]
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (SafetensorError, KeyError, ValueError) as error:
                raise VersionDamaged(f"{path} is damaged: {error}.") from None
            if wordings.dtype != np.uint32 or wordings.ndim != 1:
                raise VersionDamaged(f"{path} is damaged: it holds no fingerprints.")
            return cls(wordings)
        return None

    def write(self, folder: Path) -> None:
        """Write the record into a folder that is staged."""
        (folder / TRAINED_ON_FILE).write_bytes(save({_WORDINGS: self.wordings}))

    def including(self, prompts: Iterable[Text]) -> TrainedOn:
        """Return the record with these prompts added."""
        return TrainedOn(np.union1d(self.wordings, _prints(prompts)))

    def knows(self, prompts: Sequence[Text]) -> list[bool]:
        """Return for each prompt whether its wording was trained on."""
        return [bool(known) for known in np.isin(_prints(prompts), self.wordings)]


def _prints(prompts: Iterable[Text]) -> Prints:
    keys = (split_key(prompt).encode() for prompt in prompts)
    return np.array([int.from_bytes(hashlib.sha256(key).digest()[:4], "little") for key in keys], np.uint32)
