"""The objects below one address, `s3://bucket/prefix`, `gs://…` or `az://…`, and their failures as sentences.

Credentials, endpoint and region are read from the environment by obstore, under the names that each cloud's own tools
have. Each request is tried again a few times before it counts as failed.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import from_url

from models.model_errors import StoreAway, StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig

_RETRIES = 3
_RETRY_SECONDS = 20
_CREATE_TRIES = 3
_CREATE_SECONDS = 3.0
_BETWEEN_TRIES_SECONDS = 0.2
_UPLOADS_AT_ONCE = 4
_REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
_FAILED = (exceptions.BaseError, OSError, ValueError)
_LONGEST_REASON = 200
_users: dict[str, int] = {}
"""The process in which obstore has started its threads."""


@dataclass(frozen=True)
class Object:
    """One object: its name below the address, its size in bytes, and when it was written, by the store's clock."""

    name: str
    size: int
    written_at: datetime


class Bucket:
    """Reads and writes objects below `address`; every failure is a StoreError, and StoreAway if it may pass."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, or None if there is none of that name."""
        with self._failures():
            try:
                return bytes(obstore.get(self._objects, name).bytes())
            except FileNotFoundError as error:
                _raise_unless_only_the_object_is_missing(error)
                return None

    def piece(self, name: str, start: int, length: int) -> bytes:
        """Return `length` bytes of an object from `start` on, which must be in it."""
        with self._failures():
            return bytes(obstore.get_range(self._objects, name, start=start, length=length))

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object in pieces, which are asked for as they are taken."""
        with self._failures():
            for piece in obstore.get(self._objects, name).stream():
                yield bytes(piece)

    def create(self, name: str, body: bytes) -> bool:
        """Write an object unless there is one of that name; return whether it now holds exactly `body`.

        That is so, too, if only the answer to an earlier attempt was lost. Raises StoreAway if it is not known whether
        the object was written: it may still appear, and calling this again finds out. That takes seconds at most, so
        that whoever waits hears of it.
        """
        deadline = time.monotonic() + _CREATE_SECONDS
        for left in reversed(range(_CREATE_TRIES)):
            try:
                with self._failures():
                    asyncio.run(self._create(name, body))
                return True
            except StoreAway:
                if not left or time.monotonic() > deadline:
                    raise
                time.sleep(_BETWEEN_TRIES_SECONDS)
            except _Taken:
                return self.read(name) == body
        raise AssertionError("unreachable")

    def write(self, name: str, content: Path | bytes) -> None:
        """Write an object, in parts if it is large; one of that name is replaced."""
        with self._failures():
            obstore.put(self._objects, name, content, max_concurrency=_UPLOADS_AT_ONCE)

    def below(self, folder: str) -> list[Object]:
        """Return the objects whose names begin with `folder` and a slash."""
        with self._failures():
            found = obstore.list(self._objects, folder).collect()
        return [Object(one["path"], one["size"], one["last_modified"]) for one in found]

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        with self._failures():
            found = obstore.list_with_delimiter(self._objects, folder)["common_prefixes"]
        return [name.rstrip("/").rpartition("/")[2] for name in found]

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; those that are gone already do not matter."""
        for name in names:
            with self._failures():
                try:
                    obstore.delete(self._objects, name)
                except FileNotFoundError as error:
                    _raise_unless_only_the_object_is_missing(error)

    async def _create(self, name: str, body: bytes) -> None:
        """Write an object unless there is one of that name, in one request; raises TimeoutError."""
        self._refuse_after_fork()
        try:
            # As an option of the client, the limit would replace all options that the environment gives.
            async with asyncio.timeout(_CREATE_SECONDS):
                await obstore.put_async(self._opened_for_one_try, name, body, mode="create")
        except TimeoutError:
            raise TimeoutError(f"no answer within {_CREATE_SECONDS:g} seconds") from None

    @cached_property
    def _opened(self) -> ObjectStore:
        limits: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)}
        return from_url(self.address, retry_config=limits)

    @cached_property
    def _opened_for_one_try(self) -> ObjectStore:
        return from_url(self.address, retry_config={"max_retries": 0})

    @property
    def _objects(self) -> ObjectStore:
        """Return the client; raises StoreError in a child of a process that has used one."""
        self._refuse_after_fork()
        return self._opened

    def _refuse_after_fork(self) -> None:
        """Raise StoreError in a child of a process that has used a client: no thread survives a fork."""
        if _users.setdefault("process", os.getpid()) != os.getpid():
            raise StoreError(f"The store {self.address} was used before this process was forked; it would hang.")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise whatever fails in the block as a StoreError whose text is one sentence."""
        try:
            yield
        except exceptions.AlreadyExistsError:
            raise _Taken from None
        except _REFUSED as error:
            raise StoreAway(f"The store {self.address} refuses these credentials: {_reason(error)}.") from None
        except _FAILED as error:
            raise StoreAway(f"The store {self.address} does not answer: {_reason(error)}.") from None


class _Taken(Exception):
    """There is an object of that name already."""


def _raise_unless_only_the_object_is_missing(error: FileNotFoundError) -> None:
    """Raise the error again if the whole bucket is missing."""
    if re.search("NoSuchBucket|ContainerNotFound|bucket does not exist", str(error)):
        raise error


def _reason(error: BaseException) -> str:
    """Return what a store said, without its XML and what is for developers, or else what the network said."""
    text = str(error)
    said = re.search("<Message>(.*?)</Message>", text, re.DOTALL)
    first = said[1] if said else text.partition("\n")[0].rpartition(" - ")[2].partition("<")[0]
    return " ".join(first.split()).rstrip(".:")[:_LONGEST_REASON] or type(error).__name__
