"""An id is settled once nothing below it can appear any more, however the transactions overlap."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Prompt, settled
from app.db.settled import Settled
from tests import factories
from tests.studio import parts


def newest(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.max(Prompt.id))) or 0


@pytest.mark.sqlite
def test_on_sqlite_the_newest_id_is_settled(session: Session) -> None:
    factories.prompt(session)
    assert Settled().up_to(session, newest(session)) == newest(session) == 1


def test_on_postgresql_an_id_waits_for_the_transactions_that_were_under_way(
    postgres_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "NEAR", 0)
    sessions, ids = parts(postgres_app).sessions, Settled()
    with sessions() as late, sessions() as quick, sessions() as looking:
        late.add(Prompt(text="held back", sha256="0" * 64, source="test"))
        late.flush()
        factories.prompt(quick)
        assert newest(looking) == 2, "the first is not seen yet"
        for _ in range(2):
            assert ids.up_to(looking, newest(looking)) <= 0
        late.commit()
        factories.prompt(quick)
        assert ids.up_to(looking, newest(looking)) == 2
        assert ids.up_to(looking, newest(looking)) == 3


def test_ids_that_were_taken_just_now_wait_and_those_far_below_do_not(
    postgres_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "NEAR", 1)
    monkeypatch.setattr(settled, "FAR", 3)
    with parts(postgres_app).sessions() as session:
        for _ in range(5):
            factories.prompt(session)
        ids = Settled()
        assert ids.up_to(session, newest(session)) == 2
        assert ids.up_to(session, newest(session)) == 4
