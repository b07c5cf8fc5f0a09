"""A limit on guessing passwords and codes, counted before each guess is verified, so that parallel ones gain nothing.

A guess takes a place in three counts: of its account from its address, of its address whatever the account, and of its
account whatever the address. A wrong one keeps its places until the count ends, any other gives them back. An address
of IPv6 counts as its /64, of which everybody has as many addresses as they like.

Who can fill the count of an account could lock its owner out. So a browser in which somebody has signed in to the
account before, which a cookie proves, has one count of its own instead of the three: strangers who guess, from the same
address or from thousands, never hold it up. What that leaves: at a new browser the owner waits for as long as somebody
keeps guessing, and up to a quarter of an hour after they stop; and a browser that was used before has ten guesses more.

The counts are kept in the queue's server, so that all web processes count together, or in the database while that is
away.
"""

from __future__ import annotations

import hashlib
import ipaddress
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from math import ceil

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.orm import Session, sessionmaker

from app.domain_errors import Forbidden, TooMany
from app.runtime.queue import in_queue
from app.services.people.authentication import guess_counts
from app.services.people.authentication.guess_counts import Limit, Taken
from app.words import ngettext

MOST_FAILURES = 10
MOST_OF_AN_ADDRESS = 50
MOST_OF_AN_ACCOUNT = 100
WAIT_SECONDS = 300
ACCOUNT_WAIT_SECONDS = 900

_PREFIX = "mellow:guesses:"
_IPV6_NETWORK = 64

# KEYS: the counts; ARGV: places and seconds of each. Returns the wait in milliseconds, and the number of the guess.
_TAKE = """
local full, wait = nil, 0
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('HGET', key, 'taken') or '0') >= tonumber(ARGV[2 * i - 1]) then
    local left = math.max(redis.call('PTTL', key), 1)
    if left > wait then full, wait = key, left end
  end
end
if full then return {wait, redis.call('HINCRBY', full, 'refused', 1)} end
local nth = nil
for i, key in ipairs(KEYS) do
  local taken = redis.call('HINCRBY', key, 'taken', 1)
  if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, ARGV[2 * i]) end
  nth = nth or taken
end
return {0, nth}
"""

_GIVE_BACK = """
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('HGET', key, 'taken') or '0') > 0 then redis.call('HINCRBY', key, 'taken', -1) end
end
"""


class TooManyGuesses(TooMany):
    """Too many guesses were wrong; `nth` is the number of this one among those refused until the wait ends."""

    def __init__(self, wait: int, nth: int) -> None:
        seconds = ngettext(
            "Too many wrong passwords or codes: try again in %(num)d second.",
            "Too many wrong passwords or codes: try again in %(num)d seconds.",
            wait,
        )
        minutes = ngettext(
            "Too many wrong passwords or codes: try again in %(num)d minute.",
            "Too many wrong passwords or codes: try again in %(num)d minutes.",
            ceil(wait / 60),
        )
        super().__init__(seconds if wait < 100 else minutes, again=wait)
        self.nth = nth


class SignInThrottle:
    """Counts of guesses, stored under hashes that name nobody."""

    def __init__(self, url: str, sessions: sessionmaker[Session], prefix: str = "") -> None:
        once = Retry(NoBackoff(), 0)  # what was not answered may have been counted
        self._redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, retry=once)
        self._take_in_queue = self._redis.register_script(_TAKE)
        self._give_back_in_queue = self._redis.register_script(_GIVE_BACK)
        self._sessions = sessions
        self._prefix = in_queue(prefix, _PREFIX)

    @contextmanager
    def attempt(self, email: str, address: str, browser: str | None = None) -> Iterator[None]:
        """Count the block, which verifies one guess at an account; it raises Forbidden for a wrong one.

        `browser` is what `app/routes/people/known_browser.py` knows it by. Raises TooManyGuesses instead of running
        the block while a count is full.
        """
        limits = _limits(email.strip().lower(), _network(address), browser)
        taken = self._take(limits)
        if taken.wait:
            raise TooManyGuesses(*taken)
        wrong = False
        try:
            yield
        except Forbidden:
            wrong = True
            raise
        finally:
            if not wrong:
                self._give_back([limit.key for limit in limits])

    def nth_refusal(self) -> int:
        """Count one refusal of anybody, and return its number within these five minutes."""
        return self._take([Limit(_key("refusals"), sys.maxsize, WAIT_SECONDS)]).nth

    def _take(self, limits: Sequence[Limit]) -> Taken:
        numbers = [number for limit in limits for number in limit[1:]]
        try:
            milliseconds, nth = self._take_in_queue(keys=[self._prefix + limit.key for limit in limits], args=numbers)
        except RedisError:
            with self._sessions() as session:
                return guess_counts.take(session, limits)
        return Taken(ceil(milliseconds / 1000), nth)

    def _give_back(self, keys: Collection[str]) -> None:
        try:
            self._give_back_in_queue(keys=[self._prefix + key for key in keys])
        except RedisError:
            with self._sessions() as session:
                guess_counts.give_back(session, keys)


def _limits(email: str, network: str, browser: str | None) -> list[Limit]:
    if browser is not None:
        return [Limit(_key("browser", email, browser), MOST_FAILURES, WAIT_SECONDS)]
    return [
        Limit(_key("both", email, network), MOST_FAILURES, WAIT_SECONDS),
        Limit(_key("address", network), MOST_OF_AN_ADDRESS, WAIT_SECONDS),
        Limit(_key("account", email), MOST_OF_AN_ACCOUNT, ACCOUNT_WAIT_SECONDS),
    ]


def _network(address: str) -> str:
    """Return what an address counts as: itself, or its network of IPv6; what is none counts as it is written."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), _IPV6_NETWORK), strict=False))


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
