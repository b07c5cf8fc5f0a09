"""Screens are deleted with all that hangs on them, and nothing of it stays in the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import (
    Candidate,
    DeletedJudgment,
    DrawnPool,
    Generation,
    Judgment,
    Preference,
    RewardHead,
    RunStatus,
    engine,
    write_transaction,
)
from app.services.system import deletions
from models.store.samples_cache import sample_file, samples_folder
from tests import factories
from tests.studio import parts, rows


def delete(session: Session, *screens: Generation) -> int:
    with write_transaction(session):
        return deletions.delete_screens(session, [screen.id for screen in screens])


def test_a_screen_goes_with_its_cards_pool_judgments_and_pairs_and_others_stay(session: Session) -> None:
    person = factories.user(session).id
    gone, kept = (factories.generation(session, person) for _ in range(2))
    for screen in (gone, kept):
        factories.judgment(session, screen)
        with write_transaction(session):
            session.add(DrawnPool(generation_id=screen.id, data=b"pool"))
    first, second = (judgment.id for judgment in rows(session, Judgment))
    with write_transaction(session):
        kept.superseded_by = gone.id
    assert delete(session, gone) == 1
    assert [screen.superseded_by for screen in rows(session, Generation)] == [None]
    assert [pool.generation_id for pool in rows(session, DrawnPool)] == [kept.id]
    assert {card.generation_id for card in rows(session, Candidate)} == {kept.id}
    assert [judgment.id for judgment in rows(session, Judgment)] == [second]
    assert {pair.judgment_id for pair in rows(session, Preference)} == {second}
    assert [tombstone.id for tombstone in rows(session, DeletedJudgment)] == [first]


def test_ids_of_deleted_rows_are_not_given_to_others(session: Session) -> None:
    person = factories.user(session).id
    last = factories.judgment(session, factories.generation(session, person))
    ids = last.id, last.generation_id
    delete(session, last.generation)
    new = factories.judgment(session, factories.generation(session, person))
    assert (new.id, new.generation_id) == (ids[0] + 1, ids[1] + 1)


def test_the_log_of_a_run_quotes_no_deleted_judgment(session: Session) -> None:
    person = factories.user(session).id
    gone, kept = (factories.judgment(session, factories.generation(session, person)) for _ in range(2))
    said = "10:00:00  Left out of the training: 2 of judgment {} ('words'), with an empty completion."
    run = factories.run(
        session, RunStatus.SUCCEEDED, log="\n".join(["Training.", said.format(gone.id), said.format(kept.id)])
    )
    kept_line = said.format(kept.id)
    delete(session, gone.generation)
    session.refresh(run)
    assert run.log.splitlines() == ["Training.", kept_line]


def test_heads_that_learned_from_it_are_dropped_but_for_those_of_versions(session: Session) -> None:
    person = factories.user(session).id
    judgment = factories.judgment(session, factories.generation(session, person))
    made = {"version_number": 1, "features_version": 1, "judgments": 1, "undone": 0, "weights": b"w", "data": b"whole"}
    with write_transaction(session):
        session.add_all(
            [
                RewardHead(**made, last_judgment_id=judgment.id - 1),
                RewardHead(**made, last_judgment_id=judgment.id),
                RewardHead(**made, last_judgment_id=judgment.id, carried=True),
            ]
        )
    delete(session, judgment.generation)
    assert [head.data for head in rows(session, RewardHead)] == [b"whole", None, b"whole"]


@pytest.mark.sqlite
def test_nothing_of_what_was_deleted_is_left_in_the_files(app: Flask, session: Session) -> None:
    home = parts(app).settings.home
    sample = samples_folder(home) / "version" / sample_file("a zebra")
    sample.parent.mkdir(parents=True)
    sample.write_bytes(b"samples of it")
    person = factories.user(session).id
    screen = factories.generation(session, person, ("a quagga " * 2000, "b", "c"))
    factories.judgment(session, screen, reason="an okapi")
    assert b"quagga" in stored(home)
    delete(session, screen)
    session.rollback()
    assert deletions.finish(session.get_bind().engine, home, ["a zebra"]) == ""
    assert not any(word in stored(home) for word in (b"quagga", b"okapi"))
    assert not sample.exists()


@pytest.mark.sqlite
def test_it_is_said_when_somebody_reads_an_older_state(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "EMPTYING_MS", 1)
    screen = factories.generation(session, factories.user(session).id)
    with parts(app).sessions() as reading:
        reading.get(Generation, screen.id)
        delete(session, screen)
        session.rollback()
        home = parts(app).settings.home
        assert deletions.finish(session.get_bind().engine, home, []) == deletions.STILL_THERE
    assert deletions.finish(session.get_bind().engine, home, []) == ""


def stored(home: Path) -> bytes:
    """All bytes of the database's files."""
    return b"".join(path.read_bytes() for path in home.glob("mellow.db*"))
