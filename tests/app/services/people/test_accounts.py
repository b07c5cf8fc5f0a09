"""People: how they are kept and how the first admin comes to be."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Role, User
from app.domain_errors import Conflict, Forbidden, Invalid, NotFound
from app.services.people import accounts
from tests import factories
from tests.studio import rows

EMAIL = "ada@example.org"
PASSWORD = "a calm password"
TOKEN = "the token of the setup page"


@pytest.mark.usefixtures("real_hashes")
def test_a_password_is_kept_as_an_argon2id_hash(session: Session) -> None:
    user = accounts.add_user(session, None, EMAIL, PASSWORD, "annotator")
    assert user.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in user.password_hash
    again = accounts.add_user(session, None, "other@example.org", PASSWORD, "annotator")
    assert again.password_hash != user.password_hash, "each hash has its own salt"


def test_only_the_right_password_of_an_active_person_authenticates(session: Session) -> None:
    user = factories.user(session, email=EMAIL)
    assert accounts.authenticate(session, "  ADA@example.org ", factories.PASSWORD) is user
    assert accounts.authenticate(session, EMAIL, factories.PASSWORD + " ") is None
    assert accounts.authenticate(session, EMAIL, "") is None
    assert accounts.authenticate(session, "nobody@example.org", factories.PASSWORD) is None
    user.active = False
    session.commit()
    assert accounts.authenticate(session, EMAIL, factories.PASSWORD) is None


def test_an_account_without_a_password_has_no_password_that_fits(session: Session) -> None:
    user = factories.user(session, email=EMAIL, password_hash="")
    assert not user.has_password
    assert accounts.authenticate(session, EMAIL, "") is None
    with pytest.raises(Forbidden, match=r"^Another email address takes a password, and this account has none\.$"):
        accounts.change_profile(session, user.id, "Ada", "other@example.org", "")
    assert accounts.change_profile(session, user.id, "Ada", EMAIL, "").name == "Ada"


def test_an_email_is_one_account_however_it_is_written(session: Session) -> None:
    accounts.add_user(session, None, " Ada@Example.org ", PASSWORD, "annotator")
    with pytest.raises(Conflict, match=r"^There is an account with that email already\.$"):
        accounts.add_user(session, None, "ada@example.ORG", PASSWORD, "admin")
    assert [user.email for user in rows(session, User)] == ["ada@example.org"]


@pytest.mark.parametrize(
    ("email", "password", "role", "name", "sentence"),
    [
        ("ada", PASSWORD, "admin", "", "That is not an email address."),
        ("a da@example.org", PASSWORD, "admin", "", "That is not an email address."),
        ("ada@example.org\x00", PASSWORD, "admin", "", "That is not an email address."),
        ("a" * 250 + "@b.org", PASSWORD, "admin", "", "That is not an email address."),
        (EMAIL, "1234567", "admin", "", "The password needs at least 8 characters."),
        (EMAIL, "x" * 201, "admin", "", "The password may have at most 200 characters."),
        (EMAIL, PASSWORD, "owner", "", "The role must be annotator or admin."),
        (EMAIL, PASSWORD, "admin", "x" * 101, "The name may have at most 100 characters."),
        (EMAIL, PASSWORD, "admin", "A\x00", "The name holds characters that cannot be stored."),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_a_sentence(
    session: Session, email: str, password: str, role: str, name: str, sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        accounts.add_user(session, None, email, password, role, name)
    assert str(refusal.value) == sentence
    assert rows(session, User) == []


def test_adding_a_person_is_written_to_the_audit_log(session: Session) -> None:
    by = factories.user(session)
    user = accounts.add_user(session, by.id, EMAIL, PASSWORD, "annotator", " Ada ")
    assert (user.name, user.role, user.active) == ("Ada", "annotator", True)
    assert user.must_change_password, "somebody else typed the password"
    (event,) = rows(session, AuditEvent)
    assert (event.user_id, event.action, event.subject) == (by.id, "user.created", f"user {user.id}")
    assert event.details == {"email": EMAIL, "role": "annotator"}


def test_nobody_can_deactivate_themselves_or_someone_who_is_not_there(session: Session) -> None:
    user = factories.user(session)
    with pytest.raises(Conflict, match=r"^You cannot deactivate your own account\.$"):
        accounts.set_active(session, user.id, user.id, False)
    with pytest.raises(NotFound, match=r"^There is no user 99\.$"):
        accounts.set_active(session, user.id, 99, False)
    assert [user.active for user in rows(session, User)] == [True]


def test_the_environment_creates_the_admin_once(session: Session) -> None:
    accounts.ensure_admin(session, EMAIL, PASSWORD)
    accounts.ensure_admin(session, EMAIL, PASSWORD)
    (user,) = rows(session, User)
    assert (user.email, user.role, user.active) == (EMAIL, Role.ADMIN, True)
    assert accounts.authenticate(session, EMAIL, PASSWORD) is user
    (event,) = rows(session, AuditEvent)
    assert (event.user_id, event.action, event.subject) == (None, "user.created", f"user {user.id}")
    assert event.details == {"email": EMAIL, "role": "admin"}


def test_the_environment_sets_no_password_that_is_too_short(session: Session) -> None:
    for known in (False, True):
        with pytest.raises(Invalid, match=r"^ADMIN_PASSWORD needs at least 8 characters\.$"):
            accounts.ensure_admin(session, EMAIL, "short")
        assert len(rows(session, User)) == known
        if not known:
            accounts.ensure_admin(session, EMAIL, PASSWORD)
    assert accounts.authenticate(session, EMAIL, PASSWORD)


def test_the_environment_wins_over_what_is_stored_and_signs_out_the_old_password(session: Session) -> None:
    user = factories.user(session, email=EMAIL, must_change_password=True)
    secret = factories.sign_in(session, user)
    user.active = False
    session.commit()
    accounts.ensure_admin(session, EMAIL, "another password")
    session.refresh(user)
    assert (user.role, user.active) == (Role.ADMIN, True)
    assert accounts.authenticate(session, EMAIL, factories.PASSWORD) is None
    assert accounts.authenticate(session, EMAIL, "another password") is user
    assert accounts.by_session(session, secret, timedelta(hours=1)) is None
    assert not user.must_change_password, "the environment is the admin's own"


def test_the_setup_token_lies_where_only_its_owner_reads_it(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "setup-token"
    path.write_text("of another key")
    accounts.leave_setup_token(session, path, TOKEN)
    assert path.read_text() == TOKEN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_with_an_account_there_is_no_setup_token_any_more(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "setup-token"
    accounts.leave_setup_token(session, path, TOKEN)
    factories.user(session)
    accounts.leave_setup_token(session, path, TOKEN)
    assert not path.exists()


def test_setting_up_needs_the_token_and_works_once(session: Session) -> None:
    with pytest.raises(Forbidden, match=r"^That setup link is not the one printed at start\.$"):
        accounts.set_up(session, TOKEN, "guess", EMAIL, PASSWORD)
    with pytest.raises(Invalid, match="at least 8 characters"):
        accounts.set_up(session, TOKEN, TOKEN, EMAIL, "short")
    user = accounts.set_up(session, TOKEN, TOKEN, EMAIL, PASSWORD)
    assert user.is_admin
    assert not user.must_change_password
    with pytest.raises(NotFound, match=r"^Mellow is set up already: sign in\.$"):
        accounts.set_up(session, TOKEN, TOKEN, "second@example.org", PASSWORD)
    assert [user.email for user in rows(session, User)] == [EMAIL]
    (event,) = rows(session, AuditEvent)
    assert (event.user_id, event.action, event.subject) == (user.id, "user.created", f"user {user.id}")
    assert event.details == {"email": EMAIL, "role": "admin"}
