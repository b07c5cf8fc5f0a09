"""Numbers, days and addresses that nobody types: each parameter of each route refuses them, and none breaks it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests import factories
from tests.studio import Browser, Person

# As a person, a broken client or an attacker may send them.
VALUES = (
    "-1",
    "0" * 24 + "1",
    "9" * 20,
    "-" + "9" * 20,
    "9" * 5000,
    "²",
    "0001-01-01",
    "9999-12-31",
    "/\r\nSet-Cookie: a=b",
    "//elsewhere.example/",
    "\x00",
)
NAMES = re.compile(r"""(?:args|form|values|query)(?:\.get\(|\.getlist\(|\[)\s*["'](\w+)["']""")
# Not for guessing: they last as long as a run does, or end the session that asks.
LEFT_OUT = {"api_training.run_events", "auth.sign_out"}


def parameters(app: Flask, endpoint: str) -> frozenset[str]:
    """The names that the endpoint's view, and what it uses of our routes, reads from a query or a form."""
    return names_read_by(inspect.unwrap(app.view_functions[endpoint]))


@cache
def names_read_by(view: Callable[..., Any]) -> frozenset[str]:
    """The names that a function reads itself, or by way of functions of our routes and types that it names."""
    found: set[str] = set()
    seen: set[Any] = set()
    waiting: list[Any] = [view]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            found |= {field.encode_name for field in msgspec.structs.fields(one)}
        elif one is view or getattr(one, "__module__", "").startswith("app.routes."):
            source = textwrap.dedent(inspect.getsource(one))
            found |= set(NAMES.findall(source))
            around = vars(sys.modules[one.__module__])
            words = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
            waiting += [inspect.unwrap(around[word]) for word in words if callable(around.get(word))]
    return frozenset(found)


def routes(app: Flask, method: str) -> Iterator[tuple[str, str, bool]]:
    """The address of every route with that method, its endpoint, and whether there is a number in it to be set."""
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.endpoint not in LEFT_OUT and not rule.endpoint.endswith("static"):
            yield re.sub(r"<(?:\w+:)?\w+>", "{}", rule.rule), rule.endpoint, "{}" in re.sub("<.*?>", "{}", rule.rule)


@pytest.fixture
def browser(app: Flask, session: Session, admin: Person) -> Browser:
    """An admin's browser in a studio with one thing of each kind."""
    factories.run(session)
    factories.judgment(session, factories.generation(session, admin.id))
    return admin.browser()


def check(browser: Browser, method: str, address: str, said: dict[str, str]) -> str | None:
    """What is wrong with the answer, or None."""
    sent: dict[str, Any] = (
        {"query_string": said} if method == "GET" else {"data": said, "headers": {"Referer": browser.base_url}}
    )
    answer = browser.client.open(address, method=method, base_url=browser.base_url, **sent)
    shown = f"{method} {address[:80]} {said!r:.120}: {answer.status_code}"
    answer.close()
    if answer.status_code >= 500 and answer.status_code not in (503, 507):
        return shown
    elsewhere = urlsplit(answer.headers.get("Location", "")).netloc not in ("", "localhost")
    return f"{shown}, {answer.headers['Location']}" if elsewhere else None


def test_no_value_of_any_parameter_breaks_a_page(app: Flask, browser: Browser) -> None:
    app.testing = False  # an unforeseen exception is an answer, as it is outside
    app.config["PROPAGATE_EXCEPTIONS"] = False
    wrong = [
        found
        for address, endpoint, _ in routes(app, "GET")
        for name in sorted(parameters(app, endpoint))
        for value in VALUES
        if (found := check(browser, "GET", address.replace("{}", "1"), {name: value}))
    ]
    assert wrong == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_no_number_in_an_address_breaks_it(app: Flask, browser: Browser, method: str) -> None:
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    wrong = [
        found
        for address, _, numbered in routes(app, method)
        for value in VALUES
        if numbered and value.isascii() and value.isprintable()
        if (found := check(browser, method, address.replace("{}", value.replace("/", "%2F") or "0"), {}))
    ]
    assert wrong == []


def test_no_field_of_any_form_breaks_what_takes_it(app: Flask, browser: Browser) -> None:
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    token = browser.csrf_token("/annotate")
    wrong = [
        found
        for address, endpoint, _ in routes(app, "POST")
        if not address.startswith("/api/")
        for name in sorted(parameters(app, endpoint))
        for value in VALUES
        if (found := check(browser, "POST", address.replace("{}", "1"), {name: value, "csrf_token": token}))
    ]
    assert wrong == []
