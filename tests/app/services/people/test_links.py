"""The secrets and states of links that are good once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.db import PasswordReset, now
from app.services.people import links


def test_every_secret_is_another_one_and_only_its_hash_is_stored() -> None:
    first, second = links.new_secret(), links.new_secret()
    assert len(first) == 32
    assert first != second
    assert links.hash_of(first) == links.hash_of(first) != links.hash_of(second)
    assert first not in links.hash_of(first)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "open"),
        ({"expires_at": now() - timedelta(seconds=1)}, "expired"),
        ({"withdrawn_at": now()}, "withdrawn"),
        ({"used_at": now(), "expires_at": now() - timedelta(days=1)}, "used"),
    ],
)
def test_a_link_is_open_until_it_is_used_withdrawn_or_too_old(values: dict[str, Any], state: str) -> None:
    assert links.state(PasswordReset(**{"expires_at": now() + timedelta(hours=1)} | values)) == state
