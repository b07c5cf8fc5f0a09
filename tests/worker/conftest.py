"""What the tests of the worker share: two tiny T5s, one of each kind, and preferences that they can learn."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from models.texts.heldout import read_pairs
from tests.scorer_cache import CACHE
from tests.tiny.t5 import build_tiny_mt5, build_tiny_t5
from worker.evaluation import automatic, testset
from worker.evaluation.scorers import Scorers, TextScorer
from worker.evaluation.scorers.loading import load_scorers
from worker.job import head_pairs
from worker.publish import release
from worker.publish.convert import convert_to_ctranslate2
from worker.training.clicks.anchors import ANCHORS_FILE, ANCHORS_PER_STEP
from worker.training.loading import adapters
from worker.training.shared.examples import PreferenceExample

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests train is not remembered among what the person who runs them has trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters, "TRAINED_HERE", tmp_path_factory.mktemp("trained-here"))
        yield


@pytest.fixture
def few_texts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Evaluations measure on this many held-out texts, the shortest of all 60, and runs learn from clicks alone.

    For tests that are about something else. The scorers are the real ones, but loaded once for all of these tests; of
    the anchors the first few are used.
    """
    texts = 4
    every = testset.heldout()
    shortest = tuple(sorted(every.items, key=lambda item: len(item.source))[:texts])
    few = read_pairs(ANCHORS_FILE)[: 2 * ANCHORS_PER_STEP]
    monkeypatch.setattr("worker.training.clicks.anchors.read_pairs", lambda _file: few)
    monkeypatch.setattr(automatic, "load_scorers", lambda _cache: loaded_scorers())
    monkeypatch.setattr(head_pairs, "TEXTS", 0)
    monkeypatch.setattr(testset, "heldout", lambda: replace(every, items=shortest))
    return texts


@functools.cache
def loaded_scorers() -> Scorers:
    """Load the embedded scorers; a language model, which takes longest, scores each text once."""
    scorers = load_scorers(CACHE)
    return replace(scorers, fluency=Remembering(scorers.fluency))


class Remembering:
    """A scorer that remembers what it said of each text."""

    def __init__(self, scorer: TextScorer) -> None:
        self.name, self.version = scorer.name, scorer.version
        self._scorer = scorer
        self._said: dict[str, float] = {}

    def __call__(self, texts: Sequence[str]) -> list[float]:
        new = [text for text in dict.fromkeys(texts) if text not in self._said]
        self._said |= zip(new, self._scorer(new), strict=True)
        return [self._said[text] for text in texts]


@pytest.fixture
def rival(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a version is being sealed as number 2, another process publishes one under that number."""
    seal = release.seal

    def meanwhile(store: CheckpointStore, staged: Path, *, number: int, **facts: Any) -> Manifest:
        manifest = seal(store, staged, number=number, **facts)
        if number == 2:
            shutil.copytree(store.folder(1), store.place(2))
        return manifest

    monkeypatch.setattr(release, "seal", meanwhile)


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random T5 of the first kind."""
    return build_tiny_t5(tmp_path_factory.mktemp("tiny-t5"))


@pytest.fixture(scope="session")
def tiny_t5_v1_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random T5 v1.1: gated, with a head of its own."""
    return build_tiny_t5(tmp_path_factory.mktemp("tiny-t5-v1-1"), gated=True)


@pytest.fixture(scope="session")
def tiny_mt5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random mT5."""
    return build_tiny_mt5(tmp_path_factory.mktemp("tiny-mt5"))


@pytest.fixture(params=["t5", "t5-v1.1"])
def each_t5(request: pytest.FixtureRequest, tiny_t5: Path, tiny_t5_v1_1: Path) -> Path:
    """Both kinds in turn."""
    return tiny_t5 if request.param == "t5" else tiny_t5_v1_1


@pytest.fixture(scope="session")
def examples() -> list[PreferenceExample]:
    """Four comparisons of unequal lengths, one of which needs byte fallback."""
    return [
        PreferenceExample("you are stupid", "you are wrong", "you are a moron"),
        PreferenceExample("damn , this movie is trash !", "this movie is not good", "this movie is trash"),
        PreferenceExample("stop", "please stop it now", "stop"),
        PreferenceExample("what a naïve idiot", "i disagree with that person", "naïve"),
    ]


class RecordingProgress:
    """Hears everything, and cancels after `cancel_after` optimizer steps when given."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.cancel_after = cancel_after
        self.stages: list[str] = []
        self.steps: list[tuple[int, int]] = []
        self.reports: list[tuple[int, dict[str, float]]] = []
        self.checkpoints: list[int] = []
        self.lines: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def step(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self.reports.append((step, dict(values)))

    def checkpoint(self, step: int) -> None:
        self.checkpoints.append(step)

    def log(self, line: str) -> None:
        self.lines.append(line)

    def cancelled(self) -> bool:
        return self.cancel_after is not None and len(self.steps) >= self.cancel_after


@pytest.fixture(scope="session")
def tiny_serving(tiny_t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in its serving form."""
    folder = tmp_path_factory.mktemp("tiny-serving") / "serving"
    convert_to_ctranslate2(tiny_t5, folder)
    return folder


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where prepared scorers are kept for all tests."""
    return CACHE
