"""A run of another project than the first reads that one's clicks, and lets its version serve there alone."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RewardHead, Version, enter, sessions_of
from app.services.training import runs
from app.services.versions import versions
from app.services.versions.first_version import publish_first
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import Person, parts, rows
from worker.job import jobs

QUICK = {"learning_rate": 1e-3, "num_train_epochs": 1, "per_device_train_batch_size": 4}


@pytest.fixture
def environment(app: Flask, queue_url: str, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's settings come from its environment; they are the studio's."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)


def test_a_run_is_carried_out_in_its_project(
    app: Flask, session: Session, environment: None, version_1: int, annotator: Person, admin: Person
) -> None:
    project = factories.project(session).id
    publish_first(session, parts(app).store, project, admin.id, None)
    factories.judgment(session, factories.generation(session, annotator.id))
    with sessions_of(parts(app).studio_sessions, project)() as second:
        of_second = factories.generation(second, annotator.id, ("you are wrong", "you are a moron"), version=2)
        judgment = factories.judgment(second, of_second)
        run, _ = runs.request(second, admin.id, "dpo", QUICK)
        jobs.train(run.id)
        second.rollback()
        assert (run.status, run.error, run.parent_version, run.produced_version) == ("succeeded", None, 2, 3)
        assert (run.pairs, run.last_judgment_id) == (1, judgment.id)
        assert [one.number for one in rows(second, Version)] == [2, 3]
        assert versions.serving_number(second) == 3
        assert [row.version_number for row in rows(second, RewardHead)] == [3]
    session.rollback()
    assert (versions.serving_number(session), [one.number for one in rows(session, Version)]) == (1, [1])
    assert rows(session, RewardHead) == []
    enter(session, project)
    assert parts(app).store.manifest(3).parent == 2
