"""A worker's studio with clicks of people who like the first feature, and samples that a head can tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import write_transaction
from models.reward.features import SIZE, Array, pack
from models.serving.pool import Option
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import parts
from worker.job import head_pairs
from worker.studio.studio import Studio
from worker.training.clicks.samples import Samples

OWN = ("you are a stupid man", "stop it you fool", "what a dumb idea")


def row(value: float) -> Array:
    found = np.zeros(SIZE)
    found[0] = value
    return found


POOL = tuple(
    Option(text, -0.5, 0.9, 0.8, 0.6, 0.5, row(liked))
    for text, liked in (("you are wrong", 2.0), ("stop", 0.0), ("please stop it now", -2.0))
)


def studio_of(app: Flask, queue_url: str, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The studio of the worker's environment; of each of three texts the same samples are known."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(head_pairs, "TEXTS", len(OWN))
    monkeypatch.setattr(Samples, "draw", lambda *_: None)
    monkeypatch.setattr(Samples, "known", lambda *_: POOL)
    return Studio.of(Settings.from_env())


def click(session: Session, user_id: int, number: int, first: int = 0) -> list[int]:
    """So many judgments of a person who likes what has more of the first feature."""
    found = []
    for one in range(first, first + number):
        screen = factories.generation(session, user_id, (f"stop {one}", f"stop it {one}", f"you stop {one}"))
        with write_transaction(session):
            for candidate, value in zip(screen.candidates, (1.0, 0.0, -1.0), strict=True):
                candidate.features = pack(row(value))
        found.append(factories.judgment(session, screen).id)
    return found
