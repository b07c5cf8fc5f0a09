"""A new project with its first version."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Project, Role, enter
from app.domain_errors import NotFound
from app.services.projects import creation
from app.services.projects.projects import Text
from app.services.versions import versions
from tests import factories
from tests.studio import parts, rows


@pytest.mark.usefixtures("version_1")
def test_a_project_begins_with_a_copy_that_serves_there(app: Flask, session: Session) -> None:
    admin = factories.user(session, role=Role.ADMIN)
    project, number = creation.create(session, parts(app).store, admin.id, "", Text("Answers", ""), 1)
    assert (versions.serving_number(session), number) == (1, 2)
    enter(session, project.id)
    assert versions.serving_number(session) == 2
    assert [version.number for version in versions.all_versions(session)] == [2]
    enter(session, 1)
    assert [(one.slug, version.number) for one, version in creation.origins(session)] == [("first", 1), ("answers", 2)]


@pytest.mark.parametrize("copy_of", [None, 7])
def test_without_the_version_there_is_no_project(app: Flask, session: Session, copy_of: int | None) -> None:
    admin = factories.user(session, role=Role.ADMIN)
    with pytest.raises(NotFound):
        creation.create(session, parts(app).store, admin.id, "", Text("Answers", ""), copy_of)
    assert [project.slug for project in rows(session, Project)] == ["first"]
