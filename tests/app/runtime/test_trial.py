"""A version in memory for a while, beside the one that serves."""

from __future__ import annotations

import gc
import weakref

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.runtime.trial import Trial
from models.model_errors import StoreError, VersionDamaged
from models.serving.generator import Generator, Sampling
from models.store.store import SERVING_FOLDER, CheckpointStore
from tests.app.runtime.test_background import wait_until
from tests.studio import add_version, parts


@pytest.fixture
def loaded() -> list[int]:
    return []


def make(published: CheckpointStore, loaded: list[int], kept_seconds: float = 60) -> Trial[Generator]:
    def load(number: int) -> Generator:
        loaded.append(number)
        return Generator(published.folder(number) / SERVING_FOLDER, number, threads=1)

    return Trial(load, kept_seconds)


def test_a_version_is_loaded_once_and_another_takes_its_place(published: CheckpointStore, loaded: list[int]) -> None:
    trial = make(published, loaded)
    kept: list[weakref.ref[Generator]] = []
    for number in (1, 1, 2):
        kept.append(trial.ask(number, weakref.ref))
        assert trial.version == number
    assert loaded == [1, 2]
    gc.collect()
    assert [reference() is None for reference in kept] == [True, True, False], "there is never a second one in memory"
    trial.forget()
    assert trial.version is None


def test_it_is_let_go_when_nobody_has_used_it_for_a_while(published: CheckpointStore, loaded: list[int]) -> None:
    trial = make(published, loaded, kept_seconds=0.05)
    trial.ask(1, lambda generator: generator.generate("you are stupid", Sampling()))
    wait_until(lambda: trial.version is None)
    trial.ask(1, lambda generator: None)
    assert loaded == [1, 1]
    trial.forget()


def test_a_version_that_does_not_load_leaves_nothing_behind(published: CheckpointStore, loaded: list[int]) -> None:
    trial = make(published, loaded)
    with pytest.raises(StoreError, match="Version 9"):
        trial.ask(9, lambda generator: None)
    assert trial.version is None
    assert trial.ask(1, lambda generator: generator.version) == 1
    trial.forget()


def test_a_damaged_version_is_not_tried(
    app: Flask, session: Session, published: CheckpointStore, version_1: int
) -> None:
    folder = add_version(app, session, published, 2)
    (folder / SERVING_FOLDER / "model.bin").write_bytes(b"")
    with pytest.raises(VersionDamaged, match="is damaged"):
        parts(app).trial.ask(2, lambda generator: None)
