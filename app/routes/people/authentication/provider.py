"""The conversation with the organisation's OpenID Connect provider, by Authlib.

Authlib makes and checks state, nonce and PKCE, and verifies the ID token by the provider's keys. Each step makes a
client of its own, so that nothing is asked of the provider before somebody presses the button, and its addresses and
keys are always those of the moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from flask import current_app, session
from flask.typing import ResponseReturnValue

from app.config import Organisation
from app.domain_errors import Forbidden, Malformed, NotReady, Overloaded
from app.words import gettext

_NAME = "organisation"
_STATES = f"_state_{_NAME}_"  # how Authlib calls in the session what it remembers of a sign-in that was begun
_TIMEOUT_SECONDS = 5
# How many requests of a process wait for the provider at once, so that a slow one does not hold every thread.
_places = BoundedSemaphore(4)
_SCOPES = "openid email profile"
_GROUPS_SCOPE = "groups"
# Signatures by a key that the provider publishes; never "none", nor one by a secret that both sides know.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")


def send_there(organisation: Organisation, back: str) -> ResponseReturnValue:
    """Return the redirect to the provider, which sends the browser to the address `back`; raises NotReady."""
    for name in [name for name in session if name.startswith(_STATES)]:
        session.pop(name)  # only the latest sign-in counts, and the cookie stays small
    with _conversation(organisation):
        client, metadata = _client(organisation)
        groups = organisation.admin_groups and _GROUPS_SCOPE in metadata.get("scopes_supported", ())
        scopes = f"{_SCOPES} {_GROUPS_SCOPE}" if groups else _SCOPES
        return client.authorize_redirect(back, scope=scopes)  # type: ignore[no-any-return]


def read_return(organisation: Organisation) -> dict[str, Any]:
    """Return what the provider says of the person whose browser it sent back with the present request.

    Raises Malformed for a state that this browser does not have, Forbidden if the person declined, and NotReady.
    """
    with _conversation(organisation):
        client, metadata = _client(organisation)
        expected = {"iss": metadata["issuer"], "aud": organisation.client_id}
        options = {name: {"essential": True, "value": value} for name, value in expected.items()}
        token = client.authorize_access_token(claims_options=options)
        said = dict(token["userinfo"])  # the claims of the ID token, verified
        wanted = {"email", "email_verified", *([organisation.groups_claim] if organisation.admin_groups else [])}
        if not wanted <= said.keys() and "userinfo_endpoint" in metadata:
            more = client.userinfo(token=token)
            if more["sub"] != said["sub"]:
                raise ValueError("the answer of the userinfo endpoint is about somebody else")
            said = {**more, **said}
        return said


def _client(organisation: Organisation) -> tuple[Any, dict[str, Any]]:
    """Return a client and what the provider says of itself; raises ValueError if that is of another issuer."""
    from authlib.integrations.flask_client import OAuth

    client = OAuth(current_app).register(
        _NAME,
        client_id=organisation.client_id,
        client_secret=organisation.client_secret,
        server_metadata_url=f"{organisation.issuer}/.well-known/openid-configuration",
        client_kwargs={"code_challenge_method": "S256", "default_timeout": _TIMEOUT_SECONDS},
    )
    metadata = client.load_server_metadata()
    if str(metadata["issuer"]).rstrip("/") != organisation.issuer:
        raise ValueError(f"the provider calls itself {metadata['issuer']!r}, not as OIDC_ISSUER does")
    offered = metadata.get("id_token_signing_alg_values_supported", ())
    algorithms = [name for name in _ALGORITHMS if name in offered]
    if not algorithms:
        raise ValueError(f"the provider signs with none of {', '.join(_ALGORITHMS)}")
    metadata["id_token_signing_alg_values_supported"] = algorithms
    return client, metadata


@contextmanager
def _conversation(organisation: Organisation) -> Iterator[None]:
    """Hold one of the places, and raise what goes wrong as one sentence for who wants to sign in, with its cause."""
    from authlib.integrations.base_client import MismatchingStateError, OAuthError
    from joserfc.errors import JoseError
    from requests import RequestException

    name = organisation.name
    if not _places.acquire(blocking=False):
        raise Overloaded(
            gettext("Many people sign in with %(name)s just now: try again in a moment.", name=name),
            again=_TIMEOUT_SECONDS,
        )
    try:
        yield
    except MismatchingStateError as error:
        raise Malformed(gettext("That sign-in is over or was begun in another browser: begin again.")) from error
    except OAuthError as error:
        if error.error == "access_denied":
            raise Forbidden(
                gettext("Signing in with %(name)s was declined there, so nobody is signed in.", name=name)
            ) from error
        raise NotReady(
            gettext("Signing in with %(name)s does not work now: it refused this studio. Tell an admin.", name=name)
        ) from error
    except RequestException as error:
        raise NotReady(
            gettext("Signing in with %(name)s does not work now: it does not answer. Try again later.", name=name)
        ) from error
    except (JoseError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise NotReady(
            gettext("Signing in with %(name)s does not work now: what it said cannot be trusted.", name=name)
        ) from error
    finally:
        _places.release()
