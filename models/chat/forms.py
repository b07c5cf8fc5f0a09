"""The converted forms of chat models, in a cache: merged with their adapter, for CTranslate2, made once.

A form lies in a folder named by the hash of what it was made of, and holds the hashes of its own files: one that
differs from them is made again. Folders appear whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from models.chat.source import ChatSource
from models.store.manifest import hash_folder

_HASHES = "hashes.json"
_FEWEST_KEPT = 8
FORM = 1
"""The number of the way in which forms are made; another one makes all of them anew."""

Convert = Callable[[ChatSource, Path], None]
"""Writes the converted form of a source to an absent folder; raises LoadError."""


def form_of(source: ChatSource, compute_type: str, cache: Path, convert: Convert) -> Path:
    """Return the folder of a source's form for that precision, converted if it is absent or damaged.

    Raises LoadError, and OSError if the cache cannot be written.
    """
    folder = cache / f"{source.sha256[:32]}-{compute_type}-{FORM}"
    if _is_whole(folder):
        os.utime(folder)
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".converting-") as work:
        draft = Path(work) / "form"
        convert(source, draft)
        (draft / _HASHES).write_text(json.dumps(hash_folder(draft)), encoding="utf-8")
        if not _is_whole(folder):  # another process may have made it meanwhile, and have it open
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(draft, folder)
    return folder


def keep_newest(cache: Path, in_memory: int) -> None:
    """Remove all forms but those that were used last; they can be made again.

    Kept are twice as many as may be `in_memory` at once, and 8 at least.
    """
    kept = max(_FEWEST_KEPT, 2 * in_memory)
    forms = [folder for folder in cache.iterdir() if not folder.name.startswith(".")]
    for folder in sorted(forms, key=lambda one: one.stat().st_mtime)[:-kept]:
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        said = json.loads((folder / _HASHES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(said == {name: digest for name, digest in hash_folder(folder).items() if name != _HASHES})
