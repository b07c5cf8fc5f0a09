"""The chain of the audit log tells where it was changed, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.services.system import audit_chain
from app.services.system.audit_chain import FIRST_PREVIOUS, Row, check

MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
DETAILS = {"email": "ada@example.org", "words": ["ä", None, 1.5], "to": {"b": 1, "a": True}}


def row(number: int, previous: str, details: Mapping[str, Any] = DETAILS) -> Row:
    """An entry that follows the one with the hash `previous`."""
    made = Row(number, MOMENT, 7, "user.created", "user 8", details, audit_chain.sealed(details), previous, "")
    return replace(made, hash=audit_chain.hash_of(made))


def rows(*numbers: int) -> Iterator[Row]:
    previous = FIRST_PREVIOUS
    for number in numbers:
        made = row(number, previous)
        previous = made.hash
        yield made


@pytest.fixture
def chained() -> list[Row]:
    """Five entries; numbers that are left out say nothing as long as the hashes hold."""
    return list(rows(1, 2, 4, 5, 6))


def test_a_chain_that_nobody_touched_holds(chained: list[Row]) -> None:
    found = check(chained, wanted=chained[2].hash)
    assert found.broken is None
    assert (found.count, found.first, found.last, found.head) == (5, 1, 6, chained[-1].hash)
    assert (found.erased, found.wanted_at) == (0, 4)
    assert check(chained, wanted="f" * 64).wanted_at is None


def test_an_empty_log_is_a_chain() -> None:
    assert (check([]).count, check([]).head, check([]).broken) == (0, FIRST_PREVIOUS, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, id=3),
        lambda entry: replace(entry, created_at=datetime(2026, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)),
        lambda entry: replace(entry, user_id=None),
        lambda entry: replace(entry, action="user.create"),
        lambda entry: replace(entry, subject="user 9"),
        lambda entry: replace(entry, details=DETAILS | {"email": "eve@example.org"}),
        lambda entry: replace(entry, details=DETAILS | {"words": ["ä", None, 1]}),
        lambda entry: replace(entry, details=DETAILS | {"more": 1}),
        lambda entry: replace(entry, details={}),
        lambda entry: replace(entry, details=["email"]),
        lambda entry: replace(entry, seals=entry.seals | {"email": ["", "0" * 64]}),
        lambda entry: replace(entry, seals=None),
        lambda entry: replace(entry, hash="0" * 64),
    ],
)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_changed_entry_is_named(chained: list[Row], change: Callable[[Row], Row], place: int) -> None:
    chained[place] = change(chained[place])
    found = check(chained)
    assert found.broken == (chained[place].id, f"Entry {chained[place].id} was changed.")
    assert found.count == place


def test_a_changed_entry_whose_hash_was_made_anew_is_named(chained: list[Row]) -> None:
    chained[2] = row(4, chained[1].hash, {"email": "eve@example.org"})
    assert check(chained).broken == (4, "Entry 4 was changed, and its hash with it.")


def test_removed_entries_are_missed_where_they_stood(chained: list[Row]) -> None:
    assert check(chained[1:]).broken == (2, "Entries before entry 2 were removed.")
    assert check(chained[:2] + chained[4:]).broken == (6, "Entries between entry 2 and entry 6 were removed.")


def test_entries_removed_from_the_end_are_missed_by_whoever_kept_a_hash(chained: list[Row]) -> None:
    kept = chained[-1].hash
    assert check(chained, wanted=kept).wanted_at == 6
    cut = check(chained[:-1], wanted=kept)
    assert (cut.broken, cut.wanted_at) == (None, None)


@pytest.mark.parametrize("forged", ["with a hash that fits", "with some hash"])
def test_an_inserted_entry_is_named(chained: list[Row], forged: str) -> None:
    inserted = row(3, chained[1].hash)
    chained.insert(2, inserted if forged == "with a hash that fits" else replace(inserted, hash="0" * 64))
    assert check(chained).broken == (3, "Entry 3 was inserted.")


def test_an_entry_put_at_the_end_without_its_chain_is_named(chained: list[Row]) -> None:
    chained.append(replace(row(7, "0" * 64), hash="0" * 64))
    sentence = "Entry 7 was inserted, or it and what stood before it were changed."
    assert check(chained).broken == (7, sentence)


def test_a_part_of_a_log_begins_anywhere(chained: list[Row]) -> None:
    found = check(chained[2:], start=None)
    assert (found.count, found.first, found.broken) == (3, 4, None)
    assert check(chained[2:3] + chained[4:], start=None).broken == (
        6,
        "Entries between entry 4 and entry 6 were removed.",
    )


def test_equal_details_have_different_seals() -> None:
    first, second = (audit_chain.sealed({"email": "ada@example.org"})["email"] for _ in range(2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_an_erased_detail_leaves_the_chain_whole_and_is_counted(chained: list[Row]) -> None:
    entry = chained[2]
    without = {name: value for name, value in DETAILS.items() if name != "email"}
    chained[2] = replace(entry, details=without, seals={**entry.seals, "email": ("", entry.seals["email"][1])})
    found = check(chained)
    assert (found.broken, found.erased, found.head) == (None, 1, chained[-1].hash)
