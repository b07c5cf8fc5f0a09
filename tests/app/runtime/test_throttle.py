"""Guessing passwords is slowed, for the one who guesses alone."""

from __future__ import annotations

import pytest
from flask import Flask
from redis import Redis

from app.runtime.throttle import MOST_FAILURES, WAIT_SECONDS, SignInThrottle
from tests import factories
from tests.studio import Browser, Person

SENTENCE = "Too many wrong passwords: wait five minutes, then try again."


@pytest.fixture
def throttle(queue_url: str) -> SignInThrottle:
    return SignInThrottle(queue_url)


def guess(app: Flask, person: Person, password: str, address: str) -> tuple[int, bool]:
    """The status of one try to sign in, and whether it was told to wait."""
    form = {"email": person.email, "password": password}
    answer = Browser(app.test_client()).submit("/sign-in", form, environ_base={"REMOTE_ADDR": address})
    return answer.status_code, SENTENCE in answer.text


def test_after_ten_wrong_passwords_even_the_right_one_has_to_wait(app: Flask, annotator: Person) -> None:
    for _ in range(MOST_FAILURES):
        assert guess(app, annotator, "wrong", "192.0.2.1") == (403, False)
    assert guess(app, annotator, "wrong", "192.0.2.1") == (429, True)
    assert guess(app, annotator, factories.PASSWORD, "192.0.2.1") == (429, True)


def test_a_guesser_elsewhere_keeps_nobody_out(app: Flask, annotator: Person, admin: Person) -> None:
    for _ in range(MOST_FAILURES + 1):
        guess(app, annotator, "wrong", "192.0.2.1")
    assert guess(app, annotator, factories.PASSWORD, "192.0.2.2") == (302, False)
    assert guess(app, admin, factories.PASSWORD, "192.0.2.1") == (302, False)


def test_the_failures_are_forgotten_after_five_minutes_and_nobody_is_named(
    throttle: SignInThrottle, queue_url: str
) -> None:
    for _ in range(MOST_FAILURES):
        assert not throttle.must_wait("ada@example.org", "192.0.2.1")
        throttle.count_failure(" Ada@example.org", "192.0.2.1")
    assert throttle.must_wait("ada@example.org", "192.0.2.1")
    with Redis.from_url(queue_url) as connection:
        (key,) = connection.keys("*")
        assert b"ada" not in key
        assert b"192" not in key
        assert 0 < int(connection.ttl(key)) <= WAIT_SECONDS
        connection.delete(key)
    assert not throttle.must_wait("ada@example.org", "192.0.2.1")


def test_while_the_queue_is_away_nobody_is_kept_out() -> None:
    away = SignInThrottle("unix:///nowhere/valkey.sock")
    away.count_failure("ada@example.org", "192.0.2.1")
    assert not away.must_wait("ada@example.org", "192.0.2.1")
