"""A new project with its first version."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import ANSWERING, Project, Role, enter
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.projects import creation
from app.services.projects.creation import Beginning
from app.services.projects.projects import Text
from app.services.prompts import studio_settings
from app.services.versions import versions
from tests import factories
from tests.studio import parts, rows


@pytest.mark.usefixtures("version_1")
def test_a_project_begins_with_a_copy_that_serves_there(app: Flask, session: Session) -> None:
    admin = factories.user(session, role=Role.ADMIN)
    project, number = creation.create(
        session, parts(app).store, admin.id, "", Text("Answers", ""), Beginning(copy_of=1)
    )
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
        creation.create(session, parts(app).store, admin.id, "", Text("Answers", ""), Beginning(copy_of=copy_of))
    assert [project.slug for project in rows(session, Project)] == ["first"]


@pytest.mark.usefixtures("version_1")
def test_a_project_that_answers_begins_with_a_chat_model_or_a_copy_of_one(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    from tests.tiny.chat import build_tiny_chat

    admin, store = factories.user(session, role=Role.ADMIN).id, parts(app).store
    model = build_tiny_chat(tmp_path / "tiny")
    (model / "pickled.bin").touch()
    beginning = Beginning(ANSWERING, None, str(model))
    project, number = creation.create(session, store, admin, "", Text("Answers", ""), beginning)
    manifest = store.verify(number)
    assert (manifest.method, manifest.config) == ("chat_base", {"chat_base": 2})
    assert {"model/config.json", "model/tokenizer.json", "model/model.safetensors"} < manifest.files.keys()
    assert "model/pickled.bin" not in manifest.files
    enter(session, project.id)
    assert (project.task, versions.serving_number(session)) == (ANSWERING, 2)
    decided = studio_settings.settings(session)
    assert ("What makes an answer good" in decided.guidelines, decided.only_english) == (True, False)

    copied, other = creation.create(session, store, admin, "", Text("More", ""), Beginning(ANSWERING, 2))
    assert (copied.task, store.manifest(other).config) == (ANSWERING, {"copy_of": 2, "chat_base": 3})
    for task, copy_of in ((ANSWERING, 1), ("rewriting", 2), ("singing", None)):
        with pytest.raises(Invalid):
            creation.create(session, store, admin, "", Text("Wrong", ""), Beginning(task, copy_of))
    assert len(rows(session, Project)) == 3


@pytest.mark.parametrize("model", ["", "t5"])
def test_without_a_chat_model_that_can_be_used_there_is_no_project(
    app: Flask, session: Session, version_1: int, tmp_path: Path, model: str
) -> None:
    admin, store = factories.user(session, role=Role.ADMIN), parts(app).store
    folder = str(store.folder(version_1) / "model") if model else ""
    with pytest.raises(Conflict, match=r"chat model"):
        creation.create(session, store, admin.id, "", Text("Answers", ""), Beginning(ANSWERING, None, folder))
    assert [project.slug for project in rows(session, Project)] == ["first"]
    assert store.numbers() == [1]
