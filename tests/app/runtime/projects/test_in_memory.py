"""A web process holds the models of few projects: those that were used last, and always the first."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.assembly import ensure_serving_started
from app.context import mellow
from app.db import FIRST, RewardHead, enter, sessions_of
from app.domain_errors import NotReady
from app.extensions import db
from app.services.versions.first_version import publish_first
from models.serving.generator import Generator
from tests import factories
from tests.processes import wait_for
from tests.studio import Person, parts, rows


@pytest.fixture
def projects(app: Flask, session: Session, version_1: int) -> list[int]:
    """Three projects with versions 1, 2 and 3, of which a process holds two."""
    others = [factories.project(session, slug).id for slug in ("second", "third")]
    for project in others:
        publish_first(session, parts(app).store, project, None, None)
    parts(app).projects._most = 2
    return [FIRST, *others]


def served(project: int) -> int:
    """The version that a request of a project is served by."""
    enter(db.session(), project)
    return mellow().generator().version


def held(app: Flask) -> list[int]:
    return sorted(one.id for one in parts(app).projects.held())


def test_a_request_is_served_by_its_own_project_and_the_least_used_one_leaves(app: Flask, projects: list[int]) -> None:
    ensure_serving_started(app)
    assert held(app) == [1]
    with app.app_context():
        assert served(2) == 2
        taken = mellow().generator()
        assert isinstance(taken, Generator)
        leaving = parts(app).projects.of(2)
        assert served(3) == 3
        assert held(app) == [1, 3]
        assert served(1) == 1
        assert taken.generate("you are stupid", mellow().sampling).candidates, "who took it keeps it"
        leaving.stop()
        assert served(2) == 2
        assert held(app) == [1, 2]
    body = app.test_client().get("/readyz").get_json()
    assert (body["version"], body["projects"]) == (1, ["first", "second"])
    assert 'mellow_project_in_memory{project="second"} 1.0' in app.test_client().get("/metrics").text


def test_a_project_without_a_version_is_not_ready_and_the_others_are(
    app: Flask, session: Session, projects: list[int]
) -> None:
    empty = factories.project(session, "empty").id
    with app.app_context():
        with pytest.raises(NotReady, match="No version is published yet"):
            served(empty)
        assert served(FIRST) == 1


def test_what_was_judged_while_its_model_was_away_is_learned_once_it_is_loaded(
    app: Flask, session: Session, projects: list[int], annotator: Person
) -> None:
    ensure_serving_started(app)
    with sessions_of(parts(app).studio_sessions, 2)() as second:
        factories.judgment(second, factories.generation(second, annotator.id, version=2))
        assert rows(second, RewardHead) == []
        with app.app_context():
            assert served(2) == 2
        wait_for(lambda: rows(second, RewardHead) != [], what="a head of the second project")
        assert [row.version_number for row in rows(second, RewardHead)] == [2]
    assert rows(session, RewardHead) == []


def test_sessions_that_outlive_a_request_are_of_its_project(app: Flask, projects: list[int]) -> None:
    with app.app_context():
        enter(db.session(), 3)
        with mellow().sessions() as session:
            assert session.info["project"] == 3
    with parts(app).sessions() as session:
        assert "project" not in session.info
