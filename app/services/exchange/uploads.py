"""Files on their way into the studio: sent in pieces, so that a large one survives a broken connection.

They lie in a folder of their own under random names, for a day at most.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from app.domain_errors import Conflict, DiskFull, DomainError, NotFound, NotReady, TooLarge
from app.words import N_, gettext
from models.store.disk import is_full

LARGEST_FILE = 2 * 1024**3
LARGEST_OFFSET = 10**12 - 1
KEPT_SECONDS = 86_400
_LONGEST_NAME = 80
GONE = N_("There is no such upload any more: choose the file again.")


class ImportUploads:
    """The files below `folder`, which comes to be with the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, name: str, body: bytes) -> str:
        """Store the first piece of a file called `name`; returns the id by which it is known from now on."""
        upload_id = secrets.token_hex(16)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.remove_old()
            (self.folder / f"{upload_id}-{safe_name(name)}").touch(mode=0o600)
        except OSError as error:
            raise cannot_keep(error) from None
        self.append(upload_id, 0, body)
        return upload_id

    def append(self, upload_id: str, offset: int, body: bytes) -> int:
        """Add a piece that begins at `offset`; returns how many bytes there are now.

        Raises Conflict, with the number of bytes that are there, if the file has another length: go on from there.
        """
        path = self.path(upload_id)
        there = path.stat().st_size
        self.check_offset(offset, there)
        self.check_size(there + len(body))
        try:
            with path.open("r+b") as file:
                file.seek(offset)  # not at the end: a piece that comes twice at once lands on itself
                file.write(body)
        except OSError as error:
            raise cannot_keep(error) from None
        return there + len(body)

    def check_offset(self, offset: int, there: int) -> None:
        """Raise Conflict unless a piece begins where what is there ends."""
        if offset != there:
            raise Conflict(
                gettext("The file has %(number)s bytes so far: go on from there.", number=there), bytes=there
            )

    def check_size(self, size: int) -> None:
        """Raise TooLarge if a file of that size is not accepted."""
        if size > LARGEST_FILE:
            most = LARGEST_FILE // 1024**3
            raise TooLarge(gettext("The file has more than the %(most)s GB that are accepted.", most=most))

    def path(self, upload_id: str) -> Path:
        """Where the file lies; raises NotFound."""
        if re.fullmatch("[0-9a-f]{32}", upload_id):
            for path in self.folder.glob(f"{upload_id}-*"):
                return path
        raise NotFound(gettext(GONE))

    def name(self, upload_id: str) -> str:
        """The name that the file was sent under; raises NotFound."""
        return self.path(upload_id).name.partition("-")[2]

    def remove(self, upload_id: str) -> None:
        """Forget a file; harmless to repeat."""
        with suppress(NotFound):
            self.path(upload_id).unlink(missing_ok=True)

    def remove_old(self) -> None:
        """Remove files that have lain there for more than a day."""
        for path in self.folder.glob("*"):
            with suppress(FileNotFoundError):  # another process may remove it at the same time
                if path.stat().st_mtime < time.time() - KEPT_SECONDS:
                    path.unlink()


def safe_name(name: str) -> str:
    """Return the part of a file's name that can be that of a file here."""
    last = name.rpartition("/")[2].rpartition("\\")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last)[-_LONGEST_NAME:] or "file"


def cannot_keep(error: OSError) -> DomainError:
    """Return the refusal for an error of the disk."""
    if is_full(error):
        return DiskFull(
            gettext("The disk is full, so the file cannot be kept on the server. Try again once there is room.")
        )
    why = error.strerror or str(error)
    return NotReady(gettext("The file cannot be kept on the server: %(why)s.", why=why))
