"""Opening the checkpoint store that the settings name: a folder, or an object store with a cache."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from models.store.store import CheckpointStore


class StoreSettings(Protocol):
    """Say where the store is: its folder, or else its address and the folder and size of its cache."""

    @property
    def store(self) -> Path:
        """The folder of the versions, or that of those which this machine keeps of an object store."""

    @property
    def store_address(self) -> str:
        """The address of the object store; empty if the store is the folder."""

    @property
    def store_cache_bytes(self) -> int:
        """Return how many bytes of versions of an object store this machine keeps."""


def open_store(settings: StoreSettings) -> CheckpointStore:
    """Return the store; nothing is read or written yet."""
    if not settings.store_address:
        return CheckpointStore(settings.store)
    from models.store.remote.bucket import Bucket
    from models.store.remote.object_store import ObjectStore

    return ObjectStore(settings.store, Bucket(settings.store_address), settings.store_cache_bytes)
