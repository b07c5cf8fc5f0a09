"""Web machines that share a database have one key, and one with another is refused until all have changed."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, StudioSetting
from app.domain_errors import Conflict
from app.services.people.authentication import common_key
from tests.studio import rows

KEY, ANOTHER = "k" * 32, "a" * 32


def test_the_key_of_the_first_machine_is_the_studios_and_another_is_refused(either: Session) -> None:
    for _ in range(2):
        common_key.check(either, KEY)
    if either.get_bind().dialect.name == "sqlite":  # on one machine, whose key may be lost with its file
        common_key.check(either, ANOTHER)
        assert rows(either, StudioSetting) == []
        return
    with pytest.raises(Conflict, match=r"^This machine has another SECRET_KEY than the web machines that use this"):
        common_key.check(either, ANOTHER)
    common_key.check(either, KEY)


def test_a_key_that_was_changed_on_purpose_is_accepted_once_and_shuts_the_former_out(either: Session) -> None:
    common_key.check(either, KEY)
    common_key.accept(either, ANOTHER)
    common_key.check(either, ANOTHER)
    assert [entry.action for entry in rows(either, AuditEvent)] == ["secret_key.accepted"]
    if either.get_bind().dialect.name == "postgresql":
        with pytest.raises(Conflict, match="accept-secret-key"):
            common_key.check(either, KEY)


def test_the_database_holds_nothing_of_the_key(either: Session) -> None:
    common_key.accept(either, KEY)
    (kept,) = rows(either, StudioSetting)
    assert KEY not in str(kept.value)
    assert common_key.fingerprint(KEY) != common_key.setup_token(KEY)[:32]


def test_the_token_of_the_setup_page_is_the_same_wherever_the_key_is() -> None:
    assert common_key.setup_token(KEY) == common_key.setup_token(KEY) != common_key.setup_token(ANOTHER)
    assert len(common_key.setup_token(KEY)) == 64
