"""A version that was taught manners draws in several of them, and one that was not draws as ever."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from models.manners import MANNERS_FILE, MOST, PLAIN, divided, read_manners, write_manners
from models.serving.engine import Engine, Sampling
from models.serving.generator import Generator
from models.store.store import SERVING_FOLDER, CheckpointStore

TEXT = "you are a stupid idiot"
CODES = {"brief": "<0xC0>", "gentle": "<0xC1>", "formal": "<0xFE>", "lively": "<0xFF>"}


@pytest.fixture
def mannered(published: CheckpointStore, tmp_path: Path) -> Generator:
    """A tiny version of which its folder says that it knows manners."""
    shutil.copytree(published.folder(1) / SERVING_FOLDER, tmp_path / "serving")
    write_manners(tmp_path / "serving", CODES)
    return Generator(tmp_path / "serving", 1, threads=1, seed=7)


class Overheard:
    """A translator, and the keyword arguments of its calls."""

    def __init__(self, engine: Engine) -> None:
        self._translator: Any = engine._translator
        self.calls: list[tuple[int, dict[str, Any]]] = []

    def translate_batch(self, sources: Sequence[Sequence[str]], **how: Any) -> Any:
        self.calls.append((len(sources), how))
        return self._translator.translate_batch(sources, **how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._translator, name)


def overheard(generator: Generator) -> Overheard:
    engine: Any = generator._engine
    engine._translator = Overheard(engine)
    heard: Overheard = engine._translator
    return heard


@pytest.mark.parametrize(("count", "number"), [(16, 4), (24, 4), (6, 3), (1, 1), (7, 1)])
def test_samples_are_divided_evenly_among_the_plain_manner_and_others(count: int, number: int) -> None:
    found = divided(count, list(CODES), random.Random(1))
    assert (len(found), len(set(found)), found[0]) == (number, number, PLAIN)
    assert divided(count, [], random.Random(1)) == (PLAIN,)


def test_every_manner_has_its_turn() -> None:
    turns = {manner for seed in range(40) for manner in divided(16, list(CODES), random.Random(seed))}
    assert turns == {PLAIN, *CODES}


def test_a_screen_is_drawn_in_one_call_in_several_manners(mannered: Generator) -> None:
    heard = overheard(mannered)
    drawn = mannered.sample(TEXT, 16, 0.9, Sampling(), number=3)

    [(rows, how)] = heard.calls
    codes = [prefix[0] if prefix else None for prefix in how["target_prefix"]]
    assert (rows, how["num_hypotheses"], codes[0], len(set(codes))) == (MOST, 16 // MOST, None, MOST)
    assert {sample.manner for sample in drawn.samples} <= {PLAIN, *CODES}
    assert len({sample.manner for sample in drawn.samples}) > 1
    assert not any(code in sample.text for sample in drawn.samples for code in CODES.values())
    assert len(mannered.generate(TEXT, Sampling()).candidates) == 3


def test_a_version_without_manners_draws_as_ever(published: CheckpointStore) -> None:
    folder = published.folder(1) / SERVING_FOLDER
    assert not (folder / MANNERS_FILE).exists()
    generator = Generator(folder, 1, threads=1, seed=7)
    heard = overheard(generator)
    drawn = generator.sample(TEXT, 16, 0.9, Sampling())

    [(rows, how)] = heard.calls
    assert (rows, how["num_hypotheses"], how["target_prefix"]) == (1, 16, None)
    assert {sample.manner for sample in drawn.samples} == {PLAIN}


def test_manners_that_were_written_are_read(tmp_path: Path) -> None:
    assert read_manners(tmp_path) == {}
    write_manners(tmp_path, CODES)
    assert read_manners(tmp_path) == CODES
