"""The first version of a new project: a copy of the base checkpoint or of a version of any project, or a chat model.

A version belongs to one project and is removed with its files, so the copy has a number and a manifest of its own. In a
folder its files are hard links to those of the original: nothing is copied, and no published file is ever changed. An
object store has no links, so there they are uploaded anew. All of it happens before the transaction that records it.
A chat model comes from a folder outside of the store, and its files are copied.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Version, everything, now, within, write_transaction
from app.domain_errors import Conflict
from app.services.versions import versions
from app.words import gettext
from models.chat.reading import describe
from models.chat.source import find_source
from models.chat.versions import CHAT_BASE, CHAT_SERVER, base_of, server_of
from models.model_errors import LoadError, VersionExists
from models.store.manifest import Manifest
from models.store.store import MODEL_FOLDER, CheckpointStore

BASE = 1
"""The number of the version that a studio begins with."""
COPY = "copy"
"""The method of a version that is a copy."""
_SERVER_FILE = "server.json"
_WEIGHTS = ".safetensors"
_OF_CHAT_MODELS = (".json", ".jinja", _WEIGHTS)
"""The endings of the files of a chat model that are copied; no code is among them, and no pickle."""


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
    _refuse_second(session, project_id)
    session.commit()  # no transaction is open while files are written
    manifest = _copied(store, store.verify(original), versions.highest_number(session) + 1)
    return _let_serve(session, store, project_id, by, manifest)


def publish_chat_model(session: Session, store: CheckpointStore, project_id: int, by: int | None, model: Path) -> int:
    """Publish the chat model in a folder as the first version of a project, and let it serve there.

    Returns its number, as `publish_first` does. Raises LoadError for what is no chat model, Conflict if the project has
    versions already, and StoreError or OSError if the files cannot be read or written.
    """
    found = find_source(model).base
    with tempfile.TemporaryDirectory() as aside:
        describe(found, Path(aside))
    files = [path for path in sorted(found.iterdir()) if path.is_file() and path.suffix in _OF_CHAT_MODELS]
    if not any(path.suffix == _WEIGHTS for path in files):
        raise LoadError(f"{found} has no weights in safetensors; other forms are not read.")
    _refuse_second(session, project_id)
    session.commit()

    def fill(staged: Path) -> None:
        (staged / MODEL_FOLDER).mkdir()
        for path in files:
            shutil.copyfile(path, staged / MODEL_FOLDER / path.name)

    def manifest_of(number: int) -> Manifest:
        return _from_outside(number, CHAT_BASE, {CHAT_BASE: number})

    manifest = _published(store, fill, manifest_of, versions.highest_number(session) + 1)
    return _let_serve(session, store, project_id, by, manifest)


def publish_chat_server(
    session: Session, store: CheckpointStore, project_id: int, by: int | None, address: str, model: str
) -> int:
    """Publish what stands for a model of a server of others as the first version of a project, and let it serve there.

    Returns its number, as `publish_first` does. Raises Conflict if the project has versions already, and StoreError or
    OSError if it cannot be written.
    """
    _refuse_second(session, project_id)
    session.commit()
    config = {CHAT_SERVER: address, "model": model}

    def fill(staged: Path) -> None:
        (staged / _SERVER_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def manifest_of(number: int) -> Manifest:
        return _from_outside(number, CHAT_SERVER, config)

    manifest = _published(store, fill, manifest_of, versions.highest_number(session) + 1)
    return _let_serve(session, store, project_id, by, manifest)


def _refuse_second(session: Session, project_id: int) -> None:
    """Raise Conflict if the project has a version already."""
    with everything(session):
        taken = select(Version.number).where(Version.project_id == project_id).limit(1)
        if session.scalar(taken) is not None:
            raise Conflict(gettext("The project has a version already: let one of its versions serve."))


def _let_serve(session: Session, store: CheckpointStore, project_id: int, by: int | None, manifest: Manifest) -> int:
    """Record a published version as one of a project, and let it serve there; returns its number."""
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

    def fill(staged: Path) -> None:
        for name in original.files:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            _link(folder / name, staged / name)

    return _published(store, fill, lambda free: _of_copy(original, free), number)


def _published(
    store: CheckpointStore, fill: Callable[[Path], None], manifest_of: Callable[[int], Manifest], number: int
) -> Manifest:
    """Publish what `fill` writes under the next free number from `number` on; returns its manifest."""
    with store.stage() as staged:
        fill(staged)
        while True:
            number = store.next_number(number)
            manifest = store.seal(staged, manifest_of(number))
            with suppress(VersionExists):
                store.publish(staged, number)
                return manifest


def _of_copy(original: Manifest, number: int) -> Manifest:
    """Return the manifest of a copy before it is sealed; its parent is the original, from which it has learned.

    A copy of a chat model's base is a base itself, and one of an adapter belongs to the same base; one that stands for
    a server stands for the same.
    """
    base, server = base_of(original), server_of(original)
    chat: dict[str, Any] = {} if base is None else {CHAT_BASE: number if base == original.number else base}
    if server is not None:
        chat = dict(original.config)
    return replace(
        original,
        number=number,
        parent=original.number,
        run_id=None,
        run_key=None,
        provenance=None,
        method=COPY if server is None else CHAT_SERVER,
        config={**chat, "copy_of": original.number},
        created_at=_today(),
        files={},
        upload=None,
    )


def _from_outside(number: int, method: str, config: Mapping[str, Any]) -> Manifest:
    """Return the manifest of a chat model from outside before it is sealed."""
    return Manifest(
        number=number,
        parent=None,
        run_id=None,
        method=method,
        config=config,
        data_sha256="",
        metrics={},
        created_at=_today(),
    )


def _today() -> str:
    return now().isoformat(timespec="seconds")


def _link(source: Path, target: Path) -> None:
    """Let a file have another name; it is copied where the disk has no links, or not between these folders."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
