"""Guesses are counted before they are verified: by account and address, by address, and by account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session

from app.db import GuessCount
from app.domain_errors import Forbidden
from app.runtime.throttle import (
    ACCOUNT_WAIT_SECONDS,
    MOST_FAILURES,
    MOST_OF_AN_ACCOUNT,
    MOST_OF_AN_ADDRESS,
    WAIT_SECONDS,
    SignInThrottle,
    TooManyGuesses,
)
from app.services.people import accounts
from tests import factories
from tests.studio import Browser, Person, parts, rows

AWAY = "unix:///nowhere/valkey.sock"
ADA = "ada@example.org"
HERE = "192.0.2.1"


@pytest.fixture(params=["queue", "sqlite", "postgresql"])
def throttle(request: pytest.FixtureRequest) -> SignInThrottle:
    """A throttle that counts in the queue's server, or in each database while that is away."""
    app: Flask = request.getfixturevalue("postgres_app" if request.param == "postgresql" else "app")
    url = request.getfixturevalue("queue_url") if request.param == "queue" else AWAY
    return SignInThrottle(url, parts(app).sessions)


def is_verified(throttle: SignInThrottle, email: str, address: str, browser: str | None = None) -> bool:
    """Whether a wrong guess was verified at all."""
    try:
        with throttle.attempt(email, address, browser):
            raise Forbidden("The password is wrong.")
    except TooManyGuesses:
        return False
    except Forbidden:
        return True


def test_ten_wrong_guesses_at_an_account_from_an_address_are_verified(throttle: SignInThrottle) -> None:
    guesses = [is_verified(throttle, f" {ADA.title()}", HERE) for _ in range(MOST_FAILURES + 2)]
    assert guesses == [True] * MOST_FAILURES + [False] * 2
    assert not is_verified(throttle, ADA, HERE)
    assert is_verified(throttle, ADA, "192.0.2.2")
    assert is_verified(throttle, "grace@example.org", HERE)


def test_of_forty_parallel_wrong_guesses_ten_are_verified(throttle: SignInThrottle) -> None:
    ready, verifying = Barrier(40), Barrier(MOST_FAILURES)

    def guess(_number: int) -> bool:
        ready.wait(30)
        try:
            with throttle.attempt(ADA, HERE):
                verifying.wait(30)  # none is told that it was wrong before all that may are being verified
                raise Forbidden("The password is wrong.")
        except TooManyGuesses:
            return False
        except Forbidden:
            return True

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(guess, range(40))) == MOST_FAILURES


def test_an_address_has_fifty_whatever_the_accounts(throttle: SignInThrottle) -> None:
    people = [f"person{number}@example.org" for number in range(MOST_OF_AN_ADDRESS)]
    assert all(is_verified(throttle, email, HERE) for email in people)
    assert not is_verified(throttle, ADA, HERE)
    assert is_verified(throttle, ADA, "192.0.2.2")


def test_an_account_has_a_hundred_whatever_the_addresses_but_not_for_a_known_browser(throttle: SignInThrottle) -> None:
    addresses = [f"198.51.100.{number}" for number in range(MOST_OF_AN_ACCOUNT)]
    assert all(is_verified(throttle, ADA, address) for address in addresses)
    with pytest.raises(TooManyGuesses) as refusal, throttle.attempt(ADA, HERE):
        pytest.fail("it was verified")
    assert WAIT_SECONDS < refusal.value.again <= ACCOUNT_WAIT_SECONDS
    assert str(refusal.value) == "Too many wrong passwords or codes: try again in 15 minutes."
    guesses = [is_verified(throttle, ADA, HERE, "known") for _ in range(MOST_FAILURES + 1)]
    assert guesses == [True] * MOST_FAILURES + [False]


def test_guesses_at_a_known_browser_leave_the_counts_of_others_alone(throttle: SignInThrottle) -> None:
    assert all(is_verified(throttle, ADA, HERE, "known") for _ in range(MOST_FAILURES))
    assert is_verified(throttle, ADA, HERE)


def test_an_address_of_ipv6_counts_as_its_network(throttle: SignInThrottle) -> None:
    addresses = [f"2001:db8:0:1::{number:x}" for number in range(1, MOST_FAILURES + 1)]
    assert all(is_verified(throttle, ADA, address) for address in addresses)
    assert not is_verified(throttle, ADA, "2001:db8:0:1:ffff:ffff:ffff:ffff")
    assert is_verified(throttle, ADA, "2001:db8:0:2::1")
    assert all(is_verified(throttle, ADA, f"::ffff:192.0.2.{number}") for number in range(1, MOST_FAILURES + 2))


def test_what_is_right_or_fails_otherwise_gives_its_places_back(throttle: SignInThrottle) -> None:
    for _ in range(MOST_FAILURES + 1):
        with throttle.attempt(ADA, HERE):
            pass
        with pytest.raises(KeyError), throttle.attempt(ADA, HERE):
            raise KeyError
    assert all(is_verified(throttle, ADA, HERE) for _ in range(MOST_FAILURES))
    assert not is_verified(throttle, ADA, HERE)


def test_what_has_to_wait_is_numbered_and_takes_no_place(throttle: SignInThrottle) -> None:
    for _ in range(MOST_FAILURES):
        is_verified(throttle, ADA, HERE)
    refusals = []
    for _ in range(MOST_OF_AN_ADDRESS):
        with pytest.raises(TooManyGuesses) as refusal, throttle.attempt(ADA, HERE):
            pytest.fail("it was verified")
        assert 0 < refusal.value.again <= WAIT_SECONDS
        refusals.append(refusal.value.nth)
    assert refusals == list(range(1, MOST_OF_AN_ADDRESS + 1))
    assert is_verified(throttle, "grace@example.org", HERE)


def test_refusals_of_everybody_are_numbered_together(throttle: SignInThrottle) -> None:
    assert [throttle.nth_refusal() for _ in range(3)] == [1, 2, 3]


def test_the_queue_forgets_a_count_after_its_time_and_names_nobody(app: Flask, queue_url: str) -> None:
    throttle = SignInThrottle(queue_url, parts(app).sessions)
    is_verified(throttle, ADA, HERE)
    with Redis.from_url(queue_url) as connection:
        keys = connection.keys("*")
        assert len(keys) == 3
        assert not any(b"ada" in key or b"192" in key for key in keys)
        times = sorted(int(connection.ttl(key)) for key in keys)
        assert times[0] <= times[1] <= WAIT_SECONDS < times[2] <= ACCOUNT_WAIT_SECONDS
        connection.delete(*keys)
    assert all(is_verified(throttle, ADA, HERE) for _ in range(MOST_FAILURES))


def test_while_the_queue_is_away_the_database_counts_and_names_nobody(app: Flask, session: Session) -> None:
    throttle = SignInThrottle(AWAY, parts(app).sessions)
    is_verified(throttle, ADA, HERE)
    counts = rows(session, GuessCount)
    assert [count.taken for count in counts] == [1, 1, 1]
    assert not any("ada" in count.key or "192" in count.key for count in counts)


def test_forty_browsers_at_once_have_ten_passwords_verified(
    app: Flask, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []

    def counted(kept: str, password: str) -> bool:
        verified.append(password)
        return False

    monkeypatch.setattr(accounts, "matches", counted)
    browsers = [Browser(app.test_client()) for _ in range(40)]
    tokens = [browser.csrf_token("/sign-in") for browser in browsers]
    ready = Barrier(40)

    def guess(browser: Browser, token: str) -> int:
        form = {"email": annotator.email, "password": "wrong", "csrf_token": token}
        ready.wait(30)
        return browser.client.post("/sign-in", data=form, headers={"Referer": "http://localhost/sign-in"}).status_code

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(guess, browsers, tokens))
    assert (len(verified), statuses.count(403), statuses.count(429)) == (10, 10, 30)


def test_after_ten_wrong_passwords_even_the_right_one_has_to_wait(app: Flask, annotator: Person) -> None:
    for _ in range(MOST_FAILURES):
        assert sign_in(app, annotator, "wrong", HERE) == (403, None)
    for password in ("wrong", factories.PASSWORD):
        status, wait = sign_in(app, annotator, password, HERE)
        assert status == 429
        assert wait is not None
        assert 0 < int(wait) <= WAIT_SECONDS


def test_a_guesser_elsewhere_keeps_nobody_out(app: Flask, annotator: Person, admin: Person) -> None:
    for _ in range(MOST_FAILURES + 1):
        sign_in(app, annotator, "wrong", HERE)
    assert sign_in(app, annotator, factories.PASSWORD, "192.0.2.2") == (302, None)
    assert sign_in(app, admin, factories.PASSWORD, HERE) == (302, None)


def sign_in(app: Flask, person: Person, password: str, address: str) -> tuple[int, str | None]:
    """The status of one try to sign in from a new browser, and how long it was told to wait."""
    form = {"email": person.email, "password": password}
    answer = Browser(app.test_client()).submit("/sign-in", form, environ_base={"REMOTE_ADDR": address})
    assert ("Too many wrong passwords or codes: try again in" in answer.text) == (answer.status_code == 429)
    return answer.status_code, answer.headers.get("Retry-After")
