"""What the tests of the worker share."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from worker.evaluation import testset
from worker.publish import release


@pytest.fixture
def few_texts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Evaluations measure on this many held-out texts instead of all 60, for tests that are about something else."""
    texts = 4
    monkeypatch.setattr(testset, "heldout", partial(testset.heldout, max_samples=texts))
    return texts


@pytest.fixture
def rival(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a version is being sealed as number 2, another process publishes one under that number."""
    seal = release.seal

    def meanwhile(store: CheckpointStore, staged: Path, *, number: int, **facts: Any) -> Manifest:
        manifest = seal(store, staged, number=number, **facts)
        if number == 2:
            shutil.copytree(store.folder(1), store.place(2))
        return manifest

    monkeypatch.setattr(release, "seal", meanwhile)
