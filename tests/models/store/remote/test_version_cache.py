"""The cache of versions: bounded, shared by the processes of a machine, and never without what one of them uses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT
from models.model_errors import StoreError
from models.store.manifest import Manifest
from models.store.remote import version_cache
from models.store.remote.version_cache import VersionCache

SIZE = 1000
ROOM = 4 * SIZE  # a manifest takes some, too: three versions and no fourth
HOLDING = """
import sys
from pathlib import Path
from models.store.manifest import Manifest
from models.store.remote.version_cache import VersionCache

root = Path(sys.argv[1])
print(VersionCache(root, 0).held(Manifest.read(root / "000001")), flush=True)
sys.stdin.read()
"""


def manifest(number: int) -> Manifest:
    upload = f"{number:06d}-0123456789abcdef"
    return Manifest(number, None, 7, "dpo", {}, "", {}, "2026-11-30T10:00:00+00:00", upload=upload)


def arriving(folder: Path) -> None:
    (folder / "weights").write_bytes(b"x" * SIZE)


def add(cache: VersionCache, number: int) -> Path:
    """Fetch a version and let go of it at once; the later it is added, the later it was asked for."""
    folder = cache.folder(manifest(number), SIZE, arriving)
    cache.hold_only([])
    os.utime(folder, (number, number))
    return folder


@pytest.fixture(autouse=True)
def _passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process goes on without, it lets go of at once."""
    monkeypatch.setattr(version_cache, "PASSING_SECONDS", -1.0)


@pytest.fixture
def cache(tmp_path: Path) -> VersionCache:
    return VersionCache(tmp_path / "cache", ROOM)


def test_a_version_that_is_here_is_not_fetched_again(cache: VersionCache) -> None:
    add(cache, 1)
    assert cache.folder(manifest(1), SIZE, lambda folder: pytest.fail(f"{folder} is fetched")) == cache.held(
        manifest(1)
    )


def test_what_was_not_asked_for_longest_leaves_first(cache: VersionCache) -> None:
    for number in (1, 2, 3):
        add(cache, number)
    cache.held(manifest(1))
    cache.hold_only([])
    add(cache, 4)
    assert cache.numbers() == [1, 3, 4]


def test_what_this_process_uses_does_not_leave(cache: VersionCache) -> None:
    for number in (1, 2, 3):
        add(cache, number)
    os.utime(cache.folder(manifest(1), SIZE, arriving), (0, 0))
    add(cache, 4)
    assert cache.numbers() == [1, 3, 4]


def test_what_another_process_uses_does_not_leave_until_it_ends(cache: VersionCache, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        add(cache, number)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path / "cache")],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == str(tmp_path / "cache" / "000001")
        os.utime(tmp_path / "cache" / "000001", (0, 0))
        add(cache, 4)
        assert cache.numbers() == [1, 3, 4]
        cache.remove_unused([1, 3])
        assert cache.numbers() == [1, 4]
        other.kill()
    cache.remove_unused([1])
    assert cache.numbers() == [4]


def test_what_was_published_stays_staged_while_another_version_of_its_number_is_in_use(
    cache: VersionCache, tmp_path: Path
) -> None:
    cache.folder(manifest(1), SIZE, arriving)
    staged = tmp_path / "staged"
    staged.mkdir()
    arriving(staged)
    cache.adopt(staged, manifest(1))
    assert staged.is_dir()
    assert cache.held(manifest(1)) is not None


def test_where_there_is_no_room_beside_what_is_used_a_sentence_says_so(cache: VersionCache) -> None:
    for number in (1, 2, 3):
        cache.folder(manifest(number), SIZE, arriving)
    with pytest.raises(StoreError, match=r"does not fit into the cache .* are in use: raise MELLOW_STORE_CACHE_GB\.$"):
        cache.folder(manifest(4), SIZE, arriving)
    assert cache.numbers() == [1, 2, 3]


def test_what_has_arrived_in_part_is_given_up_before_a_whole_version(cache: VersionCache, tmp_path: Path) -> None:
    def cut(folder: Path) -> None:
        arriving(folder)
        raise ConnectionError

    add(cache, 1)
    add(cache, 2)
    with pytest.raises(ConnectionError):
        cache.folder(manifest(3), SIZE, cut)
    add(cache, 4)
    assert cache.numbers() == [1, 2, 4]
    assert list((tmp_path / "cache" / ".fetching").iterdir()) == []


def test_what_has_arrived_is_still_there_at_the_next_attempt(cache: VersionCache) -> None:
    seen: list[list[str]] = []

    def cut(folder: Path) -> None:
        seen.append([path.name for path in folder.iterdir()])
        arriving(folder)
        if len(seen) == 1:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        cache.folder(manifest(1), SIZE, cut)
    cache.folder(manifest(1), SIZE, cut)
    assert seen == [[], ["weights"]]


def test_of_many_who_ask_at_once_one_fetches(tmp_path: Path) -> None:
    fetched: list[Path] = []
    found: list[Path] = []

    def fetch(folder: Path) -> None:
        fetched.append(folder)
        arriving(folder)

    def ask() -> None:
        cache = VersionCache(tmp_path / "cache", ROOM)
        found.append(cache.held(manifest(1)) or cache.folder(manifest(1), SIZE, fetch))

    at_once([ask] * 8)
    assert len(fetched) == 1
    assert found == [tmp_path / "cache" / "000001"] * 8


def test_a_cache_under_pressure_gives_everybody_what_they_asked_for(tmp_path: Path) -> None:
    """Eight who ask for six versions where there is room for three; nobody finds a file missing."""

    def ask(first: int) -> None:
        cache = VersionCache(tmp_path / "cache", ROOM * 3)
        for turn in range(30):
            number = (first + turn) % 6 + 1
            folder = cache.held(manifest(number)) or cache.folder(manifest(number), SIZE, arriving)
            assert (folder / "weights").stat().st_size == SIZE
            cache.hold_only([])

    at_once([partial(ask, first) for first in range(8)])
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file()) <= ROOM * 3


def at_once(calls: list[Callable[[], None]]) -> None:
    """Make all calls at the same time; raises what one of them raises."""
    failures: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
