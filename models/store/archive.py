"""A published version as one tar archive, generated while it is sent, so that no copy of it is made."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from models.model_errors import VersionDamaged
from models.store.manifest import MANIFEST_NAME
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, CheckpointStore
from models.store.trained_on import TRAINED_ON_FILE

_CHUNK = 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE


class Archive:
    """A version as POSIX tar (ustar/pax): manifest, checkpoint, adapter, and the record of what it was trained on.

    Its size in bytes is known before the first is sent. The serving form is left out: it is made from the checkpoint.
    All files are opened at once, so that the archive stays whole if the version is deleted while it is sent. Raises
    VersionMissing or VersionDamaged.
    """

    def __init__(self, store: CheckpointStore, number: int) -> None:
        manifest = store.manifest(number)
        folder = store.folder(number)
        sent = (f"{MODEL_FOLDER}/", f"{ADAPTER_FOLDER}/", TRAINED_ON_FILE)
        names = [name for name in sorted(manifest.files) if name.startswith(sent)]
        self.name = f"mellow-version-{number}"
        self._moment = int(datetime.fromisoformat(manifest.created_at).timestamp())
        self._files: list[tuple[bytes, int, BinaryIO]] = []
        with ExitStack() as opened:
            for name in (MANIFEST_NAME, *names):
                try:
                    file = opened.enter_context((folder / name).open("rb"))
                except FileNotFoundError:
                    raise VersionDamaged(f"Version {number} is damaged: {name} is missing.") from None
                size = Path(file.name).stat().st_size
                self._files.append((self._header(name, size), size, file))
            self._opened = opened.pop_all()

    @property
    def size(self) -> int:
        """Return the size of the archive in bytes."""
        return sum(len(header) + _padded(size) for header, size, _ in self._files) + 2 * _BLOCK

    def __iter__(self) -> Iterator[bytes]:
        """Yield the archive in chunks; once."""
        for header, size, file in self._files:
            yield header
            left = size
            while left:
                piece = file.read(min(_CHUNK, left))
                if not piece:
                    raise VersionDamaged(f"{file.name} became shorter while it was read.")
                left -= len(piece)
                yield piece
            yield bytes(_padded(size) - size)
        yield bytes(2 * _BLOCK)

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _header(self, name: str, size: int) -> bytes:
        info = tarfile.TarInfo(f"{self.name}/{name}")
        info.size, info.mtime, info.mode = size, self._moment, 0o644
        return info.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    """Return the size rounded up to whole blocks, as tar stores it."""
    return -(-size // _BLOCK) * _BLOCK
