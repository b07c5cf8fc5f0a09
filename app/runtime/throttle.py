"""A limit on password guessing: after ten wrong ones for an account from one address, a wait of five minutes.

Failures are counted in the queue's server, so that all web processes count together. While that is away nobody is
blocked.
"""

from __future__ import annotations

import hashlib

from redis import Redis
from redis.exceptions import RedisError

MOST_FAILURES = 10
WAIT_SECONDS = 300


class SignInThrottle:
    """Counts of failures by account and address, stored under their hash."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)

    def must_wait(self, email: str, address: str) -> bool:
        """Return whether there were too many failures lately."""
        try:
            return int(self._redis.get(_key(email, address)) or 0) >= MOST_FAILURES
        except RedisError:
            return False

    def count_failure(self, email: str, address: str) -> None:
        """Count one failure; the count is forgotten when no other follows for five minutes."""
        try:
            with self._redis.pipeline() as steps:
                steps.incr(_key(email, address))
                steps.expire(_key(email, address), WAIT_SECONDS)
                steps.execute()
        except RedisError:
            return


def _key(email: str, address: str) -> str:
    digest = hashlib.sha256(f"{email.strip().lower()} {address}".encode()).hexdigest()
    return f"mellow:sign-in:{digest}"
