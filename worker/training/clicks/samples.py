"""A version's own samples of prompts that nobody has judged, with the features that the reward head reads.

Sampling takes longer than labelling and depends on the version and the text alone. The samples are therefore cached,
one file for each text: an idle worker can sample in advance for the next run.
"""

from __future__ import annotations

import hashlib
import queue
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from models.model_errors import InputTooLong, ModelError
from models.serving.generator import Generator, Sampling
from models.serving.pool import Option, pack, unpack
from models.serving.sampling_code import sampling_identity
from models.store.manifest import hash_file
from models.store.samples_cache import sample_file
from worker.training.shared.writing import write_aside

COUNT = 24
"""Samples for each text."""
_WIDENED = 1.15  # factor of the serving temperature, for more diverse samples
_SHARES = 2
_SEED = 20260321
_VERSIONS_KEPT = 3
_IN_USE_SECONDS = 3600.0  # another process may be sampling into a younger folder

Pool = tuple[Option, ...]


class Samples:
    """The cached samples of one version. `cache` is the folder that holds those of all versions."""

    def __init__(self, serving: Path, sampling: Sampling, cache: Path) -> None:
        """Open the cache of the version in a serving folder, and remove the caches of the versions used longest ago."""
        self._serving = serving
        self._sampling = replace(sampling, temperature=sampling.temperature * _WIDENED)
        version = [(path.name, hash_file(path)) for path in sorted(serving.iterdir()) if path.is_file()]
        identity = (version, sampling_identity(), COUNT, self._sampling)
        self._folder = cache / hashlib.sha256(repr(identity).encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.touch()
        self._generators: dict[int, Generator] = {}
        ages = {folder: time.time() - folder.stat().st_mtime for folder in cache.iterdir()}
        for folder in sorted(ages, key=ages.__getitem__)[_VERSIONS_KEPT:]:
            if ages[folder] > _IN_USE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def known(self, text: str) -> Pool | None:
        """Return the cached samples of a text, or None."""
        try:
            return unpack(self._file(text).read_bytes())
        except (FileNotFoundError, ModelError):
            return None

    def draw(
        self, texts: Sequence[str], seconds: float = float("inf"), check: Callable[[], None] = lambda: None
    ) -> None:
        """Sample every text that is not cached yet, until `seconds` have passed.

        `check` is called every second and may raise. Raises LoadError, or OSError if the cache cannot be written.
        """
        missing = [text for text in texts if self.known(text) is None]
        deadline = time.monotonic() + seconds
        stop = threading.Event()
        done: queue.SimpleQueue[None] = queue.SimpleQueue()

        def draw_share(share: int) -> None:
            try:
                for text in missing[share::_SHARES]:
                    if stop.is_set() or time.monotonic() >= deadline:
                        return
                    self._draw(self._generator(share), text)
            finally:
                done.put(None)

        if not missing:
            return
        with ThreadPoolExecutor(_SHARES) as pool:
            shares = [pool.submit(draw_share, share) for share in range(_SHARES)]
            try:
                left = _SHARES
                while left:
                    check()
                    try:
                        done.get(timeout=1)
                        left -= 1
                    except queue.Empty:
                        continue
            finally:
                stop.set()
        for share in shares:
            share.result()

    def _generator(self, share: int) -> Generator:
        """Return the share's own generator: with one each, samples do not depend on the number of cores."""
        if share not in self._generators:
            self._generators[share] = Generator(self._serving, 0, threads=1, seed=_SEED + share)
        return self._generators[share]

    def _draw(self, generator: Generator, text: str) -> None:
        if self.known(text) is not None:  # another process has sampled it meanwhile
            return
        try:
            pool = generator.samples(text, self._sampling, COUNT)
        except InputTooLong:
            pool = ()
        write_aside(self._file(text), pack(pool))

    def _file(self, text: str) -> Path:
        return self._folder / sample_file(text)
