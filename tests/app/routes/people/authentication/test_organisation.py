"""Sign-in with an organisation's account, against a real OpenID Connect provider on this machine."""

from __future__ import annotations

import dataclasses
import html
import logging
import os
import sys
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from flask import Flask
from sqlalchemy.orm import Session

from app.config import Organisation
from app.db import OrganisationAccount, PasswordReset, Role, SignInSession, User, now
from app.services.people import password_resets
from app.services.people.sessions import CONFIRMED_FOR
from tests import factories
from tests.app.routes.people.authentication.authenticator import next_code, set_up
from tests.processes import Program, free_port
from tests.studio import Browser, Person, make_person, parts, rows

pytestmark = pytest.mark.long

BACK = "http://localhost/sign-in/organisation/back"
ADA: dict[str, Any] = {"email": "ada@example.org", "email_verified": True, "name": "Ada"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that knows only the clients that registered."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-registration", "true"]
    with Program(command, {"PATH": os.environ["PATH"]}) as program:
        program.wait_for_line("running on")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def client(provider: str) -> dict[str, Any]:
    """What the provider has given this studio: its id and its secret."""
    made: dict[str, Any] = requests.post(
        f"{provider}/oauth2/clients", json={"redirect_uris": [BACK]}, timeout=30
    ).json()
    return made


@pytest.fixture
def organisation(app: Flask, admin: Person, provider: str, client: dict[str, Any]) -> Organisation:
    """The studio, which has an admin, is joined to the provider; nothing is asked of it by that."""
    return join(
        app,
        Organisation(
            issuer=provider,
            client_id=client["client_id"],
            client_secret=client["client_secret"],
            name="Example",
            domains=("example.org",),
            groups_claim="groups",
            admin_groups=(),
        ),
    )


def join(app: Flask, organisation: Organisation) -> Organisation:
    settings = dataclasses.replace(parts(app).settings, organisation=organisation)
    app.extensions["mellow"] = dataclasses.replace(parts(app), settings=settings)
    return organisation


def known(organisation: Organisation, subject: str, **claims: Any) -> str:
    """Let the provider know somebody; returns their subject."""
    requests.put(f"{organisation.issuer}/users/{subject}", json=claims, timeout=30).raise_for_status()
    return subject


def press(browser: Browser, wanted: str = "") -> str:
    """Press the button; returns the address at the provider to which it leads."""
    answer = browser.get(f"/sign-in/organisation?{urlencode({'next': wanted})}" if wanted else "/sign-in/organisation")
    assert answer.status_code == 302, html.unescape(answer.text)
    return str(answer.headers["Location"])


def consent(address: str, **form: str) -> str:
    """Answer the provider's question; returns the address here to which it leads back."""
    answer = requests.post(address, data=form, allow_redirects=False, timeout=30)
    assert answer.status_code in (302, 303), answer.text
    back: str = answer.headers["Location"]
    assert back.startswith(f"{BACK}?")
    return back.removeprefix("http://localhost")


def signed_in(app: Flask, subject: str, wanted: str = "") -> tuple[Browser, Any]:
    """A browser that has come back from the provider as `subject`, and the answer that it got."""
    browser = Browser(app.test_client())
    return browser, browser.get(consent(press(browser, wanted), sub=subject))


def sentence(answer: Any) -> str:
    """What the sign-in page says went wrong."""
    return html.unescape(answer.text).partition('role="alert">')[2].partition("<")[0]


def test_the_button_leads_to_the_provider_with_state_nonce_and_a_hashed_verifier(
    app: Flask, organisation: Organisation
) -> None:
    browser = Browser(app.test_client())
    assert "Sign in with Example" in browser.get("/sign-in").text
    address = urlsplit(press(browser))
    asked = parse_qs(address.query)
    assert f"{address.scheme}://{address.netloc}" == organisation.issuer
    assert asked["redirect_uri"] == [BACK]
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid email profile"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 20


def test_someone_of_the_organisation_comes_in_and_again(
    app: Flask, session: Session, organisation: Organisation
) -> None:
    subject = known(organisation, "ada", **ADA)
    browser, answer = signed_in(app, subject, "/work")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/work")
    assert "ada@example.org" in browser.get("/account").text
    _, again = signed_in(app, known(organisation, "ada", **ADA | {"email": "lovelace@example.org"}))
    assert again.headers["Location"] == "/"
    assert [user.email for user in rows(session, User)][1:] == ["ada@example.org"]
    (kept,) = rows(session, OrganisationAccount)
    assert (kept.issuer, kept.subject) == (organisation.issuer, "ada")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"email": "ada@elsewhere.org"}, "Signing in with Example is not for addresses at elsewhere.org."),
        (
            {"email_verified": False},
            "Signing in with Example gave no email address that was verified there.",
        ),
    ],
)
def test_others_are_refused_with_one_sentence(
    app: Flask, session: Session, organisation: Organisation, changed: dict[str, Any], said: str
) -> None:
    browser, answer = signed_in(app, known(organisation, "eve", **ADA | changed))
    assert (answer.status_code, sentence(answer)) == (403, said)
    assert browser.get("/annotate").status_code == 302
    assert len(rows(session, User)) == 1


def test_groups_give_the_role_anew_at_each_sign_in(app: Flask, session: Session, organisation: Organisation) -> None:
    join(app, dataclasses.replace(organisation, admin_groups=("mellow admins",)))
    browser, _ = signed_in(app, known(organisation, "grace", **ADA, groups=["mellow admins"]))
    assert browser.get("/admin/people").status_code == 200
    signed_in(app, known(organisation, "grace", **ADA, groups=["staff"]))
    assert rows(session, User)[-1].role == Role.ANNOTATOR
    assert browser.get("/admin/people").status_code == 403


def test_who_has_no_password_confirms_by_signing_in_again(
    app: Flask, session: Session, organisation: Organisation, admin: Person
) -> None:
    join(app, dataclasses.replace(organisation, admin_groups=("mellow admins",)))
    subject = known(organisation, "hopper", **ADA, groups=["mellow admins"])
    browser, _ = signed_in(app, subject)
    for one in rows(session, SignInSession):
        one.confirmed_at = now() - CONFIRMED_FOR
    session.commit()
    path = f"/admin/people/{admin.id}/resets"
    asked = browser.submit(path, {})
    assert "sign in with Example again" in asked.text
    assert rows(session, PasswordReset) == []
    browser.submit("/sign-out", {})
    again, _ = signed_in(app, subject)
    assert again.submit(path, {}).status_code == 201


def test_a_reset_link_gives_a_password_to_who_has_none(
    app: Flask, session: Session, organisation: Organisation, admin: Person
) -> None:
    subject = known(organisation, "lamarr", **ADA)
    browser, _ = signed_in(app, subject)
    assert "An admin can create a link with which" in browser.get("/account").text
    ada = rows(session, User)[-1]
    _, token = password_resets.make(session, admin.id, ada.id)
    form = {"new": "nine quiet otters", "again": "nine quiet otters"}
    assert Browser(app.test_client()).submit(f"/reset/{token}", form, page=f"/reset/{token}").status_code == 302
    form = {"email": "ada@example.org", "password": "nine quiet otters"}
    assert Browser(app.test_client()).submit("/sign-in", form).headers["Location"] == "/"
    assert signed_in(app, subject)[1].headers["Location"] == "/"


def test_an_account_with_a_password_is_joined_once_that_was_given(
    app: Flask, session: Session, organisation: Organisation
) -> None:
    ada = make_person(app, session, email="ada@example.org")
    browser, answer = signed_in(app, known(organisation, "joined", **ADA), "/work")
    assert answer.headers["Location"] == "/sign-in?next=/work"
    assert "Sign in to it with its password this once" in browser.get("/sign-in").text
    assert rows(session, OrganisationAccount) == []
    form = {"email": ada.email, "password": factories.PASSWORD}
    assert browser.submit("/sign-in?next=/work", form).headers["Location"] == "/work"
    assert [row.user_id for row in rows(session, OrganisationAccount)] == [ada.id]
    _, again = signed_in(app, "joined")
    assert again.headers["Location"] == "/"


def test_another_account_is_not_joined_by_signing_in_meanwhile(
    app: Flask, session: Session, organisation: Organisation
) -> None:
    make_person(app, session, email="ada@example.org")
    bob = make_person(app, session)
    browser, _ = signed_in(app, known(organisation, "cuckoo", **ADA))
    browser.submit("/sign-in", {"email": bob.email, "password": factories.PASSWORD})
    assert rows(session, OrganisationAccount) == []


def test_a_state_of_another_browser_signs_nobody_in(
    app: Flask, organisation: Organisation, caplog: pytest.LogCaptureFixture
) -> None:
    subject = known(organisation, "ada", **ADA)
    back = consent(press(Browser(app.test_client())), sub=subject)
    victim = Browser(app.test_client())
    press(victim)
    with caplog.at_level(logging.WARNING):
        answer = victim.get(back)
    assert answer.status_code == 400
    assert sentence(answer) == "That sign-in is over or was begun in another browser: begin again."
    assert sentence(answer) in caplog.text
    assert victim.get("/annotate").status_code == 302


def test_a_return_is_good_once(app: Flask, organisation: Organisation) -> None:
    browser = Browser(app.test_client())
    back = consent(press(browser), sub=known(organisation, "eve", **ADA | {"email": "eve@elsewhere.org"}))
    assert browser.get(back).status_code == 403
    assert browser.get(back).status_code == 400


def test_a_token_with_another_nonce_is_not_trusted(
    app: Flask, organisation: Organisation, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(app.test_client())
    address = press(browser)
    nonce = parse_qs(urlsplit(address).query)["nonce"][0]
    back = consent(address.replace(nonce, "another"), sub=known(organisation, "ada", **ADA))
    with caplog.at_level(logging.WARNING):
        answer = browser.get(back)
    assert answer.status_code == 503
    assert sentence(answer) == "Signing in with Example does not work now: what it said cannot be trusted."
    assert "nonce" in caplog.text
    assert browser.get("/annotate").status_code == 302


def test_whoever_declines_is_told_so(app: Flask, organisation: Organisation) -> None:
    browser = Browser(app.test_client())
    answer = browser.get(consent(press(browser), action="deny"))
    assert answer.status_code == 403
    assert sentence(answer) == "Signing in with Example was declined there, so nobody is signed in."


def test_a_wrong_client_secret_is_one_sentence_and_a_line_in_the_log(
    app: Flask, organisation: Organisation, caplog: pytest.LogCaptureFixture
) -> None:
    join(app, dataclasses.replace(organisation, client_secret="wrong"))
    with caplog.at_level(logging.WARNING):
        _, answer = signed_in(app, known(organisation, "ada", **ADA))
    assert answer.status_code == 503
    assert sentence(answer) == "Signing in with Example does not work now: it refused this studio. Tell an admin."
    assert "invalid_client" in caplog.text


def test_a_provider_that_is_away_is_one_sentence_and_passwords_go_on_working(
    app: Flask, organisation: Organisation, admin: Person, caplog: pytest.LogCaptureFixture
) -> None:
    join(app, dataclasses.replace(organisation, issuer=f"http://127.0.0.1:{free_port()}"))
    browser = Browser(app.test_client())
    with caplog.at_level(logging.WARNING):
        answer = browser.get("/sign-in/organisation")
    assert answer.status_code == 503
    assert sentence(answer) == "Signing in with Example does not work now: it does not answer. Try again later."
    assert "Connection refused" in caplog.text
    assert admin.browser().get("/annotate").status_code == 200


def test_a_provider_that_goes_by_another_name_is_not_trusted(app: Flask, organisation: Organisation) -> None:
    join(app, dataclasses.replace(organisation, issuer=f"{organisation.issuer}/."))
    answer = Browser(app.test_client()).get("/sign-in/organisation")
    assert answer.status_code == 503
    assert sentence(answer) == "Signing in with Example does not work now: what it said cannot be trusted."


def test_a_slow_provider_does_not_hold_every_thread(
    app: Flask, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = BoundedSemaphore(1)
    monkeypatch.setattr("app.routes.people.authentication.provider._places", places)
    with places:
        answer = Browser(app.test_client()).get("/sign-in/organisation")
    assert answer.status_code == 503
    assert sentence(answer) == "Many people sign in with Example just now: try again in a moment."
    assert press(Browser(app.test_client()))
    assert press(Browser(app.test_client()))


def test_many_presses_leave_one_state_in_the_cookie(app: Flask, organisation: Organisation) -> None:
    browser = Browser(app.test_client())
    for _ in range(4):
        press(browser)
    with browser.client.session_transaction() as session:
        assert len([name for name in session if name.startswith("_state_")]) == 1


def test_a_second_factor_is_asked_for_after_the_provider_too(app: Flask, organisation: Organisation) -> None:
    subject = known(organisation, "careful", **ADA)
    phone, _ = set_up(signed_in(app, subject)[0])
    browser, answer = signed_in(app, subject, "/work")
    assert answer.headers["Location"] == "/sign-in/code"
    assert browser.get("/annotate").status_code == 302
    done = browser.submit("/sign-in/code", {"code": next_code(phone)}, page="/sign-in/code")
    assert done.headers["Location"] == "/work"


def test_without_an_organisation_there_is_no_button_and_no_page(app: Flask, admin: Person) -> None:
    browser = Browser(app.test_client())
    assert "/sign-in/organisation" not in browser.get("/sign-in").text
    for path in ("/sign-in/organisation", "/sign-in/organisation/back"):
        assert browser.get(path).status_code == 404
