"""A second version for the tests of the pages of versions."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from models.store.manifest import Manifest
from models.store.rewrites import Rewrites
from models.store.store import CheckpointStore
from tests.processes import Product


@pytest.fixture
def spare(product: Product, published: CheckpointStore) -> Iterator[int]:
    """The number of a version that is not live and has kept rewrites; afterwards its files are gone."""
    store = CheckpointStore(product.home / "versions")
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        number = int(database.execute("SELECT max(number) FROM versions").fetchone()[0]) + 1
        folder = store.place(number)
        shutil.copytree(published.folder(2), folder)
        texts = [f"text {place}" for place in range(12)]
        Rewrites({text: f"a kind {text}" for text in texts}, {text: f"a rude {text}" for text in texts}).write(folder)
        manifest = store.seal(folder, replace(Manifest.read(folder), number=number, parent=1))
        database.execute(
            "INSERT INTO versions (number, parent_number, method, location, sha256, metrics, note, created_at) "
            "VALUES (?, 1, 'dpo', ?, ?, '{}', '', '2026-01-02 03:04:05')",
            (number, str(folder), manifest.sha256),
        )
        database.commit()
    yield number
    if folder.exists():
        store.remove(number)
        with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
            database.execute("UPDATE versions SET deleted_at = created_at WHERE number = ?", (number,))
            database.commit()
