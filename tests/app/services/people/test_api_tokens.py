"""API tokens: kept as hashes, good for a while and for some scopes, and never for more than their owner may do."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from app.db import ENGINE_OPTIONS, ApiToken, AuditEvent, Role, Scope, User, now
from app.domain_errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn
from app.services.people import api_tokens
from app.services.people.api_tokens import Bearer
from tests import factories
from tests.studio import rows

SETTING = "a token of sixteen or more"


@pytest.fixture
def user(session: Session) -> User:
    return factories.user(session)


@pytest.fixture
def admin(session: Session) -> User:
    return factories.user(session, role=Role.ADMIN)


def made(session: Session, user: User, *scopes: str, days: int | None = 30) -> tuple[ApiToken, Bearer]:
    """A token of that person, and what it stands for."""
    token, secret = api_tokens.make(session, user.id, "a notebook", scopes or ["annotate"], days)
    return token, api_tokens.bearer(session, secret)


def told(session: Session) -> list[tuple[str, int | None, str]]:
    return [(event.action, event.user_id, event.subject) for event in rows(session, AuditEvent)]


def test_only_the_hash_of_a_token_is_kept(session: Session, user: User) -> None:
    token, secret = api_tokens.make(session, user.id, " a notebook ", ["read", "annotate"], 30)
    assert secret.startswith("mellow_"), "so that a leaked one can be searched for"
    assert len(secret) > 40
    assert token.token_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert (token.name, token.scopes, token.last_used_at) == ("a notebook", ["annotate", "read"], None)
    kept = " ".join(str(value) for row in [token, *rows(session, AuditEvent)] for value in vars(row).values())
    assert secret not in kept


def test_a_person_has_several_tokens_and_each_stands_for_them(session: Session, user: User) -> None:
    (first, one), (second, other) = made(session, user, "read"), made(session, user, "annotate", days=None)
    assert (one.owner.id, one.scopes, one.token_id) == (user.id, frozenset(["read"]), first.id)
    assert (other.owner.email, other.scopes, other.expires_at) == (user.email, frozenset(["annotate"]), None)
    assert [token.id for token in api_tokens.of_person(session, user.id)] == [second.id, first.id]


@pytest.mark.sqlite
def test_a_token_is_looked_up_by_one_statement(session: Session, user: User) -> None:
    _, secret = api_tokens.make(session, user.id, "a notebook", ["read"], 30)
    run: list[str] = []
    engine = create_engine(session.get_bind().engine.url, **ENGINE_OPTIONS)
    event.listen(engine, "connect", lambda connection, _: connection.set_trace_callback(run.append))
    with Session(engine) as fresh:
        api_tokens.bearer(fresh, secret)
        assert not fresh.in_transaction()
    engine.dispose()
    assert [statement.split()[0] for statement in run if "users" in statement or "api_tokens" in statement] == [
        "SELECT"
    ]


@pytest.mark.parametrize("secret", ["", "None", "mellow_", "\x00", "é"])
def test_a_token_of_nobody_opens_nothing(session: Session, user: User, secret: str) -> None:
    with pytest.raises(NotSignedIn, match=r"^That API token is not known\.$"):
        api_tokens.bearer(session, secret)


def test_a_token_of_somebody_who_was_deactivated_is_not_known(session: Session, user: User) -> None:
    _, secret = api_tokens.make(session, user.id, "a notebook", ["read"], 30)
    user.active = False
    session.commit()
    with pytest.raises(NotSignedIn, match=r"^That API token is not known\.$"):
        api_tokens.bearer(session, secret)


def test_a_token_ends_on_its_day(session: Session, user: User) -> None:
    token, secret = api_tokens.make(session, user.id, "a notebook", ["read"], 7)
    assert token.expires_at is not None
    assert token.expires_at - token.created_at == timedelta(days=7)
    assert api_tokens.state(token) == "in force"
    token.expires_at = now()
    session.commit()
    assert api_tokens.state(token) == "expired"
    with pytest.raises(NotSignedIn, match=r"^That API token has expired: make another one on your account page\.$"):
        api_tokens.bearer(session, secret)


def test_a_revoked_token_opens_nothing_and_the_audit_log_says_who_made_and_revoked_it(
    session: Session, user: User, admin: User
) -> None:
    token, secret = api_tokens.make(session, user.id, "a notebook", ["read"], 30)
    for _ in range(2):
        api_tokens.revoke(session, admin.id, user.id, token.id)
    assert api_tokens.state(token) == "revoked"
    with pytest.raises(NotSignedIn, match=r"^That API token was revoked: make another one on your account page\.$"):
        api_tokens.bearer(session, secret)
    about = f"user {user.id}"
    assert told(session) == [("token.issued", user.id, about), ("token.revoked", admin.id, about)]
    issued = rows(session, AuditEvent)[0].details
    assert (issued["token"], issued["name"], issued["scopes"]) == (token.id, "a notebook", ["read"])
    assert token.expires_at is not None
    assert issued["until"] == token.expires_at.date().isoformat()


def test_only_a_persons_own_token_is_revoked(session: Session, user: User, admin: User) -> None:
    token, _ = made(session, admin, "read")
    for number in (token.id, 99):
        with pytest.raises(NotFound, match=rf"^There is no token {number}\.$"):
            api_tokens.revoke(session, user.id, user.id, number)
    assert api_tokens.state(token) == "in force"


@pytest.mark.parametrize(
    ("name", "scopes", "days", "sentence"),
    [
        (" ", ["read"], 7, "Name what will use the token, in at most 100 characters."),
        ("x" * 101, ["read"], 7, "Name what will use the token, in at most 100 characters."),
        ("a\x00", ["read"], 7, "Name what will use the token, in at most 100 characters."),
        (
            "MELLOW_API_TOKEN",
            ["read"],
            7,
            "MELLOW_API_TOKEN is the name of the token in the settings: choose another one.",
        ),
        ("a", [], 7, "Choose at least one scope: annotate, read, admin."),
        ("a", ["write"], 7, "There is no scope 'write': choose among annotate, read, admin."),
        ("a", ["read"], 0, "A token may be good for 1 to 3650 days, or have no end."),
        ("a", ["read"], 3651, "A token may be good for 1 to 3650 days, or have no end."),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_a_sentence(
    session: Session, user: User, name: str, scopes: list[str], days: int, sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        api_tokens.make(session, user.id, name, scopes, days)
    assert str(refusal.value) == sentence
    assert rows(session, ApiToken) == []


def test_an_annotator_makes_no_token_for_admins(session: Session, user: User, admin: User) -> None:
    with pytest.raises(Forbidden, match=r"^The scope admin is for admins\.$"):
        made(session, user, "read", "admin")
    assert made(session, admin, "admin")[1].scopes == {"admin"}


def test_a_token_makes_none_of_wider_scope_and_none_that_is_good_for_longer(session: Session, admin: User) -> None:
    _, narrow = made(session, admin, "annotate", "read", days=30)
    with pytest.raises(
        Forbidden, match=r"^A token cannot make or revoke one of wider scope than its own: it lacks admin\.$"
    ):
        api_tokens.make(session, admin.id, "wider", ["read", "admin"], 7, by=narrow)
    for days in (31, None):
        with pytest.raises(Forbidden, match=r"^A token cannot make one that is good for longer than itself\.$"):
            api_tokens.make(session, admin.id, "longer", ["read"], days, by=narrow)
    assert api_tokens.make(session, admin.id, "fits", ["read"], 29, by=narrow)[0].scopes == ["read"]
    _, wide = made(session, admin, "admin", days=None)
    assert api_tokens.make(session, admin.id, "all", ["annotate", "read", "admin"], None, by=wide)


def test_a_token_revokes_none_of_wider_scope(session: Session, admin: User) -> None:
    (wide, _), (_, narrow) = made(session, admin, "admin"), made(session, admin, "annotate")
    with pytest.raises(Forbidden, match=r"of wider scope than its own: it lacks admin\.$"):
        api_tokens.revoke(session, admin.id, admin.id, wide.id, by=narrow)
    api_tokens.revoke(session, admin.id, admin.id, narrow.token_id, by=narrow)
    assert {api_tokens.state(token) for token in rows(session, ApiToken)} == {"in force", "revoked"}


def test_a_form_that_is_sent_again_makes_no_second_token(session: Session, user: User) -> None:
    key = secrets.token_hex(16)
    api_tokens.make(session, user.id, "a notebook", ["read"], 30, form_key=key)
    with pytest.raises(
        Conflict, match=r"^This form was sent before: its token was shown then, and no second one was made\.$"
    ):
        api_tokens.make(session, user.id, "a notebook", ["read"], 30, form_key=key)
    assert len(rows(session, ApiToken)) == 1


def test_a_person_has_only_so_many_tokens_in_force(
    session: Session, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "MOST_TOKENS", 2)
    first, _ = made(session, user)
    made(session, user)
    with pytest.raises(Conflict, match=r"^There are 2 tokens in force already: revoke one first\.$"):
        made(session, user)
    api_tokens.revoke(session, user.id, user.id, first.id)
    third, _ = made(session, user)
    assert [token.id for token in api_tokens.of_person(session, user.id)] == [third.id, third.id - 1, first.id]


def test_use_is_noted_at_most_once_a_minute(session: Session, user: User) -> None:
    token, _ = made(session, user)
    api_tokens.used(session, token.id)
    session.refresh(token)
    first = token.last_used_at
    assert first is not None
    api_tokens.used(session, token.id)
    session.refresh(token)
    assert token.last_used_at == first
    token.last_used_at = first - timedelta(seconds=61)
    session.commit()
    api_tokens.used(session, token.id)
    session.refresh(token)
    assert token.last_used_at >= first


def test_the_token_of_the_settings_may_do_all_and_follows_its_value(session: Session, admin: User) -> None:
    for _ in range(2):
        assert api_tokens.follow_setting(session, admin.id, SETTING)
    (token,) = rows(session, ApiToken)
    assert (token.name, token.scopes, token.expires_at) == ("MELLOW_API_TOKEN", list(Scope), None)
    assert api_tokens.bearer(session, SETTING).owner.id == admin.id

    assert api_tokens.follow_setting(session, admin.id, "another token of sixteen")
    assert api_tokens.bearer(session, "another token of sixteen").owner.id == admin.id
    with pytest.raises(NotSignedIn, match=r"^That API token was revoked: make another one on your account page\.$"):
        api_tokens.bearer(session, SETTING)
    assert [action for action, _, _ in told(session)] == ["token.issued", "token.revoked", "token.issued"]


def test_a_value_of_the_settings_that_was_revoked_on_a_page_stays_so(session: Session, admin: User) -> None:
    api_tokens.follow_setting(session, admin.id, SETTING)
    (token,) = rows(session, ApiToken)
    api_tokens.revoke(session, admin.id, admin.id, token.id)
    assert not api_tokens.follow_setting(session, admin.id, SETTING)
    with pytest.raises(NotSignedIn, match=r"^That API token was revoked: make another one on your account page\.$"):
        api_tokens.bearer(session, SETTING)


def test_a_token_from_before_there_were_names_becomes_that_of_the_settings(session: Session, admin: User) -> None:
    earlier = factories.user(session, role=Role.ADMIN, token=SETTING)
    assert api_tokens.follow_setting(session, admin.id, SETTING)
    (token,) = rows(session, ApiToken)
    assert (token.name, token.user_id) == ("MELLOW_API_TOKEN", admin.id)
    assert api_tokens.of_person(session, earlier.id) == []
