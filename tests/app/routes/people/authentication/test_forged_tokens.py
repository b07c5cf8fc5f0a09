"""ID tokens that a provider signs, or does not, for somebody else: none of them signs anybody in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from flask import Flask, jsonify
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from app.config import Organisation
from tests.app.routes.people.authentication.test_organisation import ADA, join, sentence
from tests.processes import free_port
from tests.studio import Browser, Person

pytestmark = pytest.mark.long

CLIENT, SECRET = "studio", "secret-that-both-sides-know-of-some-length"
Claims = dict[str, Any]
Signer = Callable[["Provider", Claims], str]


@dataclass
class Provider:
    """A provider that says whatever a test wants it to say."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    token: str = ""

    def app(self) -> Flask:
        """The addresses that Mellow asks."""
        flask = Flask("provider")
        flask.get("/.well-known/openid-configuration")(self._metadata)
        flask.get("/keys")(self._keys)
        flask.post("/token")(self._tokens)
        return flask

    def _keys(self) -> Any:
        return jsonify(keys=[self.key.as_dict(private=False)])

    def _tokens(self) -> Any:
        return jsonify(access_token="a", token_type="Bearer", id_token=self.token)

    def _metadata(self) -> Any:
        return jsonify(
            issuer=self.issuer,
            authorization_endpoint=f"{self.issuer}/authorize",
            token_endpoint=f"{self.issuer}/token",
            jwks_uri=f"{self.issuer}/keys",
            id_token_signing_alg_values_supported=["RS256", "HS256", "none"],
        )


class Silent(WSGIRequestHandler):
    """Requests are not told."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    port = free_port()
    made = Provider(f"http://127.0.0.1:{port}")
    with make_server("127.0.0.1", port, made.app(), handler_class=Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def organisation(app: Flask, admin: Person, provider: Provider) -> Organisation:
    """The studio, which has an admin, is joined to the provider."""
    return join(app, Organisation(provider.issuer, CLIENT, SECRET, "Example", ("example.org",), "groups", ()))


def by_its_key(provider: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, provider.key)


def by_another_key(provider: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))


def by_the_secret(provider: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def by_the_public_key_as_a_secret(provider: Provider, claims: Claims) -> str:
    shared = provider.key.as_pem(private=False)
    encoded = [_encoded({"alg": "HS256", "kid": "one"}), _encoded(claims)]
    signature = hmac.new(shared, ".".join(encoded).encode(), hashlib.sha256).digest()
    return ".".join([*encoded, _base64(signature)])


def by_nobody(provider: Provider, claims: Claims) -> str:
    return f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."


def by_its_key_and_changed(provider: Provider, claims: Claims) -> str:
    head, _, signature = by_its_key(provider, claims | {"sub": "somebody else"}).split(".")
    return f"{head}.{_encoded(claims)}.{signature}"


def _encoded(said: Claims) -> str:
    return _base64(json.dumps(said).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def come_back(app: Flask, provider: Provider, sign: Signer, **otherwise: Any) -> tuple[Browser, Any]:
    """A browser that comes back from the provider, which says who it is in those claims; None leaves one out."""
    browser = Browser(app.test_client())
    asked = parse_qs(urlsplit(browser.get("/sign-in/organisation").headers["Location"]).query)
    now = int(time.time())
    usual = {"iss": provider.issuer, "aud": CLIENT, "sub": "ada", "iat": now, "exp": now + 300, **ADA}
    claims = usual | {"nonce": asked["nonce"][0]} | otherwise
    provider.token = sign(provider, {name: value for name, value in claims.items() if value is not None})
    return browser, browser.get(f"/sign-in/organisation/back?{urlencode({'code': 'c', 'state': asked['state'][0]})}")


def test_a_token_that_the_provider_signed_for_this_studio_is_good(
    app: Flask, organisation: Organisation, provider: Provider
) -> None:
    browser, answer = come_back(app, provider, by_its_key)
    assert answer.status_code == 302, sentence(answer)
    assert browser.get("/annotate").status_code == 200


@pytest.mark.parametrize(
    "sign",
    [by_another_key, by_the_secret, by_the_public_key_as_a_secret, by_nobody, by_its_key_and_changed],
)
def test_a_token_that_the_provider_did_not_sign_is_not_trusted(
    app: Flask, organisation: Organisation, provider: Provider, sign: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    assert_not_trusted(app, provider, sign, caplog)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"aud": "another studio"},
        {"aud": ["another studio"]},
        {"aud": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"exp": 1_600_000_000},
        {"exp": None},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_not_trusted(
    app: Flask,
    organisation: Organisation,
    provider: Provider,
    otherwise: Claims,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert_not_trusted(app, provider, by_its_key, caplog, **otherwise)


def assert_not_trusted(
    app: Flask, provider: Provider, sign: Signer, caplog: pytest.LogCaptureFixture, **otherwise: Any
) -> None:
    with caplog.at_level(logging.WARNING):
        browser, answer = come_back(app, provider, sign, **otherwise)
    assert answer.status_code == 503
    assert sentence(answer) == "Signing in with Example does not work now: what it said cannot be trusted."
    assert sentence(answer) in caplog.text
    assert browser.get("/annotate").status_code == 302
