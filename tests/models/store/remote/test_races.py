"""Two publishers at once, with a network between them and the store that cuts, delays and repeats."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from models.model_errors import StoreAway, VersionExists
from models.store.manifest import Manifest
from models.store.remote.bucket import Bucket
from models.store.remote.object_store import ObjectStore
from tests.objects.proxy import Fault, Proxy
from tests.objects.server import ObjectServer

IN_ONE_BUCKET = 50
"""Races in one bucket: for every list the server reads all names of a bucket."""
TROUBLE = (Fault.UNSENT, Fault.UNANSWERED, Fault.CUT, Fault.REPEATED, Fault.LATE)
PAIRS_AT_ONCE = 4
PATIENCE = 20


class Publisher:
    """One of two who publish a version in each race, under the second number if the first one is taken."""

    def __init__(self, name: str, root: Path, address: str, start: threading.Barrier) -> None:
        self.name = name
        self.published: dict[int, str] = {}
        """The key of each version that this publisher takes for its own, by its number."""
        self.failures: list[Exception] = []
        self._store = ObjectStore(root, Bucket(address), 1024**3)
        self._start = start

    def run(self, races: int) -> None:
        """Take part in the races of a bucket."""
        try:
            again(self._store.tidy)
            for race in range(races):
                self._start.wait()
                self._publish(f"{self.name}{race}", 2 * race + 1)
        except Exception as error:
            self.failures.append(error)
            self._start.abort()

    def _publish(self, key: str, first: int) -> None:
        with self._store.stage() as staged:
            (staged / "weights").write_text(key * 20)
            for number in (first, first + 1):
                made = Manifest(number, None, 7, "dpo", {}, "", {}, "2026-11-30T10:00:00+00:00", run_key=key)
                again(partial(self._store.seal, staged, made))
                try:
                    again(partial(self._store.publish, staged, number))
                except VersionExists:
                    continue
                self.published[number] = key
                return
        raise AssertionError(f"Both numbers were taken for {key}.")


def again(call: Callable[[], object]) -> None:
    """Call until the store answers, as a worker does."""
    for left in reversed(range(PATIENCE)):
        try:
            call()
        except StoreAway:
            if not left:
                raise
        else:
            return


def races(server: ObjectServer, reach: Callable[[int], None], folder: Path, seeds: range, share: float) -> None:
    """Have pairs of publishers race, each in a bucket of its own, while a share of all requests has trouble."""
    drawn = random.Random(seeds.start)
    with (
        Proxy(server.port, lambda _line: drawn.choice(TROUBLE) if drawn.random() < share else Fault.NONE) as proxy,
        ThreadPoolExecutor(PAIRS_AT_ONCE) as pairs,
    ):
        reach(proxy.port)
        list(pairs.map(partial(race, server, folder), seeds))


def race(server: ObjectServer, folder: Path, seed: int) -> None:
    """Have two publishers race in a bucket of their own, then look at what the server has on its disk."""
    address = f"s3://{server.new_bucket()}/studio"
    start = threading.Barrier(2, timeout=120)
    two = [Publisher(name, folder / f"{seed}-{name}", address, start) for name in ("a", "b")]
    threads = [threading.Thread(target=publisher.run, args=(IN_ONE_BUCKET,)) for publisher in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [failure for publisher in two for failure in publisher.failures] == []
    assert stored(server.root / address.removeprefix("s3://")) == two[0].published | two[1].published
    everybodys = [*two[0].published.values(), *two[1].published.values()]
    assert sorted(everybodys) == sorted(f"{name}{number}" for name in ("a", "b") for number in range(IN_ONE_BUCKET))


def stored(root: Path) -> dict[int, str]:
    """The key of each version that is there, by its number; each has exactly the files of its publisher."""
    found = {}
    for path in (root / "versions").iterdir():
        manifest = Manifest.parse(path.read_text(), str(path))
        weights = (root / "files" / str(manifest.upload) / "weights").read_bytes()
        assert weights.decode() == str(manifest.run_key) * 20
        assert manifest.files == {"weights": hashlib.sha256(weights).hexdigest()}
        assert path.name == f"{manifest.number:06d}.json"
        found[manifest.number] = str(manifest.run_key)
    return found


@pytest.mark.long
def test_of_two_publishers_none_loses_doubles_or_mixes_a_version(
    tmp_path: Path, object_server: ObjectServer, reach: Callable[[int], None]
) -> None:
    races(object_server, reach, tmp_path, range(4), share=0.04)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(10))
def test_in_ten_thousand_races_none_loses_doubles_or_mixes_a_version(
    tmp_path: Path, object_server: ObjectServer, reach: Callable[[int], None], part: int
) -> None:
    races(object_server, reach, tmp_path, range(1000 + 20 * part, 1020 + 20 * part), share=0.15)
