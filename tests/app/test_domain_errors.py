"""Every error becomes one sentence, as problem+json for programs and as a page for people."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.services.people import invitations
from app.services.versions import versions
from tests.studio import Person


def problem(answer: TestResponse) -> dict[str, object]:
    assert answer.content_type == "application/problem+json"
    assert isinstance(answer.json, dict)
    return answer.json


def test_an_unknown_path_of_the_api_is_a_problem_document(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/nowhere")
    assert answer.status_code == 404
    detail = problem(answer).pop("detail")
    assert isinstance(detail, str)
    assert detail
    assert problem(answer) == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": detail}


def test_a_method_that_a_path_does_not_know_names_those_it_knows(app: Flask) -> None:
    answer = app.test_client().put("/api/v1/generations")
    assert answer.status_code == 405
    assert problem(answer)["title"] == "Method Not Allowed"
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_body_that_is_too_large_is_refused_unread(app: Flask, admin: Person) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 100
    for path in ("/prompts", "/generations"):
        answer = admin.call("POST", path, data=b'["' + b"x" * 200 + b'"]', content_type="application/json")
        assert answer.status_code == 413
        assert problem(answer)["title"] == "Request Entity Too Large"


def test_a_body_may_have_64_mib(app: Flask) -> None:
    assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024


@pytest.fixture
def broken(app: Flask, admin: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """An admin of a studio whose list of versions fails in a way that nobody foresaw."""

    def fail(_session: object) -> None:
        raise ZeroDivisionError("the secret of line 4711")

    monkeypatch.setattr(versions, "all_versions", fail)
    return admin


def test_an_unforeseen_failure_tells_nothing_of_its_inside_and_everything_to_the_log(
    broken: Person, caplog: pytest.LogCaptureFixture
) -> None:
    answer = broken.call("GET", "/versions")
    assert answer.status_code == 500
    assert problem(answer)["detail"] == "Something went wrong on our side; the log says what."
    page = broken.browser().get("/admin")
    assert page.status_code == 500
    for text in (answer.text, page.text):
        for secret in ("4711", "Traceback", "ZeroDivisionError", "versions.py"):
            assert secret not in text
    assert "GET /api/v1/versions failed" in caplog.text
    assert "the secret of line 4711" in caplog.text


def test_the_log_has_no_address_since_that_of_a_link_holds_its_secret(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(invitations, "of_token", fail)
    assert app.test_client().get("/join/a-secret%0Aforged").status_code == 500
    assert "GET /join/<token> failed" in caplog.text
    assert "a-secret" not in caplog.text
    assert "forged" not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/annotate", 405), ("POST", "/sign-out", 302)]
)
def test_elsewhere_an_error_is_a_page(app: Flask, method: str, path: str, status: int) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == status
    assert answer.content_type == "text/html; charset=utf-8"
    assert ("Go to the start" in answer.text) is (status >= 400)


def test_a_page_for_admins_tells_an_annotator_whom_it_is_for(annotator: Person) -> None:
    answer = annotator.browser().get("/admin")
    assert answer.status_code == 403
    assert "This is for admins." in answer.text
