"""What every answer carries, and what hostile text becomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.db import RunStatus
from app.routes.people import form_key
from tests import factories
from tests.studio import Browser, Person, close, make_person

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}",
    "\u202emoron\u202c",
    "👩🏽‍🚀 ünïcode",
]


class Page(HTMLParser):
    """What a page would load, run or send, gathered while parsing."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.urls: list[str] = []
        self._within: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag if tag in ("script", "style") else None
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.inline.append(f"<{tag} {name}={value}>")
            if name in ("src", "href", "action", "data", "srcset", "poster", "formaction", "data-events"):
                self.urls.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._within = None

    def handle_data(self, data: str) -> None:
        if self._within and data.strip():
            self.inline.append(f"<{self._within}>{data}")


@pytest.fixture
def pages(app: Flask, session: Session, admin: Person) -> dict[str, str]:
    """Every page there is, by name, in a studio that holds hostile text wherever people can put it."""
    for text in HOSTILE:
        make_person(app, session, name=text[:100], email=f"{text.replace(' ', '')}@x".lower())
    factories.generation(session, admin.id, HOSTILE[:3])
    failed = factories.run(
        session, RunStatus.FAILED, error=HOSTILE[0], note=HOSTILE[1], log="\n".join(HOSTILE), stage=HOSTILE[2]
    )
    factories.version(session, 2, method=HOSTILE[0][:32], run_id=failed.id)
    browser = admin.browser()
    bad_person = {"email": HOSTILE[1], "name": HOSTILE[0], "password": "x", "role": HOSTILE[2]}
    found = {path: browser.get(path) for path in ("/annotate", "/account", "/admin", "/admin/people", "/admin/runs/1")}
    token = {"token_name": HOSTILE[0], "scopes": "read", "days": "7", "form_key": form_key.new()}
    found["a new token"] = browser.submit("/account/token", token)
    found["a token that cannot be made"] = browser.submit("/account/token", token | {"token_name": HOSTILE[1]})
    found["a bad person"] = browser.submit("/admin/people", bad_person)
    found["not found"] = browser.get("/<script>alert(1)</script>")
    found["not allowed"] = browser.client.put("/annotate")
    found["bad form"] = browser.client.post("/sign-out")
    visitor = Browser(app.test_client())
    found["sign in"] = visitor.get("/sign-in?next=%22%3E%3Cscript%3E")
    found["failed sign in"] = visitor.submit("/sign-in", {"email": HOSTILE[1], "password": "x"})
    return {name: answer.text for name, answer in found.items()}


@pytest.fixture
def setup_page(app: Flask) -> str:
    return app.test_client().get("/setup", query_string={"token": HOSTILE[1]}).text


def test_no_page_has_inline_script_style_or_event_handlers(pages: dict[str, str]) -> None:
    assert len(pages) == 13
    for name, html in pages.items():
        assert "<!doctype html>" in html, name
        assert Page(html).inline == [], name


def test_every_url_of_every_page_is_of_this_site(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        urls = Page(html).urls
        assert len(urls) > 4, name
        for url in urls:
            split = urlsplit(url)
            assert (split.scheme, split.netloc) == ("", ""), (name, url)


def test_hostile_text_is_shown_as_the_text_it_is(pages: dict[str, str]) -> None:
    people, run = pages["/admin/people"], pages["/admin/runs/1"]
    for html in (people, run):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "&lt;img src=x" in html
        assert "{{ 7 * 7 }}" in html
        assert "👩🏽‍🚀 ünïcode" in html
    for name, html in pages.items():
        assert "<script>alert" not in html, name
        assert "<img src=x" not in html, name
        assert "onmouseover='" not in html, name


def test_a_hostile_setup_link_stays_inside_its_field(setup_page: str) -> None:
    assert 'value="&#34;&gt;&lt;img src=x onerror=alert(1)&gt;"' in setup_page
    assert Page(setup_page).inline == []


@pytest.fixture
def named(settings: Settings) -> Iterator[Flask]:
    """The application with a list of the hosts that it has, behind one proxy."""
    hosts = ("studio.example.org", "::1")
    app = create_app(dataclasses.replace(settings, allowed_hosts=hosts, trusted_proxies=1))
    yield app
    close(app)


REFUSED_HOST = "Mellow does not answer under this host: ALLOWED_HOSTS in the settings names the others."


@pytest.mark.parametrize("host", ["studio.example.org", "Studio.Example.org:8443", "[::1]", "[::1]:8000"])
def test_under_an_allowed_host_mellow_answers(named: Flask, host: str) -> None:
    assert named.test_client().get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "studio.example.org.evil.example", "evil-studio.example.org", "[::2]", "a b", ""],
)
def test_under_any_other_host_each_request_is_refused_in_one_sentence(named: Flask, host: str) -> None:
    client = named.test_client()
    page = client.get("/annotate", headers={"Host": host})
    assert (page.status_code, REFUSED_HOST in page.text) == (400, True)
    assert all(urlsplit(url).netloc == "" for url in Page(page.text).urls)
    answer = client.get("/api/v1/versions", headers={"Host": host})
    assert (answer.status_code, answer.get_json()["detail"]) == (400, REFUSED_HOST)
    assert client.get("/nowhere", headers={"Host": host}).status_code == 400


def test_the_host_that_a_trusted_proxy_names_counts(named: Flask) -> None:
    client, own = named.test_client(), {"Host": "studio.example.org"}
    assert client.get("/sign-in", headers=own | {"X-Forwarded-Host": "evil.example"}).status_code == 400
    inner = {"Host": "10.0.0.7:8000", "X-Forwarded-Host": "studio.example.org"}
    assert client.get("/sign-in", headers=inner).status_code == 200


def test_whoever_watches_over_the_process_may_ask_under_any_host(named: Flask) -> None:
    client, host = named.test_client(), {"Host": "10.0.0.7:8000"}
    assert client.get("/healthz", headers=host).status_code == 200
    assert client.get("/readyz", headers=host).status_code == 503, "no version is published"
    assert client.get("/metrics", headers=host).status_code == 200


def test_without_a_list_any_host_is_answered(app: Flask) -> None:
    assert app.test_client().get("/sign-in", headers={"Host": "anything.example"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/sign-in", "/annotate", "/nowhere", "/api/v1/versions", "/api/v1/nowhere", "/healthz", "/static/icon.svg"]
)
def test_every_answer_carries_the_security_headers(app: Flask, path: str) -> None:
    headers = app.test_client().get(path, buffered=True).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/static/js/desk/annotate.js", "/static/css/mellow.css"])
def test_parts_of_pages_carry_the_headers_that_browsers_obey_there(app: Flask, path: str) -> None:
    headers = app.test_client().get(path, buffered=True).headers
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "same-origin")
    assert "Content-Security-Policy" not in headers


def test_only_over_https_is_https_demanded_from_then_on(app: Flask) -> None:
    client = app.test_client()
    assert "Strict-Transport-Security" not in client.get("/sign-in").headers
    secure = client.get("/sign-in", base_url="https://localhost")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_static_files_are_kept_only_as_long_as_they_are_the_servers_and_nothing_else_is_kept(app: Flask) -> None:
    client = app.test_client()
    icon = client.get("/static/icon.svg", buffered=True)
    assert icon.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/icon.svg", headers={"If-None-Match": icon.headers["ETag"]}, buffered=True)
    assert again.status_code == 304
    for path in ("/sign-in", "/healthz", "/api/v1/versions"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_what_the_pages_load_is_there(app: Flask, pages: dict[str, str]) -> None:
    client = app.test_client()
    loaded = {url for html in pages.values() for url in Page(html).urls if "static" in url}
    assert len(loaded) > 4
    assert {url: client.get(url, buffered=True).status_code for url in loaded} == dict.fromkeys(loaded, 200)


def test_a_changed_secret_ends_every_session_at_once(app: Flask, admin: Person) -> None:
    browser = admin.browser()
    assert browser.get("/annotate").status_code == 200
    app.secret_key = "another secret that nobody has seen"
    assert browser.get("/annotate").status_code == 302
    assert admin.browser().get("/annotate").status_code == 200


def test_a_rotated_secret_keeps_sessions_as_long_as_the_old_one_is_named(app: Flask, admin: Person) -> None:
    browser, old = admin.browser(), app.secret_key
    app.secret_key = "another secret that nobody has seen"
    app.config["SECRET_KEY_FALLBACKS"] = [old]
    assert browser.get("/annotate").status_code == 200
