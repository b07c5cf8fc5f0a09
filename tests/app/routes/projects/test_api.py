"""The API of projects."""

from __future__ import annotations

import pytest

from tests.studio import Person


@pytest.mark.usefixtures("version_1")
def test_a_project_is_created_changed_archived_and_restored(admin: Person) -> None:
    made = admin.post("/projects", {"name": "Short answers", "instruction": "Be calm.", "copy_of": 1})
    assert made.status_code == 201
    assert made.json is not None
    assert {name: made.json[name] for name in ("slug", "name", "archived_at")} == {
        "slug": "short-answers",
        "name": "Short answers",
        "archived_at": None,
    }
    changed = admin.call("PATCH", "/projects/short-answers", json={"name": "Answers", "archived": True}).json
    assert changed is not None
    assert (changed["name"], changed["instruction"], changed["archived_at"] is None) == ("Answers", "Be calm.", False)
    listed = admin.call("GET", "/projects").json
    assert listed is not None
    assert [project["slug"] for project in listed] == ["first"]
    admin.call("PATCH", "/projects/short-answers", json={"archived": False})
    listed = admin.call("GET", "/projects").json
    assert listed is not None
    assert [(project["slug"], project["role"]) for project in listed] == [
        ("first", "admin"),
        ("short-answers", "admin"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"name": " "}, 422, "Give the project a name of at most 100 characters."),
        ({"name": "x", "slug": "No No"}, 422, "The address may have at most 40 small letters"),
        ({"name": "x", "instruction": "y" * 301}, 422, "The instruction must be a text of at most 300 characters."),
        ({"name": "x", "slug": "first"}, 409, "There is a project with the address first already."),
        ({"name": "x", "copy_of": 77}, 404, "There is no version 77."),
    ],
)
def test_what_cannot_be_is_refused(admin: Person, body: dict[str, object], status: int, sentence: str) -> None:
    answer = admin.post("/projects", body)
    assert answer.json is not None
    assert (answer.status_code, sentence in answer.json["detail"]) == (status, True), answer.json


def test_the_first_project_is_not_archived_and_an_unknown_one_not_found(admin: Person) -> None:
    assert admin.call("PATCH", "/projects/first", json={"archived": True}).status_code == 409
    assert admin.call("PATCH", "/projects/nothing", json={"name": "x"}).status_code == 404
