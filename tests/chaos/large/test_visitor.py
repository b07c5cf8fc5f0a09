"""Hold which failures of a visitor's requests may be, and that a request is repeated until it succeeds."""

from __future__ import annotations

from email.message import Message

import pytest

from tests.chaos.large.visitor import Failure, sorted_out, told_to_wait
from tests.e2e.machines import Heard

AT, GONE = 100.0, 100.1


def answer(status: int, kind: str, text: str, **headers: str) -> Heard:
    """An answer of that type."""
    message = Message()
    message["Content-Type"] = kind
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Heard(status, message, text)


PROBLEM = '{"detail": "The database does not answer now: try again in a moment."}'


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (answer(503, "application/problem+json", PROBLEM, Retry_After="2"), True),
        (answer(503, "text/html", "<h1>Not ready (503)</h1>", Retry_After="2"), True),
        (answer(503, "application/problem+json", PROBLEM), False),
        (answer(503, "text/html", "<h1>Service Unavailable</h1>", Retry_After="2"), False),
        (answer(503, "application/problem+json", '{"detail": "One. And another."}', Retry_After="2"), False),
        (answer(500, "application/problem+json", PROBLEM, Retry_After="2"), False),
    ],
    ids=["a problem", "a page", "without Retry-After", "a proxy's page", "two sentences", "a fault"],
)
def test_only_the_products_own_503_asks_to_wait(heard: Heard, told: bool) -> None:
    assert told_to_wait(heard) is told


def failure(sent: float, ended: float, *, status: int | None = None, told: bool = False) -> Failure:
    """A failed request."""
    return Failure("GET /me", sent, ended, status, "it was cut off", told)


@pytest.mark.parametrize(
    ("failed", "killed", "found"),
    [
        (failure(99.9, 100.05), "web", (1, 0, 0)),
        (failure(99.9, 100.05), "queue", (0, 0, 1)),
        (failure(100.2, 100.3), "web", (0, 0, 1)),
        (failure(99.0, 99.5), "web", (0, 0, 1)),
        (failure(99.9, 100.05, status=500), "web", (0, 0, 1)),
        (failure(103.0, 103.1, status=503, told=True), "database", (0, 1, 0)),
    ],
    ids=["in flight", "on what lives", "sent afterwards", "ended before", "a fault", "told to wait"],
)
def test_what_was_in_flight_on_what_was_killed_may_be_cut_off(
    failed: Failure, killed: str, found: tuple[int, int, int]
) -> None:
    seen = sorted_out([failed], killed, AT, GONE)
    assert (seen.cut, seen.told_to_wait, len(seen.faults)) == found


def test_what_failed_otherwise_is_told_with_its_moment() -> None:
    (told,) = sorted_out([failure(101.5, 101.6, status=500)], "database", AT, GONE).faults
    assert told == "GET /me +1.5 s from the kill: 500 it was cut off"
