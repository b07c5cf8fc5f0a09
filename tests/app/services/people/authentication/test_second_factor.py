"""The second factor: codes of an app, each good once, a secret that is stored encrypted, and the ways to lose it."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, RecoveryCode, Role, SecondFactor, User
from app.domain_errors import Conflict, Forbidden, NotFound
from app.services.people.authentication import second_factor
from app.services.prompts import studio_settings
from tests import factories
from tests.studio import parts, rows

KEY = "a secret key of the studio, long enough"
STEP = 59_000_000
WRONG = r"^That code is wrong or was used already\.$"
KEY_CHANGED = (
    r"^This studio's SECRET_KEY has changed, so codes of your app cannot be checked any more: use a recovery code, or "
    r"ask an admin to remove your second factor\.$"
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time stands still within STEP."""
    monkeypatch.setattr("app.services.people.authentication.second_factor._present_step", lambda: STEP)


@pytest.fixture
def ada(session: Session) -> User:
    return factories.user(session, role=Role.ADMIN)


def drawn(session: Session, user: User) -> pyotp.TOTP:
    """The app of somebody who has scanned a new secret."""
    second_factor.draw(session, user.id, KEY)
    secret = second_factor.drawn(session, user.id, KEY)
    assert secret is not None
    return pyotp.TOTP(secret)


@pytest.fixture
def phone(session: Session, ada: User) -> pyotp.TOTP:
    """Ada's app; her second factor is on, and the code of the step before STEP was used for that."""
    app = drawn(session, ada)
    second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP - 1))
    return app


def test_it_counts_once_a_code_of_the_app_confirms_it(session: Session, ada: User) -> None:
    app = drawn(session, ada)
    with pytest.raises(Forbidden, match=WRONG):
        second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP + 9))
    assert not second_factor.enabled(session, ada.id)
    codes = second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP))
    assert second_factor.enabled(session, ada.id)
    assert len(codes) == 10
    assert second_factor.drawn(session, ada.id, KEY) is None, "nobody sees the secret again"
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("second_factor.enabled", ada.id, f"user {ada.id}")


def test_an_app_learns_the_secret_by_an_address(session: Session, ada: User) -> None:
    app = drawn(session, ada)
    read = pyotp.parse_uri(second_factor.address(app.secret, "ada@example.org"))
    assert (read.secret, read.name, read.issuer) == (app.secret, "ada@example.org", "Mellow")


@pytest.mark.parametrize("drift", [0, 1])
def test_a_code_is_good_once(session: Session, ada: User, phone: pyotp.TOTP, drift: int) -> None:
    code = phone.generate_otp(STEP + drift)
    assert second_factor.check(session, ada.id, KEY, f" {code[:3]} {code[3:]} ") is None
    with pytest.raises(Forbidden, match=WRONG):
        second_factor.check(session, ada.id, KEY, code)


@pytest.mark.parametrize("database", ["app", pytest.param("postgres_app", marks=pytest.mark.long)])
def test_of_requests_with_one_code_at_the_same_moment_one_comes_in(
    request: pytest.FixtureRequest, database: str
) -> None:
    sessions = parts(request.getfixturevalue(database)).sessions
    with sessions() as session:
        user = factories.user(session)
        phone, user_id = drawn(session, user), user.id
        (recovery, *_) = second_factor.enable(session, user_id, KEY, phone.generate_otp(STEP))

    def comes_in(code: str) -> bool:
        with sessions() as session, contextlib.suppress(Forbidden):
            second_factor.check(session, user_id, KEY, code)
            return True
        return False

    with ThreadPoolExecutor(4) as pool:
        for code in (phone.generate_otp(STEP + 1), recovery):
            assert sum(pool.map(comes_in, [code] * 4)) == 1


def test_no_code_older_than_one_that_was_used_is_good(session: Session, ada: User, phone: pyotp.TOTP) -> None:
    second_factor.check(session, ada.id, KEY, phone.generate_otp(STEP + 1))
    for step in (STEP - 1, STEP, STEP + 1):
        with pytest.raises(Forbidden, match=WRONG):
            second_factor.check(session, ada.id, KEY, phone.generate_otp(step))


@pytest.mark.parametrize(("drift", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phones_clock_may_differ_by_one_step(session: Session, ada: User, drift: int, good: bool) -> None:
    code = drawn(session, ada).generate_otp(STEP + drift)
    if good:
        assert second_factor.enable(session, ada.id, KEY, code)
    else:
        with pytest.raises(Forbidden, match=WRONG):
            second_factor.enable(session, ada.id, KEY, code)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "٠١٢٣٤٥", "\x00", "x" * 10_000])
def test_what_is_no_code_is_just_wrong(session: Session, ada: User, phone: pyotp.TOTP, code: str) -> None:
    with pytest.raises(Forbidden, match=WRONG):
        second_factor.check(session, ada.id, KEY, code)


def test_the_secret_is_stored_encrypted_for_one_person(session: Session, ada: User, phone: pyotp.TOTP) -> None:
    (row,) = rows(session, SecondFactor)
    assert phone.secret not in row.sealed_secret
    bob = factories.user(session)
    stolen = drawn(session, bob)
    row_of_bob = session.get_one(SecondFactor, bob.id)
    row_of_bob.sealed_secret = row.sealed_secret
    session.commit()
    with pytest.raises(Conflict, match=KEY_CHANGED):
        second_factor.enable(session, bob.id, KEY, stolen.generate_otp(STEP))


def test_with_another_secret_key_codes_of_the_app_are_told_from_wrong_ones_and_recovery_codes_work(
    session: Session, ada: User
) -> None:
    app = drawn(session, ada)
    codes = second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP - 1))
    other = KEY[::-1]
    with pytest.raises(Conflict, match=KEY_CHANGED):
        second_factor.check(session, ada.id, other, app.generate_otp(STEP))
    assert second_factor.check(session, ada.id, other, codes[0]) == 9


def test_a_secret_that_another_key_has_sealed_can_be_drawn_anew(session: Session, ada: User) -> None:
    second_factor.draw(session, ada.id, KEY)
    other = KEY[::-1]
    assert second_factor.drawn(session, ada.id, other) is None
    second_factor.draw(session, ada.id, other)
    assert second_factor.drawn(session, ada.id, other) is not None


def test_a_recovery_code_replaces_the_app_once_and_is_recorded(session: Session, ada: User) -> None:
    app = drawn(session, ada)
    codes = second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP))
    assert second_factor.check(session, ada.id, KEY, codes[3]) == 9
    with pytest.raises(Forbidden):
        second_factor.check(session, ada.id, KEY, codes[3])
    used = rows(session, AuditEvent)[-1]
    assert (used.action, used.details) == ("recovery_code.used", {"left": 9})
    assert (used.user_id, used.subject) == (ada.id, f"user {ada.id}")


def test_new_recovery_codes_need_a_factor_and_are_recorded(session: Session, ada: User) -> None:
    with pytest.raises(Conflict, match=r"^There is no second factor that these codes could replace\.$"):
        second_factor.renew_codes(session, ada.id)
    app = drawn(session, ada)
    old = second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP))
    new = second_factor.renew_codes(session, ada.id)
    with pytest.raises(Forbidden):
        second_factor.check(session, ada.id, KEY, old[0])
    assert second_factor.check(session, ada.id, KEY, new[0]) == 9
    (renewed,) = (event for event in rows(session, AuditEvent) if event.action == "recovery_codes.renewed")
    assert (renewed.user_id, renewed.subject) == (ada.id, f"user {ada.id}")


def test_a_password_or_a_code_proves_who_one_is(app: object, session: Session, ada: User, phone: pyotp.TOTP) -> None:
    second_factor.prove(session, ada.id, KEY, factories.PASSWORD)
    second_factor.prove(session, ada.id, KEY, phone.generate_otp(STEP))
    with pytest.raises(Forbidden, match=r"^That is neither your password nor a code that can still be used\.$"):
        second_factor.prove(session, ada.id, KEY, phone.generate_otp(STEP))


def test_removing_it_takes_everything_and_is_recorded(session: Session, ada: User, phone: pyotp.TOTP) -> None:
    bob = factories.user(session, role=Role.ADMIN)
    assert second_factor.remove(session, bob.id, ada.id).email == ada.email
    assert not second_factor.enabled(session, ada.id)
    assert (rows(session, SecondFactor), rows(session, RecoveryCode)) == ([], [])
    event = rows(session, AuditEvent)[-1]
    assert (event.action, event.user_id, event.subject) == ("second_factor.removed", bob.id, f"user {ada.id}")
    with pytest.raises(Conflict, match=rf"^{ada.email} has no second factor\.$"):
        second_factor.remove(session, bob.id, ada.id)
    with pytest.raises(NotFound, match=r"^There is no user 999\.$"):
        second_factor.remove(session, bob.id, 999)


def test_a_factor_that_is_on_is_not_drawn_anew(session: Session, ada: User, phone: pyotp.TOTP) -> None:
    with pytest.raises(Conflict, match=r"^A second factor is on already: switch it off before you set up another\.$"):
        second_factor.draw(session, ada.id, KEY)
    with pytest.raises(Conflict, match=r"^There is no second factor to confirm: begin again\.$"):
        second_factor.enable(session, ada.id, KEY, phone.generate_otp(STEP))
    assert second_factor.check(session, ada.id, KEY, phone.generate_otp(STEP)) is None


def test_it_is_missing_only_while_the_studio_asks_for_it_and_there_is_none(session: Session, ada: User) -> None:
    assert not second_factor.missing(session, ada.id)
    studio_settings.change(session, ada.id, {second_factor.REQUIRED: True})
    assert second_factor.missing(session, ada.id)
    app = drawn(session, ada)
    assert second_factor.missing(session, ada.id), "a secret that no code has confirmed does not count"
    second_factor.enable(session, ada.id, KEY, app.generate_otp(STEP))
    assert not second_factor.missing(session, ada.id)
    studio_settings.change(session, ada.id, {second_factor.REQUIRED: False})
    assert rows(session, AuditEvent)[-1].details["second_factor_of_admins"] is False
