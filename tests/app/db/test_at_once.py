"""Several people who write the same rows at the same moment, on both databases: nobody fails, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import ApiToken, AuditEvent, Prompt, RunStatus, TrainingRun, User, Version, write_transaction
from app.domain_errors import Conflict, NotFound
from app.services.desk import settings as desk_settings
from app.services.people import accounts, api_tokens
from app.services.prompts import prompts, studio_settings
from app.services.prompts.prompts import CheckedRow, ImportReport
from app.services.training import runs
from app.services.versions import versions
from models.store.manifest import Manifest
from tests import factories
from tests.studio import parts, rows

T = TypeVar("T")
AT_ONCE = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Flask:
    """An application on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    return app


def at_once(app: Flask, work: Sequence[Callable[[Session], T]]) -> list[T]:
    """Do everything at the same moment, each in a session of its own."""
    ready = Barrier(len(work))

    def one(do: Callable[[Session], T]) -> T:
        with parts(app).sessions() as session:
            ready.wait(30)
            return do(session)

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


@pytest.mark.long
def test_a_text_that_several_people_type_at_once_is_one_prompt(either: Flask) -> None:
    def typed(session: Session) -> int:
        with write_transaction(session):
            return prompts.find_or_add(session, "you are stupid", "typed").id

    for _ in range(3):
        assert len(set(at_once(either, [typed] * AT_ONCE))) == 1
    with parts(either).sessions() as session:
        assert [prompt.text for prompt in rows(session, Prompt)] == ["you are stupid"]


@pytest.mark.long
def test_a_file_that_is_imported_twice_at_once_is_queued_once(either: Flask) -> None:
    batch = [CheckedRow(number, f"text {number}") for number in range(100)]

    def imported(session: Session) -> tuple[int, int]:
        report = ImportReport()
        with write_transaction(session):
            prompts.store_batch(session, batch, "file", report)
        return report.added, report.duplicates

    counts = at_once(either, [imported] * 2)
    assert sum(added for added, _ in counts) == 100
    assert sum(duplicates for _, duplicates in counts) == 100
    with parts(either).sessions() as session:
        assert sum(prompt.queued for prompt in rows(session, Prompt)) == 100


def test_settings_that_several_admins_change_for_the_first_time_at_once_are_all_stored(either: Flask) -> None:
    with parts(either).sessions() as session:
        admin = factories.user(session).id
        changes: list[dict[str, int]] = [{"overlap": 2}, {"overlap": 3}, {"blur": True}, {"gold_every": 7}]
        at_once(either, [partial(studio_settings.change, by=admin, values=values) for values in changes])
        session.rollback()
        session.expire_all()  # what it saw before
        found = studio_settings.settings(session)
        assert found.overlap in (2, 3)
        assert (found.blur, found.gold_every) == (True, 7)


def test_settings_of_a_desk_that_are_changed_in_several_tabs_are_all_kept(either: Flask) -> None:
    with parts(either).sessions() as session:
        person = factories.user(session).id
        before = desk_settings.as_json(desk_settings.read(session, person))
        wanted = {name: not value for name, value in before.items() if isinstance(value, bool)}
        work = [partial(desk_settings.change, user_id=person, values={name: value}) for name, value in wanted.items()]
        at_once(either, work)
        session.rollback()
        session.expire_all()  # what it saw before
        stored = desk_settings.as_json(desk_settings.read(session, person))
        assert {name: stored[name] for name in wanted} == wanted


def test_every_move_of_the_alias_says_where_it_was_moved_from(either: Flask) -> None:
    with parts(either).sessions() as session:
        admin = factories.user(session).id
        for number in range(1, AT_ONCE + 2):
            factories.version(session, number)
        factories.serving(session)
        at_once(either, [partial(versions.promote, number=number, by=admin) for number in range(2, AT_ONCE + 2)])
        moves = session.scalars(select(AuditEvent).where(AuditEvent.action == "alias.moved").order_by(AuditEvent.id))
        at = 1
        for move in moves:
            assert move.details["before"] == at
            at = move.details["after"]
        assert versions.serving_number(session) == at


def test_a_run_that_somebody_cancels_as_it_ends_is_either_cancelled_or_succeeded(either: Flask) -> None:
    with parts(either).sessions() as session:
        factories.version(session)
        admin = factories.user(session).id
        for _ in range(5):
            run = factories.run(session, RunStatus.RUNNING, attempts=1)

            def ends(own: Session, run_id: int = run.id) -> bool:
                with write_transaction(own):
                    mine = runs.owned(own, run_id, 1)
                    if mine is None or mine.cancel_requested_at is not None:
                        return False
                    runs.succeed(own, mine, 1, None)
                    return True

            def cancels(own: Session, run_id: int = run.id) -> bool:
                try:
                    runs.cancel(own, run_id, admin)
                except Conflict:
                    return False
                return True

            ended, cancelled = at_once(either, [ends, cancels])
            assert ended is not cancelled
            session.expire_all()
            succeeded = session.get_one(TrainingRun, run.id).status == RunStatus.SUCCEEDED
            assert succeeded is ended
            if not succeeded:
                runs.finish_cancel(session, run.id, 1)
        assert len(rows(session, Version)) == 1


def test_machines_that_start_at_once_make_one_admin_with_one_token(either: Flask) -> None:
    def starts(session: Session) -> bool:
        admin = accounts.ensure_admin(session, "ada@example.org", factories.PASSWORD)
        return api_tokens.follow_setting(session, admin.id, "a token of sixteen or more")

    assert at_once(either, [starts] * AT_ONCE) == [True] * AT_ONCE
    with parts(either).sessions() as session:
        assert (len(rows(session, User)), len(rows(session, ApiToken))) == (1, 1)


def test_of_several_that_follow_the_setup_link_at_once_one_becomes_the_admin(either: Flask) -> None:
    def follows(session: Session, email: str) -> bool:
        try:
            accounts.set_up(session, "the token", "the token", email, factories.PASSWORD)
        except NotFound:
            return False
        return True

    people = [partial(follows, email=f"person{number}@example.org") for number in range(AT_ONCE)]
    assert sum(at_once(either, people)) == 1
    with parts(either).sessions() as session:
        assert len(rows(session, User)) == 1


def test_a_version_that_several_record_at_once_is_one_row(either: Flask) -> None:
    manifest = Manifest(
        number=1,
        parent=None,
        run_id=None,
        method="base",
        config={},
        data_sha256="",
        metrics={},
        created_at="2026-01-02T03:04:05+00:00",
    )

    def records(session: Session) -> int:
        with write_transaction(session):
            return versions.record_version(session, manifest, "/store/000001").number

    assert at_once(either, [records] * AT_ONCE) == [1] * AT_ONCE
    with parts(either).sessions() as session:
        assert len(rows(session, Version)) == 1
        assert [event.action for event in rows(session, AuditEvent)] == ["version.published"]
