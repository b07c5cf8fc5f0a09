"""The first version of a new project: a copy of the base checkpoint, or of a version of any project.

A version belongs to one project and is removed with its files, so the copy has a number and a manifest of its own. In a
folder its files are hard links to those of the original: nothing is copied, and no published file is ever changed. An
object store has no links, so there they are uploaded anew. All of it happens before the transaction that records it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Version, everything, now, within, write_transaction
from app.domain_errors import Conflict
from app.services.versions import versions
from app.words import gettext
from models.model_errors import VersionExists
from models.store.manifest import Manifest
from models.store.store import CheckpointStore

BASE = 1
"""The number of the version that a studio begins with."""
COPY = "copy"
"""The method of a version that is a copy."""


def publish_first(
    session: Session, store: CheckpointStore, project_id: int, by: int | None, copy_of: int | None
) -> int:
    """Publish a copy of version `copy_of`, or of the base checkpoint, in a project, and let it serve there.

    Returns its number; the web processes are to be told afterwards that an alias has moved.

    Raises NotFound for an unknown version, Conflict for one that was deleted and if the project has versions already,
    and StoreError if the files cannot be read or written.
    """
    with everything(session):
        original = versions.usable(session, copy_of or _base(session)).number
        taken = select(Version.number).where(Version.project_id == project_id).limit(1)
        if session.scalar(taken) is not None:
            raise Conflict(gettext("The project has a version already: let one of its versions serve."))
    session.commit()  # no transaction is open while files are written
    manifest = _copied(store, store.verify(original), versions.highest_number(session) + 1)
    with within(session, project_id), write_transaction(session):
        versions.record_version(session, manifest, store.location(manifest.number))
        versions.point_serving_at(session, manifest.number, by)
    return manifest.number


def _base(session: Session) -> int:
    """Return the number of the base checkpoint that was published first and still has its files."""
    kept = select(func.min(Version.number)).where(Version.method == "base", Version.deleted_at.is_(None))
    return session.scalar(kept) or BASE


def _copied(store: CheckpointStore, original: Manifest, number: int) -> Manifest:
    """Publish the files of a version under the next free number from `number` on; returns its manifest."""
    folder = store.folder(original.number)
    with store.stage() as staged:
        for name in original.files:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            _link(folder / name, staged / name)
        while True:
            number = store.next_number(number)
            manifest = store.seal(staged, _of_copy(original, number))
            with suppress(VersionExists):
                store.publish(staged, number)
                return manifest


def _of_copy(original: Manifest, number: int) -> Manifest:
    """Return the manifest of a copy before it is sealed; its parent is the original, from which it has learned."""
    return replace(
        original,
        number=number,
        parent=original.number,
        run_id=None,
        run_key=None,
        provenance=None,
        method=COPY,
        config={"copy_of": original.number},
        created_at=now().isoformat(timespec="seconds"),
        files={},
        upload=None,
    )


def _link(source: Path, target: Path) -> None:
    """Let a file have another name; it is copied where the disk has no links, or not between these folders."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
