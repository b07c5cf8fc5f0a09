"""The texts of a file that a model was never trained on, and neither was any model that it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from models.formats.files.pair_files import PairRow
from models.formats.splitting import DEV_SPLIT, held_out_keys, split_key
from models.model_errors import VersionDamaged, VersionMissing
from models.settings.sft import SFTRecipe
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from models.store.trained_on import TrainedOn

_RESULT = "result.json"


def unseen(rows: Sequence[PairRow], folder: Path) -> list[PairRow]:
    """Return the rows whose source the model in `folder`, a version's or any other, was not trained on.

    Its record says so (models/store/trained_on.py). Where it has none, as with a model from elsewhere or a version of
    an earlier release, the rows are kept that it held out by the setting `dev_split` it was trained with, or else one
    source in twenty; and the same for each version that it comes from.
    """
    kept = list(rows)
    place: Path | None = folder
    while place is not None:
        record = TrainedOn.read(place)
        if record is not None:
            seen = record.knows([row.source for row in kept])
            return [row for row, is_known in zip(kept, seen, strict=True) if not is_known]
        split, place = _held_out_of(place)
        if split:
            keys = held_out_keys([row.source for row in rows], split)
            kept = [row for row in kept if split_key(row.source) in keys]
    return kept


def _held_out_of(folder: Path) -> tuple[int, Path | None]:
    """Return of how many sources a model held out one, 0 for a training on clicks, and the folder of its parent."""
    with suppress(VersionDamaged):
        manifest = Manifest.read(folder)
        parent = None
        if manifest.parent is not None:
            with suppress(VersionMissing):
                parent = CheckpointStore(folder.parent).folder(manifest.parent)
        if manifest.method == SFTRecipe.method:
            return int(manifest.config.get("dev_split", DEV_SPLIT)), parent
        return (0 if parent else DEV_SPLIT), parent
    for place in (folder, folder.parent) if folder.is_dir() else ():
        with suppress(OSError, ValueError, KeyError, TypeError):
            options = json.loads((place / _RESULT).read_text(encoding="utf-8"))["options"]
            return int(options["dev_split"]) or DEV_SPLIT, None
    return DEV_SPLIT, None
