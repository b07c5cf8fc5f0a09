"""Versions are made again in their order, by runs that wait for each other, and the old ones go when asked."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, Forgetting, ForgettingKind, RunStatus, TrainingRun, Version, now, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.training import runs
from app.services.training.rebuilds import forgetting_runs
from app.services.training.rebuilds.forgetting_runs import Plan
from app.services.versions import forgetting, learned, versions
from app.services.versions.forgetting import Forgotten
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, parts, rows


@pytest.fixture
def store(app: Flask) -> CheckpointStore:
    return parts(app).store


@pytest.fixture
def person(session: Session) -> int:
    return factories.user(session).id


@pytest.fixture
def meant(person: int) -> Forgotten:
    return Forgotten(ForgettingKind.PERSON, person)


@pytest.fixture
def line(session: Session, person: int, admin: Person) -> list[int]:
    """Versions 2 of others, 3 of both, 4 of the person alone, 5 of others, each from the one before; 5 serves."""
    factories.version(session, 1)
    others = [factories.judgment(session, factories.generation(session, admin.id)).id for _ in range(3)]
    theirs = [factories.judgment(session, factories.generation(session, person)).id for _ in range(2)]
    only_theirs = {"people": [person]}
    for number, ids, selection in (
        (2, others, {"people": [admin.id]}),
        (3, others + theirs, {}),
        (4, theirs, only_theirs),
        (5, others + theirs, {}),
    ):
        run = factories.run(
            session,
            RunStatus.SUCCEEDED,
            judgments=learned.pack(ids),
            last_judgment_id=max(ids),
            selection=selection,
            config={"beta": 0.1 * number},
        )
        factories.version(session, number, run_id=run.id, parent_number=number - 1)
    factories.serving(session, 5)
    return theirs


def planned(session: Session, meant: Forgotten, target: int) -> Plan:
    return forgetting_runs.plan(session, meant, forgetting.learners(session, meant), target)


def ask(session: Session, admin: Person, meant: Forgotten, target: int = 5, serve: bool = True) -> Forgetting:
    row, _ = forgetting_runs.request(session, admin.id, meant, target, serve)
    return row


def end(session: Session, run: TrainingRun, number: int) -> None:
    """The run as its worker ends it, with that version."""
    factories.version(session, number, run_id=run.id, parent_number=run.parent_version)
    with write_transaction(session):
        runs.succeed(session, run, number, None)


def test_the_last_untouched_version_is_where_it_starts_and_what_learned_from_nothing_else_is_left_out(
    session: Session, meant: Forgotten, line: list[int]
) -> None:
    plan = planned(session, meant, 5)
    assert (plan.base, [step.version.number for step in plan.steps], plan.left_out) == (2, [3, 5], (4,))
    assert [step.pairs for step in plan.steps] == [6, 6]
    assert forgetting_runs.default_target(session, forgetting.learners(session, meant)) == 5
    assert [step.version.number for step in planned(session, meant, 3).steps] == [3]
    assert planned(session, meant, 2).problem == "Version 2 did not learn from it, so there is nothing to make again."
    assert planned(session, meant, 4).steps[-1].version.number == 3
    with pytest.raises(NotFound):
        planned(session, meant, 77)


def test_a_deleted_version_on_the_way_is_made_again_too(session: Session, meant: Forgotten, line: list[int]) -> None:
    with write_transaction(session):
        session.get_one(Version, 2).deleted_at = now()
    plan = planned(session, meant, 5)
    assert (plan.base, [step.version.number for step in plan.steps]) == (1, [2, 3, 5])
    with write_transaction(session):
        session.get_one(Version, 1).deleted_at = now()
    assert planned(session, meant, 5).problem.startswith("No version from before is left")


def test_a_version_that_no_run_of_this_studio_made_cannot_be_made_again(
    session: Session, meant: Forgotten, line: list[int]
) -> None:
    factories.version(session, 6, parent_number=5, method="sft")
    assert planned(session, meant, 6).problem == (
        "Version 6 was not made by a run of this studio, so it cannot be made again."
    )


def test_each_run_starts_from_what_the_one_before_made(
    session: Session, meant: Forgotten, line: list[int], admin: Person
) -> None:
    row = ask(session, admin, meant)
    first, last = forgetting_runs.state(session, row).runs
    assert [(run.rebuilds, run.parent_version, run.config) for run in (first, last)] == [
        (3, 2, {"beta": pytest.approx(0.3)}),
        (5, None, {"beta": pytest.approx(0.5)}),
    ]
    assert runs.claim(session, last.id) is None, "it waits for the first"
    assert runs.claim(session, first.id) == 1
    end(session, first, 6)
    assert last.parent_version == 6
    assert forgetting_runs.note(session, first.id) == forgetting_runs.NOT_LAST
    assert forgetting_runs.note(session, last.id) is None, "the last one may serve"
    assert forgetting_runs.state(session, row).made is None
    assert runs.claim(session, last.id) == 1
    end(session, last, 7)
    state = forgetting_runs.state(session, row)
    assert (state.made, [version.number for version in state.old], state.active) == (7, [3, 4, 5], False)
    assert [event.details for event in rows(session, AuditEvent) if event.action == "forgetting.requested"] == [
        {"kind": "person", "number": meant.number, "versions": [3, 5], "serve": True}
    ]


def test_it_serves_only_if_asked(session: Session, meant: Forgotten, line: list[int], admin: Person) -> None:
    row = ask(session, admin, meant, serve=False)
    assert forgetting_runs.note(session, forgetting_runs.state(session, row).runs[-1].id) == forgetting_runs.NOT_ASKED
    other = factories.run(session)
    assert forgetting_runs.note(session, other.id) is None, "of other runs the check alone decides"


def test_after_a_run_that_failed_or_was_cancelled_the_others_end_too(
    session: Session, meant: Forgotten, line: list[int], admin: Person
) -> None:
    row = ask(session, admin, meant)
    first, last = forgetting_runs.state(session, row).runs
    attempt = runs.claim(session, first.id)
    assert attempt is not None
    runs.fail(session, first.id, attempt, "The disk is full.")
    assert (last.status, last.error) == (
        "failed",
        f"Run {first.id}, from whose version it was to start, failed.",
    )
    again = ask(session, admin, meant)
    assert again.id != row.id
    first, last = forgetting_runs.state(session, again).runs
    runs.cancel(session, first.id, admin.id)
    assert last.status == "cancelled"
    state = forgetting_runs.state(session, again)
    assert (state.made, state.old, state.active) == (None, [], False)
    assert [one.row.id for one in forgetting_runs.every(session)] == [again.id, row.id]


def test_asking_twice_leads_to_the_same_runs(
    session: Session, meant: Forgotten, line: list[int], admin: Person
) -> None:
    row = ask(session, admin, meant)
    assert forgetting_runs.request(session, admin.id, meant, 5, True) == (row, False)
    assert len(rows(session, Forgetting)) == 1


def test_what_cannot_be_made_is_refused_in_a_sentence(
    session: Session, meant: Forgotten, line: list[int], admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Conflict, match=r"^Version 2 did not learn from it, so there is nothing to make again\.$"):
        ask(session, admin, meant, target=2)
    with write_transaction(session):
        session.get_one(Version, 4).parent_number = 2
    nothing = r"^Without it nothing is left to train on: version 2 is what remains\. Make it live\.$"
    with pytest.raises(Invalid, match=nothing):
        ask(session, admin, meant, target=4)
    monkeypatch.setattr(runs, "LONGEST_QUEUE", 0)
    with pytest.raises(Conflict, match=r"^Only 0 runs wait at a time: cancel some, or wait until they ended\.$"):
        ask(session, admin, meant)
    assert rows(session, Forgetting) == []


def test_the_old_versions_are_deleted_once_all_are_made_again_and_another_serves(
    session: Session, meant: Forgotten, line: list[int], admin: Person, store: CheckpointStore
) -> None:
    row = ask(session, admin, meant)

    def delete(confirmed: object) -> list[int]:
        return forgetting_runs.delete_old(session, store, admin.id, row.id, confirmed)

    with pytest.raises(Conflict, match=r"^Not all versions are made again yet: the old ones stay until then\.$"):
        delete(3)
    for number, run in zip((6, 7), forgetting_runs.state(session, row).runs, strict=True):
        end(session, run, number)
    factories.version(session, 8, parent_number=5)  # made from an old one meanwhile
    with pytest.raises(Invalid, match=r"^Type 4 to confirm that so many versions shall be deleted\.$"):
        delete("")
    with pytest.raises(Conflict, match=r"^Version 5 is live: make version 7 live first\.$"):
        delete("4")
    versions.promote(session, 7, admin.id)
    assert delete(" 4 ") == [3, 4, 5, 8]
    assert [version.number for version in rows(session, Version) if version.deleted_at] == [3, 4, 5, 8]
    assert forgetting_runs.state(session, row).old == []
