"""Recovery codes: ten, each good once, and none of them stored as it is."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import RecoveryCode, User, write_transaction
from app.services.people.authentication import recovery_codes
from tests import factories
from tests.studio import rows


@pytest.fixture
def ada(session: Session) -> User:
    return factories.user(session)


@pytest.fixture
def codes(session: Session, ada: User) -> list[str]:
    with write_transaction(session):
        return recovery_codes.renew(session, ada.id)


def used(session: Session, user: User, code: str) -> bool:
    with write_transaction(session):
        return recovery_codes.use(session, user.id, code)


def test_there_are_ten_and_each_is_good_once(session: Session, ada: User, codes: list[str]) -> None:
    assert len(set(codes)) == recovery_codes.CODES == 10
    for left, code in enumerate(reversed(codes)):
        assert recovery_codes.left(session, ada.id) == 10 - left
        assert used(session, ada, code)
        assert not used(session, ada, code)
    assert recovery_codes.left(session, ada.id) == 0


def test_a_code_may_be_typed_in_capitals_with_spaces_or_without_hyphens(
    session: Session, ada: User, codes: list[str]
) -> None:
    assert used(session, ada, codes[0].upper().replace("-", " "))
    assert used(session, ada, f" {codes[1].replace('-', '')}\n")
    assert not used(session, ada, codes[2][:-1])


def test_only_hashes_are_stored(session: Session, codes: list[str]) -> None:
    stored = " ".join(row.code_hash for row in rows(session, RecoveryCode))
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_a_code_is_its_owners_alone(session: Session, ada: User, codes: list[str]) -> None:
    assert not used(session, factories.user(session), codes[0])
    assert recovery_codes.left(session, ada.id) == 10


def test_new_codes_take_the_place_of_the_old_ones(session: Session, ada: User, codes: list[str]) -> None:
    with write_transaction(session):
        new = recovery_codes.renew(session, ada.id)
    assert not used(session, ada, codes[0])
    assert used(session, ada, new[0])
