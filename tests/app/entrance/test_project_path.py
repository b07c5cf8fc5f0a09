"""The project in an address: below a proxy's path, with cookies, sign-in and links that leave the browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from tests import factories
from tests.studio import Browser, Person, dispose

PREFIX = {"X-Forwarded-Prefix": "/mellow"}


@pytest.fixture
def below(settings: Settings) -> Iterator[Flask]:
    """The application behind one proxy."""
    app = create_app(dataclasses.replace(settings, trusted_proxies=1))
    yield app
    dispose(app)


def test_below_a_path_the_project_comes_after_it(below: Flask) -> None:
    client = below.test_client()
    led = client.get("/p/second/work?page=2", headers=PREFIX)
    assert led.location == "/mellow/p/second/sign-in?next=/mellow/p/second/work?page%3D2"
    page = client.get("/p/second/sign-in", headers=PREFIX)
    assert 'href="/mellow/p/second/static/css/mellow.css"' in page.text
    assert "; Path=/mellow;" in f"{page.headers['Set-Cookie']};", "one cookie for all projects"
    assert client.get("/p/second/api/v1/openapi.json", headers=PREFIX).get_json()["servers"] == [
        {"url": "/mellow/p/second/api/v1"}
    ]


def test_the_cookie_is_that_of_the_studio_also_over_https(app: Flask) -> None:
    page = app.test_client().get("/p/second/sign-in", base_url="https://localhost")
    assert page.headers["Set-Cookie"].startswith("__Host-mellow_session=")
    assert "; Path=/;" in f"{page.headers['Set-Cookie']};"


def test_signing_in_leads_to_the_page_of_the_project(app: Flask, session: Session, admin: Person) -> None:
    factories.project(session, "second")
    browser = Browser(app.test_client())
    wanted = browser.get("/p/second/admin/data").location
    assert wanted == "/p/second/sign-in?next=/p/second/admin/data"
    form = {"email": admin.email, "password": factories.PASSWORD}
    answer = browser.submit("/p/second/sign-in", form, query_string={"next": "/p/second/admin/data"})
    assert answer.location == "/p/second/admin/data"
    assert browser.get("/admin/data").status_code == 200, "the session is the studio's"


def test_a_form_leads_back_to_its_page_in_the_project(session: Session, admin: Person) -> None:
    factories.project(session, "second")
    answer = admin.browser().submit("/p/second/account/theme", {"theme": "dark"}, page="/p/second/admin/data")
    assert answer.location == "/p/second/admin/data"


def test_a_link_that_resets_a_password_names_no_project(session: Session, admin: Person, annotator: Person) -> None:
    factories.project(session, "second")
    page = admin.browser().submit(f"/p/second/admin/people/{annotator.id}/resets", {}, page="/admin/people")
    assert 'value="http://localhost/reset/' in page.text
