"""The chain of the audit log: the hash of each entry is over the entry and the hash of the one before it.

Each detail goes into the hash as its seal, the SHA-256 of a random salt and the detail. A detail whose value and salt
are erased leaves its digest, so the chain still holds, and nobody can find the value by trying.

A hash without a secret does not keep out who can write to the whole database: they can compute the rest of the chain
anew. It shows it to whoever kept a copy, or the hash of the last entry (`flask audit verify --head`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any, NamedTuple

from app.words import gettext

FIRST_PREVIOUS = "0" * 64
"""The first entry's hash of the one before it."""

Seals = Mapping[str, tuple[str, str]]
"""Salt and digest of each detail, by its name; the salt is empty once the detail is erased."""


@dataclass(frozen=True)
class Row:
    """One entry as it is stored or copied."""

    id: int
    created_at: datetime
    user_id: int | None
    action: str
    subject: str
    details: Mapping[str, Any]
    seals: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def erased(self) -> int:
        """Return how many details were erased."""
        return len(self.seals.keys() - self.details.keys())

    def is_unchanged(self) -> bool:
        """Return whether the hash is that of the entry, and each detail that of its seal."""
        try:
            return self.hash == hash_of(self) and _seals_hold(self.details, self.seals)
        except (AttributeError, TypeError, ValueError):  # something else stands where a text or a list should be
            return False


class Break(NamedTuple):
    """The first entry at which the chain does not hold, and what was done to it, in a sentence."""

    id: int
    sentence: str


@dataclass
class Checked:
    """Findings in a chain, as far as it holds."""

    count: int = 0
    first: int | None = None
    last: int | None = None
    head: str = FIRST_PREVIOUS
    erased: int = 0
    wanted_at: int | None = None
    """The entry whose hash was looked for."""
    broken: Break | None = None


def sealed(details: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return new seals of details."""
    salts = {name: secrets.token_hex(16) for name in details}
    return {name: (salt, _digest(salt, name, details[name])) for name, salt in salts.items()}


def hash_of(row: Row) -> str:
    """Return the SHA-256 of an entry in its canonical form, in hexadecimal."""
    moment = row.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    digests = {name: digest for name, (_, digest) in row.seals.items()}
    return _sha256([row.previous, row.id, moment, row.user_id, row.action, row.subject, digests])


def check(rows: Iterable[Row], start: str | None = FIRST_PREVIOUS, wanted: str | None = None) -> Checked:
    """Follow a chain to its end, or to the first entry at which it does not hold.

    The first entry must follow `start`, or anything if that is None, as in a copy of a part of the log. The entry with
    the hash `wanted` is looked for on the way.
    """
    found = Checked(head=start or "")
    for row, following in _with_following(rows):
        if start is None and not found.count:
            found.head = row.previous
        found.broken = _break(row, following, found)
        if found.broken:
            break
        found.count += 1
        found.first = row.id if found.first is None else found.first
        found.last, found.head = row.id, row.hash
        found.erased += row.erased
        if row.hash == wanted:
            found.wanted_at = row.id
    return found


def _break(row: Row, following: Row | None, before: Checked) -> Break | None:
    if following is not None and following.previous == before.head != row.hash:
        return Break(row.id, gettext("Entry %(id)s was inserted.", id=row.id))
    follows, unchanged = row.previous == before.head, row.is_unchanged()
    if follows and unchanged:
        return None
    if follows:
        return Break(row.id, gettext("Entry %(id)s was changed.", id=row.id))
    if not unchanged:
        said = gettext("Entry %(id)s was inserted, or it and what stood before it were changed.", id=row.id)
        return Break(row.id, said)
    if before.last is None:
        return Break(row.id, gettext("Entries before entry %(id)s were removed.", id=row.id))
    if row.id > before.last + 1:
        said = gettext("Entries between entry %(one)s and entry %(other)s were removed.", one=before.last, other=row.id)
        return Break(row.id, said)
    return Break(before.last, gettext("Entry %(id)s was changed, and its hash with it.", id=before.last))


def _with_following(rows: Iterable[Row]) -> Iterator[tuple[Row, Row | None]]:
    for row, following in pairwise(chain(rows, [None])):
        assert row is not None
        yield row, following


def _seals_hold(details: Mapping[str, Any], seals: Seals) -> bool:
    kept = all(name in seals and seals[name][1] == _digest(seals[name][0], name, details[name]) for name in details)
    return kept and not any(seals[name][0] for name in seals.keys() - details.keys())


def _digest(salt: str, name: str, value: object) -> str:
    return _sha256([salt, name, value])


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
