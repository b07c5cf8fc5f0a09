"""Checks before anything is started, so that a start that cannot work ends at once with one sentence."""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.config import ConfigError, Settings
from app.launch import LaunchError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_MEGABYTE = 1_000_000

# A first start publishes the base checkpoint, and the first training run writes a version beside it while it is
# staged; 500 MB holds both and leaves the database and the queue room to grow.
FIRST_START_BYTES = 500 * _MEGABYTE
# An installation that is nearly full must still start, so that someone can export and delete; below this, the
# database and the queue would soon fail to write.
LATER_START_BYTES = 50 * _MEGABYTE

_ANSWER_SECONDS = 5
_PROBE = "written-once"
"""An empty object that each start tries to write again, which a store must refuse."""


def check_all(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run all checks; raises ConfigError or LaunchError about the first that fails."""
    check_web_concurrency(environ.get("WEB_CONCURRENCY", ""))
    check_port(settings.host, settings.port)
    check_disk(settings.home, shutil.disk_usage(settings.home).free, first_start=not settings.store.exists())
    if not settings.embedded_queue:
        check_redis(settings.redis_url)
    check_database(settings.database_url)
    if settings.store_address:
        check_store(settings.store_address)


def check_web_concurrency(value: str) -> None:
    """Raise ConfigError unless `value` is empty or a number of web processes; gunicorn would print a traceback."""
    if value and not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise ConfigError(f"WEB_CONCURRENCY must be a whole number of at least 1, not {value!r}.")


def check_port(host: str, port: int) -> None:
    """Raise LaunchError unless this process may listen on `host`:`port` and no other process does."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise LaunchError(f"HOST {host} is not a name or address of this machine.") from None
    with socket.socket(family, kind, protocol) as probe:
        # As gunicorn does: without it, connections of a server that has just stopped would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            # Bind alone is no proof: two sockets that do not listen may share a port.
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"Port {port} on {host} is taken: stop the program that uses it or choose another with PORT."
            elif error.errno == errno.EACCES:
                reason = f"Port {port} needs privileges that this user lacks: choose one above 1023 with PORT."
            else:
                reason = f"HOST {host} cannot be listened on: {error.strerror}."
            raise LaunchError(reason) from None


def check_disk(home: Path, free: int, first_start: bool) -> None:
    """Raise LaunchError if `free` bytes under `home` are too few for a first or a later start."""
    needed = FIRST_START_BYTES if first_start else LATER_START_BYTES
    if free < needed:
        raise LaunchError(
            f"The disk is too full: {home} has {free // _MEGABYTE} MB free and Mellow needs "
            f"{needed // _MEGABYTE} MB to start."
        )


def check_redis(url: str) -> None:
    """Raise ConfigError if `url` cannot be used, LaunchError if no Redis or Valkey responds there in five seconds.

    Neither error contains the password.
    """
    try:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), retries=0),
        )
    except ValueError:
        # The error's own text may quote a part of the password, for example if an unescaped '@' or '/' splits it.
        raise ConfigError("REDIS_URL cannot be read: escape what is special in its password, as %40 for @.") from None
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise LaunchError(f"The queue at {_without_password(url)} does not answer: {_first_line(error)}") from None
    finally:
        client.close()


def check_database(url: str) -> None:
    """Raise ConfigError if `url` cannot be used, LaunchError if its database does not respond in five seconds.

    Neither error contains the password.
    """
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL is a database in memory, which web and worker cannot share: name a file.")
        engine = create_engine(
            parsed, poolclass=NullPool, connect_args={} if sqlite else {"connect_timeout": _ANSWER_SECONDS}
        )
    except (SQLAlchemyError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError("DATABASE_URL cannot be read: escape special characters in its password.") from None
    try:
        with engine.connect() as connection:
            # The pragma reads the file's header; SELECT 1 would succeed on a file that is no database.
            connection.exec_driver_sql("PRAGMA schema_version" if sqlite else "SELECT 1")
    except SQLAlchemyError as error:
        reason = _first_line(getattr(error, "orig", None) or error)
        raise LaunchError(f"The database at {parsed.render_as_string()} does not answer: {reason}") from None
    finally:
        engine.dispose()


def check_store(address: str) -> None:
    """Raise LaunchError if the object store at `address` cannot be read and written, or overwrites what is there."""
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError

    patience: RetryConfig = {"max_retries": 1, "retry_timeout": timedelta(seconds=_ANSWER_SECONDS)}
    try:
        store = obstore.store.from_url(address, retry_config=patience)
        next(obstore.list(store, chunk_size=1), None)
        for _ in range(2):
            obstore.put(store, _PROBE, b"", mode="create")
    except AlreadyExistsError:
        return
    except (BaseError, OSError, ValueError) as error:
        reason = _first_line(error).rpartition(" - ")[2].partition(": <?xml")[0].rstrip(".")
        raise LaunchError(f"The store {address} does not answer: {reason}.") from None
    raise LaunchError(
        f"The store {address} cannot be used: it overwrites objects that it was told to leave as they are."
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{address}{parts.path}"


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".") + "."
