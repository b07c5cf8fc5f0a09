"""A version's own samples of texts that nobody clicked, measured as the reward head reads them.

Drawing takes longer than labelling, and depends on the version and the text alone: what was drawn is kept in a folder
of the cache, a file a text, so that a worker can draw while it waits and a run then finds it there.
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

from models.errors import InputTooLong, ModelError
from models.reward.features import VERSION as FEATURES_VERSION
from models.serving.generator import Generator, Sampling
from models.serving.pool import Option, pack, unpack
from models.store.manifest import hash_file
from worker.training.shared.writing import write_aside

COUNT = 24
"""Samples of a text."""
_WIDENED = 1.15  # times the usual temperature, so that they differ
_SHARES = 2
_SEED = 20260321
_VERSIONS_KEPT = 3
_IN_USE_SECONDS = 3600.0  # somebody may be drawing into what is younger

Pool = tuple[Option, ...]


class Samples:
    """The samples of one version. `cache` is the folder of all versions."""

    def __init__(self, serving: Path, sampling: Sampling, cache: Path) -> None:
        """Of the version in a serving folder; what other versions wrote longest ago is let go."""
        self._serving = serving
        self._sampling = replace(sampling, temperature=sampling.temperature * _WIDENED)
        said = (hash_file(serving / "model.bin"), FEATURES_VERSION, COUNT, self._sampling)
        self._folder = cache / hashlib.sha256(repr(said).encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.touch()
        self._generators: dict[int, Generator] = {}
        ages = {folder: time.time() - folder.stat().st_mtime for folder in cache.iterdir()}
        for folder in sorted(ages, key=ages.__getitem__)[_VERSIONS_KEPT:]:
            if ages[folder] > _IN_USE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def known(self, text: str) -> Pool | None:
        """What was drawn of a text, None if nothing was."""
        try:
            return unpack(self._file(text).read_bytes())
        except (FileNotFoundError, ModelError):
            return None

    def draw(
        self, texts: Sequence[str], seconds: float = float("inf"), check: Callable[[], None] = lambda: None
    ) -> None:
        """Draw what is not known yet, as long as the time allows; `check` is called all the while, and may raise.

        Raises LoadError, or OSError if it cannot be kept.
        """
        wanting = [text for text in texts if self.known(text) is None]
        until = time.monotonic() + seconds
        stop = threading.Event()
        done: queue.SimpleQueue[None] = queue.SimpleQueue()

        def some(share: int) -> None:
            try:
                for text in wanting[share::_SHARES]:
                    if stop.is_set() or time.monotonic() >= until:
                        return
                    self._draw(self._generator(share), text)
            finally:
                done.put(None)

        if not wanting:
            return
        with ThreadPoolExecutor(_SHARES) as pool:
            shares = [pool.submit(some, share) for share in range(_SHARES)]
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
        """One for each that draws, so that what is drawn does not depend on how many cores there are."""
        if share not in self._generators:
            self._generators[share] = Generator(self._serving, 0, threads=1, seed=_SEED + share)
        return self._generators[share]

    def _draw(self, generator: Generator, text: str) -> None:
        if self.known(text) is not None:  # another process came first
            return
        try:
            pool = generator.samples(text, self._sampling, COUNT)
        except InputTooLong:
            pool = ()
        write_aside(self._file(text), pack(pool))

    def _file(self, text: str) -> Path:
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()}.safetensors"
