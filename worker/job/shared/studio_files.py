"""The studios that share a worker: one file of settings each, as `.env` has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from redis.connection import parse_url
from sqlalchemy.engine import make_url

from app.config import ConfigError, Settings
from app.launch.dotenv import read_dotenv


@dataclass(frozen=True)
class SharingStudio:
    """One of the studios: the name of its file, the environment of its process, and its settings."""

    name: str
    environ: Mapping[str, str]
    settings: Settings


def read_studios(paths: Iterable[Path], machine: Mapping[str, str], homes: Path) -> list[SharingStudio]:
    """Read the files, and those of folders that end in `.env`; raises ConfigError if they cannot be served together.

    `machine` is what all processes have in their environment. A studio whose file names no MELLOW_HOME gets a folder
    of its name in `homes`.
    """
    studios = [_read(file, machine, homes) for path in paths for file in _files(path)]
    if not studios:
        raise ConfigError("There is no studio to work for: name files of settings, or folders with NAME.env in them.")
    for one, other in combinations(studios, 2):
        _check_apart(one, other)
    return studios


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return sorted(path.glob("*.env"))
    if not path.is_file():
        raise ConfigError(f"There is no file {path}.")
    return [path]


def _read(file: Path, machine: Mapping[str, str], homes: Path) -> SharingStudio:
    name = file.name.removesuffix(".env") or file.resolve().parent.name
    environ = {**machine, **read_dotenv(file)}
    if not environ.get("MELLOW_HOME") and not (environ.get("DATABASE_URL") and environ.get("REDIS_URL")):
        raise ConfigError(f"{file} must name DATABASE_URL and REDIS_URL, or the MELLOW_HOME of a studio here.")
    environ["MELLOW_HOME"] = environ.get("MELLOW_HOME") or str((homes / name).resolve())
    try:
        return SharingStudio(name, environ, Settings.from_env(environ))
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def _check_apart(one: SharingStudio, other: SharingStudio) -> None:
    """Raise ConfigError if two studios would meet in one place."""
    both = f"The studios {one.name} and {other.name}"
    if one.name == other.name:
        raise ConfigError(f"Two studios are called {one.name}: give their files different names.")
    for place, what in _PLACES.items():
        if what(one.settings) == what(other.settings):
            raise ConfigError(f"{both} have the same {place}.")


_PLACES: Mapping[str, Callable[[Settings], object]] = {
    "MELLOW_HOME: give each a folder of its own": lambda settings: settings.home,
    "database, DATABASE_URL: give each its own": lambda settings: _database(settings.database_url),
    "queue, REDIS_URL: give each its own QUEUE_PREFIX, or its own database number at the end of REDIS_URL": (
        lambda settings: (_queue(settings.redis_url), settings.queue_prefix)
    ),
    "store of versions, MELLOW_STORE: give each its own": lambda settings: settings.store_address or settings.store,
}


def _database(url: str) -> object:
    parsed = make_url(url)
    return parsed.host, parsed.port or 5432, parsed.database, parsed.query.get("host")


def _queue(url: str) -> object:
    parsed = parse_url(url)  # type: ignore[no-untyped-call]
    return parsed.get("path"), parsed.get("host"), parsed.get("port", 6379), parsed.get("db", 0)
