"""`python -m app.launch.launcher`: start all of Mellow in one terminal, and stop it with one Ctrl-C.

It runs the checks, then the embedded queue if no REDIS_URL is given, then the Procfile's release command to completion,
then web, worker and, with CHAT_MODEL, the generation process side by side. What ends by itself is started again
(`app.launch.supervisor`). Exit codes: 0 a requested stop, 1 something failed, 2 a setting cannot be used.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import quote

from app.config import PROJECT_ROOT, ConfigError, Settings
from app.launch import LaunchError
from app.launch.dotenv import read_dotenv
from app.launch.parts import parts_file
from app.launch.preflight import check_all
from app.launch.programs import Due, Events, Exited, Programs, Ready, StopWanted, read_procfile
from app.launch.reaper import Reaper
from app.launch.supervisor import Supervisor
from app.runtime.embedded_queue import EmbeddedQueue, QueueError

_POLL_SECONDS = 0.2
_SLOW_START_SECONDS = 60.0

QUEUE = "the embedded queue"


def main(
    procfile: Path = PROJECT_ROOT / "Procfile",
    overruled: Mapping[str, str] | None = None,
    when_ready: Callable[[str], None] | None = None,
) -> int:
    """Run until a stop is requested or nothing can be kept running; returns the exit code.

    What is `overruled` stands above the environment and `.env`. `when_ready` is called once with the address at which
    Mellow answers, in a thread of its own.
    """
    events: Events = SimpleQueue()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup make run` ignores SIGHUP, so that Mellow outlives its terminal.
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, lambda _signum, _frame: events.put(StopWanted()))
    # Files of Mellow are readable by its own user only, even if others may read MELLOW_HOME.
    os.umask(0o077)
    try:
        environ = {**read_dotenv(procfile.parent / ".env"), **os.environ, **(overruled or {})}
        settings = Settings.from_env(environ)
        commands = read_procfile(procfile)
        check_all(settings, environ)
        _run(settings, environ, procfile.parent, commands, events, when_ready)
    except ConfigError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    except (LaunchError, QueueError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    print("Mellow has stopped.", flush=True)
    return 0


def _run(
    settings: Settings,
    environ: Mapping[str, str],
    folder: Path,
    commands: Mapping[str, str],
    events: Events,
    when_ready: Callable[[str], None] | None,
) -> None:
    """Run until a requested stop; raises LaunchError if something failed. Either way, all that it started has ended."""
    path = _web_path(environ)
    with ExitStack() as stack:
        reaper = stack.enter_context(Reaper())
        queue = _Queue(settings.home, reaper, events) if settings.embedded_queue else None
        if queue is not None:
            queue.start()
            stack.callback(queue.stop)
        programs = Programs(folder, _program_environ(settings, environ), events, reaper)
        stack.callback(programs.stop)
        programs.start("release", commands["release"])
        if not _released(events):
            return
        programs.clear("release")
        starts: dict[str, Callable[[], None]] = {
            name: partial(programs.start, name, commands[name]) for name in _parts(settings, commands)
        }
        clears: dict[str, Callable[[], None]] = {name: partial(programs.clear, name) for name in starts}
        for start in starts.values():
            start()
        if queue is not None:
            starts[QUEUE], clears[QUEUE] = queue.start, queue.clear
        stack.callback(parts_file(settings.home).unlink, missing_ok=True)
        supervisor = Supervisor(starts, settings.home, lambda pause, name: _later(events, pause, name))
        threading.Thread(target=_watch_readiness, args=(settings, path, events), daemon=True).start()
        _serve(settings, path, events, supervisor, clears, when_ready)


def _parts(settings: Settings, commands: Mapping[str, str]) -> tuple[str, ...]:
    """Return the programs that are kept running; raises LaunchError if the one of the chat model has no command.

    A home that has converted a chat model has versions of it, which are served without CHAT_MODEL, too.
    """
    if not settings.chat_model and not (settings.home / "cache" / "chat").is_dir():
        return ("web", "worker")
    if "chat" not in commands:
        raise LaunchError("The Procfile has no line that begins with chat:, which CHAT_MODEL needs.")
    return ("web", "worker", "chat")


def _later(events: Events, pause: float, name: str) -> None:
    timer = threading.Timer(pause, events.put, [Due(name)])
    timer.daemon = True
    timer.start()


def _released(events: Events) -> bool:
    """Wait for the release command: True on success, False at a requested stop; raises LaunchError if it failed."""
    event = events.get()
    if isinstance(event, StopWanted):
        return False
    assert isinstance(event, Exited)
    if event.name != "release" or event.code != 0:
        raise LaunchError(f"Mellow cannot start: {event.last_line or _how_it_ended(event)}")
    return True


def _serve(
    settings: Settings,
    path: str,
    events: Events,
    supervisor: Supervisor,
    clears: Mapping[str, Callable[[], None]],
    when_ready: Callable[[str], None] | None,
) -> None:
    """Keep everything running until a requested stop; raises LaunchError if web and worker are given up.

    So it does if the web is given up before it was ever ready: then nothing was started that anybody could use.
    """
    ready = False
    while not isinstance(event := events.get(), StopWanted):
        if isinstance(event, Exited):
            clears[event.name]()
            part = supervisor.ended(event.name, _how_it_ended(event))
            if part.state == "given up" and event.name == "web" and not ready:
                raise LaunchError(f"Mellow has stopped because {part.reason}")
        elif isinstance(event, Due):
            supervisor.restart(event.name)
        else:
            ready = True
            print(_greeting(settings, path), flush=True)
            if when_ready is not None:
                threading.Thread(target=when_ready, args=(_address(settings, path),), daemon=True).start()


class _Queue:
    """The embedded queue as one of the parts."""

    def __init__(self, home: Path, reaper: Reaper, events: Events) -> None:
        self._server = EmbeddedQueue(home)
        self._reaper = reaper
        self._events = events
        self._leader = 0

    def start(self) -> None:
        """Start the server and report its end; raises LaunchError."""
        try:
            self._server.start()
        except QueueError as error:
            raise LaunchError(str(error)) from None
        process = self._server.process
        self._leader = process.pid
        self._reaper.watch(process.pid, last=True)
        threading.Thread(
            target=lambda: self._events.put(Exited(QUEUE, process.wait(), "")), daemon=True, name="queue-watch"
        ).start()

    def clear(self) -> None:
        """Forget a server that has ended."""
        self._reaper.forget(self._leader)

    def stop(self) -> None:
        """Stop the server that runs."""
        self._server.stop()


def _how_it_ended(event: Exited) -> str:
    if event.code < 0:
        return f"{event.name} was ended by {signal.Signals(-event.code).name}."
    if event.code > 128 and event.code - 128 in set(signal.Signals):  # as a shell tells of a program that it ran
        return f"{event.name} was ended by {signal.Signals(event.code - 128).name}."
    return f"{event.name} ended by itself with exit code {event.code}."


def _web_path(environ: Mapping[str, str]) -> str:
    """Return the path below which gunicorn answers, empty for none; raises ConfigError for one that it cannot use."""
    path = environ.get("SCRIPT_NAME", "")
    if path and (not path.startswith("/") or path.endswith("/")):
        raise ConfigError(f"SCRIPT_NAME must be a path such as /mellow, not {path!r}.")
    return path


def _greeting(settings: Settings, path: str) -> str:
    url = _address(settings, path)
    try:
        token = settings.setup_token_path.read_text().strip()
    except FileNotFoundError:
        return f"Mellow is ready: {url}"
    return f"Mellow is ready: create the first admin at {url}/setup?token={quote(token, safe='')}"


def _address(settings: Settings, path: str) -> str:
    return f"http://{_url_host(_reachable_host(settings.host))}:{settings.port}{path}"


def _watch_readiness(settings: Settings, path: str, events: Events) -> None:
    """Put Ready once; print one line if that takes long, for instance because a large checkpoint loads."""
    begun, told = time.monotonic(), False
    while not (status := _readiness(settings, path)).startswith("200"):
        if not told and time.monotonic() - begun > _SLOW_START_SECONDS:
            told = True
            print(f"Mellow is still starting after {_SLOW_START_SECONDS:.0f} s: /readyz answers {status}.", flush=True)
        time.sleep(_POLL_SECONDS)
    events.put(Ready())


def _readiness(settings: Settings, path: str) -> str:
    """Return the status line of GET /readyz, or the error. Unlike urllib, http.client uses no proxy."""
    connection = http.client.HTTPConnection(_reachable_host(settings.host), settings.port, timeout=5)
    try:
        connection.request("GET", f"{path}/readyz")
        response = connection.getresponse()
        return f"{response.status} {response.reason}"
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({error})"
    finally:
        connection.close()


def _reachable_host(host: str) -> str:
    """Return the host at which a browser on this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _program_environ(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the programs; all paths are absolute, so that they agree in any folder."""
    # gunicorn itself reads this one and cannot read an empty value.
    kept = {name: value for name, value in environ.items() if value or name != "WEB_CONCURRENCY"}
    return {
        **kept,
        "MELLOW_HOME": str(settings.home),
        "MELLOW_STORE": settings.store_address or str(settings.store),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "CHAT_MODEL": settings.chat_model,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        # The Procfile's commands are those installed beside this Python.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]),
        # Lines arrive when they are written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        # The tokenizers library warns at every fork otherwise; RQ forks for each job.
        "TOKENIZERS_PARALLELISM": "false",
        # `.env` is read here already; flask would hint at installing python-dotenv.
        "FLASK_SKIP_DOTENV": "1",
    }


if __name__ == "__main__":
    sys.exit(main())
