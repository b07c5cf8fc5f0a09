"""Mellow below a path of its host: which header says so, whom it is believed, and what it may say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from app import create_app
from app.config import Settings
from tests.studio import dispose

DESCRIPTION = "/api/v1/openapi.json"


@pytest.fixture
def behind_a_proxy(settings: Settings) -> Iterator[Flask]:
    """The application behind one proxy."""
    app = create_app(dataclasses.replace(settings, trusted_proxies=1))
    yield app
    dispose(app)


def sent_with(app: Flask, prefix: str, page: str = "/annotate") -> TestResponse:
    """What a request with that X-Forwarded-Prefix is told."""
    return app.test_client().get(page, headers={"X-Forwarded-Prefix": prefix})


@pytest.mark.parametrize("prefix", ["/mellow", "/mellow/", "/tools/mellow-2"])
def test_a_trusted_proxy_says_below_which_path_mellow_is(behind_a_proxy: Flask, prefix: str) -> None:
    path = prefix.rstrip("/")
    assert sent_with(behind_a_proxy, prefix).location == f"{path}/sign-in?next={path}/annotate"
    page = sent_with(behind_a_proxy, prefix, "/sign-in")
    assert f'href="{path}/static/css/mellow.css"' in page.text
    assert f"; Path={path};" in f"{page.headers['Set-Cookie']};"
    described = sent_with(behind_a_proxy, prefix, DESCRIPTION).get_json()
    assert described["servers"] == [{"url": f"{path}/api/v1"}]
    assert "/generations" in described["paths"]


def test_below_a_path_the_cookie_keeps_its_plain_name_also_over_https(behind_a_proxy: Flask) -> None:
    headers = {"X-Forwarded-Prefix": "/mellow", "X-Forwarded-Proto": "https"}
    cookie = behind_a_proxy.test_client().get("/sign-in", headers=headers).headers["Set-Cookie"]
    assert cookie.startswith("mellow_session=")
    assert "; Secure" in cookie
    at_the_root = behind_a_proxy.test_client().get("/sign-in", headers=headers | {"X-Forwarded-Prefix": ""})
    assert at_the_root.headers["Set-Cookie"].startswith("__Host-mellow_session=")


def test_without_a_trusted_proxy_the_header_says_nothing(app: Flask) -> None:
    page = sent_with(app, "/mellow", "/sign-in")
    assert 'href="/static/css/mellow.css"' in page.text
    assert "; Path=/;" in f"{page.headers['Set-Cookie']};"
    assert sent_with(app, "/mellow", DESCRIPTION).get_json()["servers"] == [{"url": "/api/v1"}]


@pytest.mark.parametrize(
    "prefix", ["//elsewhere.example", "https://elsewhere.example", "mellow", "/a/../b", "/a b", "/a\\b"]
)
def test_what_is_no_plain_path_is_refused_in_one_sentence(behind_a_proxy: Flask, prefix: str) -> None:
    page = sent_with(behind_a_proxy, prefix, "/sign-in")
    assert page.status_code == 400
    assert "X-Forwarded-Prefix must be a path such as /mellow, not " in page.text


def test_another_server_may_mount_mellow_below_a_path(app: Flask) -> None:
    mounted = Client(DispatcherMiddleware(Flask("nothing").wsgi_app, {"/mellow": app.wsgi_app}))
    led = mounted.get("/mellow/work?page=2", base_url="http://localhost")
    assert led.location == "/mellow/sign-in?next=/mellow/work?page%3D2"
    assert mounted.get("/mellow/sign-in").status_code == 200
    assert mounted.get("/sign-in").status_code == 404
