"""Files on their way in, where several web machines share a database: the pieces lie there, for a day at most.

Each piece may come to another machine. The one that looks into a file, or stores it, puts it together in its cache.
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import ImportPiece, ImportUpload, now, write_transaction
from app.domain_errors import NotFound
from app.services.exchange.uploads import GONE, KEPT_SECONDS, ImportUploads, cannot_keep, safe_name
from app.words import gettext


def uploads_of(session: Session, settings: Settings) -> ImportUploads:
    """Return the files on their way in: in a database that other web machines may share, or on the disk."""
    if settings.database_url.startswith("sqlite"):
        return ImportUploads(settings.home / "imports")
    return SharedUploads(session, settings.home / "cache" / "imports")


class SharedUploads(ImportUploads):
    """The files of a database; `folder` is this machine's cache of them."""

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__(folder)
        self._session = session

    def begin(self, name: str, body: bytes) -> str:
        """Store the first piece of a file called `name`; returns the id by which it is known from now on."""
        upload_id = secrets.token_hex(16)
        with write_transaction(self._session):
            self._session.add(ImportUpload(id=upload_id, name=safe_name(name)))
        self.append(upload_id, 0, body)
        return upload_id

    def append(self, upload_id: str, offset: int, body: bytes) -> int:
        """Add a piece that begins at `offset`; returns how many bytes there are now.

        Raises Conflict, with the number of bytes that are there, if the file has another length: go on from there.
        """
        with write_transaction(self._session):
            upload = self._upload(upload_id, locked=True)
            self.check_offset(offset, upload.bytes)
            self.check_size(offset + len(body))
            if body:
                self._session.add(ImportPiece(upload_id=upload_id, offset=offset, body=body))
            upload.bytes = offset + len(body)
        return offset + len(body)

    def path(self, upload_id: str) -> Path:
        """Where the file lies on this machine, put together if it does not; raises NotFound."""
        upload = self._upload(upload_id)
        place = self.folder / f"{upload_id}-{upload.name}"
        try:
            if not place.exists() or place.stat().st_size != upload.bytes:
                self._put_together(upload, place)
        except OSError as error:
            raise cannot_keep(error) from None
        return place

    def name(self, upload_id: str) -> str:
        """The name that the file was sent under; raises NotFound."""
        return self._upload(upload_id).name

    def remove(self, upload_id: str) -> None:
        """Forget a file; harmless to repeat."""
        with write_transaction(self._session):
            found = delete(ImportUpload).where(ImportUpload.id == upload_id)
            self._session.execute(found, execution_options={"synchronize_session": False})
        for path in self.folder.glob("*"):
            if path.name.startswith(f"{upload_id}-"):
                path.unlink(missing_ok=True)

    def remove_old(self) -> None:
        """Forget files that began more than a day ago, and drop from the cache those that any machine has forgotten."""
        cached = list(self.folder.glob("*"))  # listed first: what comes meanwhile must stay
        old = ImportUpload.created_at < now() - timedelta(seconds=KEPT_SECONDS)
        if self._session.scalar(select(ImportUpload.id).where(old).limit(1)) is not None:
            with write_transaction(self._session):
                self._session.execute(delete(ImportUpload).where(old), execution_options={"synchronize_session": False})
        known = set(self._session.scalars(select(ImportUpload.id)))
        for path in cached:
            if path.name.lstrip(".").partition("-")[0] not in known:
                path.unlink(missing_ok=True)

    def _upload(self, upload_id: str, *, locked: bool = False) -> ImportUpload:
        upload = self._session.get(ImportUpload, upload_id, with_for_update=locked, populate_existing=True)
        if upload is None:
            raise NotFound(gettext(GONE))
        return upload

    def _put_together(self, upload: ImportUpload, place: Path) -> None:
        """Write a file into the cache, piece by piece; others see all of it or nothing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        pieces = ImportPiece.upload_id == upload.id
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                places = select(ImportPiece.offset).where(pieces).order_by(ImportPiece.offset)
                for offset in self._session.scalars(places).all():
                    body = self._session.scalar(select(ImportPiece.body).where(pieces, ImportPiece.offset == offset))
                    if body is None:  # the file was forgotten meanwhile
                        raise NotFound(gettext(GONE))
                    file.write(body)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
