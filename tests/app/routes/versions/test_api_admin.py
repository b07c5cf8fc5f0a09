"""The admin's API for data and versions over HTTP."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt
from app.services.exchange import exports
from app.services.versions import versions
from models.store.store import CheckpointStore
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, add_version, parts, rows


def test_prompts_are_imported_in_the_format_that_the_content_type_names(session: Session, admin: Person) -> None:
    answer = admin.call("POST", "/prompts", data="text\none\n\ntwo\n", content_type="text/csv; charset=utf-8")
    assert body(answer) == {"added": 2, "duplicates": 0, "rejected": []}
    answer = admin.post("/prompts", ["two", "three", 4])
    expected = {"added": 1, "duplicates": 1, "rejected": [{"line": 3, "reason": "The text must be a string."}]}
    assert body(answer) == expected
    assert [row.text for row in rows(session, Prompt)] == ["one", "two", "three"]
    assert [event.user_id for event in rows(session, AuditEvent)] == [admin.id, admin.id]


def test_a_file_that_cannot_be_read_is_malformed(admin: Person) -> None:
    answer = admin.call("POST", "/prompts", data=b"\xff", content_type="text/csv")
    assert problem(answer) == (400, "The file is not UTF-8 text.")


@pytest.mark.parametrize("format_name", [name for name in exports.FORMATS if name != "csv"])
def test_an_export_is_streamed_as_json_lines(session: Session, admin: Person, format_name: str) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    answer = admin.call("GET", f"/preferences?format={format_name}")
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson; charset=utf-8")
    assert answer.is_streamed
    assert "Content-Length" not in answer.headers
    disposition = f'attachment; filename="mellow-preferences-{format_name}.jsonl"'
    assert answer.headers["Content-Disposition"] == disposition
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == [json.loads(line) for line in exports.stream(session, format_name)]
    assert len(lines) in (1, 2, 3)


def test_an_export_is_in_trl_format_unless_another_is_asked_for(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    (line,) = admin.call("GET", "/preferences").text.splitlines()
    assert set(json.loads(line)) == {"prompt", "chosen", "rejected"}


def test_an_export_as_a_table_is_one(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    answer = admin.call("GET", "/preferences?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mellow-preferences-csv.csv"'
    assert answer.text.splitlines()[0] == "prompt,chosen,rejected"


def test_an_export_can_be_filtered(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    assert admin.call("GET", f"/preferences?person={admin.id}&verdict=chosen").text
    assert admin.call("GET", "/preferences?verdict=tie").text == ""
    sentence = "since must be a day such as 2026-01-31."
    assert problem(admin.call("GET", "/preferences?since=yesterday")) == (422, sentence)


def test_an_export_of_nothing_is_empty(admin: Person) -> None:
    answer = admin.call("GET", "/preferences")
    assert (answer.status_code, answer.text) == (200, "")


def test_an_unknown_format_is_refused_with_those_there_are(admin: Person) -> None:
    sentence = "format must be one of trl, trl-chat, kto, seed, llamafactory, labelstudio, argilla, hh, csv."
    assert problem(admin.call("GET", "/preferences?format=parquet")) == (422, sentence)


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
