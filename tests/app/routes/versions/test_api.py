"""The admin's API for versions over HTTP."""

from __future__ import annotations

import shutil

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Version
from app.services.versions import versions
from models.store.store import CheckpointStore
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, add_version, parts


def test_versions_are_listed_with_the_newest_first_and_the_serving_one_marked(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    factories.version(session, 2, metrics={"preference_accuracy": 0.9}, run_id=3)
    factories.serving(session, 1)
    answer = admin.call("GET", "/versions").json
    assert answer is not None
    assert [(version["number"], version["serving"]) for version in answer] == [(2, False), (1, True)]
    one = body(admin.call("GET", "/versions/2"), 200)
    assert one == answer[0]
    assert one.pop("created_at").endswith("+00:00")
    assert one == {
        "number": 2,
        "parent": 1,
        "run_id": 3,
        "method": "dpo",
        "metrics": {"preference_accuracy": 0.9},
        "evaluation": None,
        "sha256": f"{2:064x}",
        "deleted_judgments": 0,
        "serving": False,
        "note": "",
        "deleted_at": None,
    }


@pytest.mark.parametrize("number", [0, 9, 2**31, 10**30])
def test_a_version_that_is_not_there_is_not_found(admin: Person, number: int) -> None:
    assert admin.call("GET", f"/versions/{number}").status_code == 404


def test_moving_the_alias_lets_another_version_serve_and_back(
    app: Flask, session: Session, published: CheckpointStore, version_1: int, admin: Person
) -> None:
    add_version(app, session, published, 2)
    serving = parts(app).serving
    assert parts(app).generator().version == 1
    for number in (2, 1):
        assert body(admin.call("PUT", "/aliases/serving", json={"version": number}), 200) == {"version": number}
        session.rollback()
        assert versions.serving_number(session) == number
        serving.refresh()
        screen = body(admin.post("/generations", {"text": "you are stupid"}))
        assert screen["version"] == number


def test_a_version_that_is_damaged_or_another_one_is_never_made_to_serve(
    app: Flask, session: Session, published: CheckpointStore, version_1: int, admin: Person
) -> None:
    def refusal(number: int) -> tuple[int, str]:
        found = problem(admin.call("PUT", "/aliases/serving", json={"version": number}))
        assert versions.serving_number(session) == 1
        session.rollback()
        return found

    folder = add_version(app, session, published, 2)
    (folder / "serving" / "model.bin").write_bytes(b"")
    reason = "Version 2 is damaged: serving/model.bin differs from its manifest."
    assert refusal(2) == (409, f"Version 2 cannot be made live: {reason}")

    shutil.rmtree(folder)
    missing = f"Version 2 is not in the checkpoint store {parts(app).store.root}."
    assert refusal(2) == (409, f"Version 2 cannot be made live: {missing}")

    shutil.copytree(published.folder(2), folder)
    session.get_one(Version, 2).sha256 = "0" * 64
    session.commit()
    other = "the store holds another one than was published here."
    assert refusal(2) == (409, f"Version 2 cannot be made live: {other}")


@pytest.mark.parametrize("version", [None, True, "1", 1.0, [1]])
def test_a_version_must_be_a_whole_number(session: Session, admin: Person, version: object) -> None:
    factories.version(session, 1)
    answer = admin.call("PUT", "/aliases/serving", json={"version": version})
    assert problem(answer) == (422, "version must be a whole number.")
    assert versions.serving_number(session) is None


@pytest.mark.parametrize("version", [9, -1, 2**31, 10**30])
def test_the_alias_cannot_point_at_what_is_not_there(session: Session, admin: Person, version: int) -> None:
    factories.version(session, 1)
    factories.serving(session, 1)
    answer = admin.call("PUT", "/aliases/serving", json={"version": version})
    assert problem(answer) == (404, f"There is no version {version}.")
    assert versions.serving_number(session) == 1
