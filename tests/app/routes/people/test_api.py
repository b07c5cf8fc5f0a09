"""The API of one's own tokens."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import ApiToken
from app.services.people import api_tokens
from tests.app.routes.desk.test_api import problem
from tests.studio import Person, rows

REQUEST: dict[str, Any] = {"name": "a notebook", "scopes": ["read"], "days": 7}


def test_a_token_is_made_listed_used_and_revoked(annotator: Person) -> None:
    made = annotator.post("/tokens", REQUEST)
    assert made.status_code == 201
    token = dict(made.get_json())
    secret = token.pop("token")
    assert (token["name"], token["scopes"], token["last_used_at"]) == ("a notebook", ["read"], None)
    assert token == annotator.call("GET", "/tokens").get_json()[0]
    program = Person(annotator.app, annotator.id, annotator.email, secret)
    assert program.call("GET", "/me").status_code == 200
    assert annotator.call("GET", "/tokens").get_json()[0]["last_used_at"] is not None
    assert annotator.call("DELETE", f"/tokens/{token['id']}").status_code == 204
    assert problem(program.call("GET", "/me")) == (
        401,
        "That API token was revoked: make another one on your account page.",
    )


def test_without_days_a_token_is_good_for_ninety_and_null_is_for_ever(admin: Person, session: Session) -> None:
    admin.post("/tokens", {"name": "usual", "scopes": ["read"]})
    assert admin.post("/tokens", REQUEST | {"days": None}).get_json()["expires_at"] is None
    usual = next(token for token in rows(session, ApiToken) if token.name == "usual")
    assert usual.expires_at is not None
    assert (usual.expires_at - usual.created_at).days == 90


def test_a_browser_makes_tokens_too(admin: Person) -> None:
    browser = admin.browser()
    headers = {"X-CSRFToken": browser.csrf_token("/account")}
    assert browser.client.post("/api/v1/tokens", json=REQUEST, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " "}, "Name what will use the token, in at most 100 characters."),
        ({"scopes": []}, "Choose at least one scope: annotate, read, admin."),
        ({"scopes": "read"}, "Choose at least one scope: annotate, read, admin."),
        ({"days": 0}, "A token may be good for 1 to 3650 days, or have no end."),
        ({"until": "2030-01-01"}, "There is no field 'until' here: it takes name, scopes, days."),
    ],
)
def test_what_cannot_be_used_is_refused(annotator: Person, change: dict[str, Any], sentence: str) -> None:
    assert problem(annotator.post("/tokens", REQUEST | change)) == (422, sentence)
    assert len(annotator.call("GET", "/tokens").get_json()) == 1


def test_a_token_makes_no_wider_one_over_the_api(session: Session, admin: Person) -> None:
    _, secret = api_tokens.make(session, admin.id, "narrow", ["annotate"], 30)
    narrow = Person(admin.app, admin.id, admin.email, secret)
    sentence = "A token cannot make or revoke one of wider scope than its own: it lacks admin."
    assert problem(narrow.post("/tokens", REQUEST | {"scopes": ["annotate", "admin"]})) == (403, sentence)
    first = next(token for token in rows(session, ApiToken) if token.name == "test")
    assert problem(narrow.call("DELETE", f"/tokens/{first.id}")) == (403, sentence)
    assert narrow.post("/tokens", REQUEST | {"scopes": ["annotate"]}).status_code == 201


def test_tokens_of_others_are_neither_shown_nor_revoked(session: Session, annotator: Person, admin: Person) -> None:
    theirs, _ = api_tokens.make(session, annotator.id, "theirs", ["read"], 7)
    assert [token["name"] for token in admin.call("GET", "/tokens").get_json()] == ["test"]
    assert problem(admin.call("DELETE", f"/tokens/{theirs.id}")) == (404, f"There is no token {theirs.id}.")
