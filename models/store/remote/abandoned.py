"""Files that a publisher uploaded and died before it could publish them, or give them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from models.store.manifest import UPLOAD
from models.store.remote.bucket import Bucket

ABANDONED_AFTER = timedelta(days=1)
"""No publisher waits so long between its last file and its manifest."""


def remove_abandoned(
    bucket: Bucket,
    files: str,
    published: Collection[int],
    is_published: Callable[[int, str], bool],
    remove: Callable[[str], None],
) -> None:
    """Remove the folders below `files` of which no manifest speaks, a day after their last file was written.

    A folder is called by the number of its version and something random. `is_published` tells whether the manifest of a
    number names a folder, and is not asked of the only folder of a number that is among those `published`.
    """
    folders = {name: int(name.partition("-")[0]) for name in bucket.folders(files) if UPLOAD.fullmatch(name)}
    of_number = Counter(folders.values())
    for name, number in folders.items():
        if number in published and of_number[number] == 1:
            continue
        now = datetime.now(UTC)
        written = max((one.written_at for one in bucket.below(f"{files}/{name}")), default=now)
        if written < now - ABANDONED_AFTER and not is_published(number, name):
            remove(name)
