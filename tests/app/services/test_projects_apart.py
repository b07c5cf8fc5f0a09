"""Two projects in one database: what is in one is never listed in, counts for or changes with the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import (
    AuditEvent,
    DeletedJudgment,
    ForgettingKind,
    Generation,
    Judgment,
    Prompt,
    RewardHead,
    RunStatus,
    StudioSetting,
    User,
    Verdict,
    WebhookDelivery,
    everything,
    now,
    sessions_of,
    write_transaction,
)
from app.domain_errors import NotFound
from app.services.desk import judgments, own_judgments, pace
from app.services.desk.judgment_request import JudgmentRequest
from app.services.exchange import exports, imports, judgment_search
from app.services.exchange.exports import FORMATS
from app.services.exchange.incoming import history
from app.services.exchange.incoming.import_plan import ImportPlan
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.personal import archive
from app.services.people import agreement, deletion, reliability, statistics
from app.services.prompts import deletion as prompt_deletion
from app.services.prompts import listing, queue, search, studio_settings
from app.services.prompts.search import PromptFilter
from app.services.system import counts, first_steps, webhooks
from app.services.training import overview, preference_rows, runs
from app.services.training.by_itself import rule
from app.services.training.rebuilds import forgetting_runs
from app.services.training.reward import forecasts, judged
from app.services.versions import forgetting, learned, live_comparison, timeline, versions
from app.services.versions.forgetting import Forgotten
from models.reward.features import SIZE
from tests import factories
from tests.studio import Person, parts, rows

UTC = ZoneInfo("UTC")


@dataclass
class Two:
    """A session of each of two projects."""

    first: Session
    second: Session


@pytest.fixture
def two(app: Flask, session: Session) -> Iterator[Two]:
    project = factories.project(session)
    with sessions_of(parts(app).studio_sessions, project.id)() as second:
        yield Two(session, second)


def seen(session: Session, person: int, at: Any) -> dict[str, Any]:
    """What services show of a session's project, as values that can be compared."""
    session.rollback()
    studio = studio_settings.settings(session)
    search_all = PromptFilter(state="all")
    return {
        "counts": (counts.judgments(session), counts.by_person(session).counts, counts.screens(session)),
        "sources": (counts.sources(session), search.sources(session)),
        "overview": overview.counts(session),
        "runs": ([run.id for run in runs.page(session)], overview.runs_window(session), runs.last_id(session)),
        "statistics": (statistics.totals(session), statistics.said(session, person)),
        "habits": (statistics.habits(session, person), [one.id for one in statistics.judgments(session, person)]),
        "agreement": agreement.measured(session),
        "reliability": (reliability.reliabilities(session), reliability.news(session, 0)),
        "pace": (
            pace.today(session, person, UTC, at),
            pace.sitting(session, person, at),
            pace.streak(session, person, UTC, at),
            pace.chart(session, person, UTC, at),
            pace.total(session, person),
        ),
        "own": [one.id for one in own_judgments.page(session, person, own_judgments.Filters(), UTC).judgments],
        "search": [one.id for one in judgment_search.page(session, JudgmentFilter(undone=None)).judgments],
        "exports": {name: b"".join(exports.content(session, name)) for name in FORMATS if "parquet" not in name},
        "prompts": (
            [row.prompt.id for row in search.page(session, search_all).rows],
            search.count(session, search_all),
            listing.listing(session, search_all, {}),
        ),
        "queue": (
            [one and one.id for one in [queue.next_waiting(session, person, studio)]],
            queue.left(session, person, studio),
            list(queue.levels(session)),
            list(queue.stretches(session)),
            [one and one.id for one in [queue.next_gold(session, person, studio)]],
        ),
        "imports": [one.record.id for one in history.page(session).imports],
        "training": (
            preference_rows.preference_rows(session, 2**31),
            preference_rows.last_judgment(session, "kto"),
            preference_rows.amount(session, "dpo"),
            preference_rows.new_clicks(session),
            [user.id for user in preference_rows.people(session)],
            preference_rows.sources(session),
            forecasts.known(session),
            rule.outlook(session, at),
        ),
        "head": (judged.marker(session), judged.standing(session)),
        "versions": (
            [one.number for one in versions.all_versions(session)],
            versions.serving_number(session),
            versions.served_before(session),
            timeline.periods(session),
            learned.by_version(session),
        ),
        "comparisons": [one.id for one in live_comparison.history(session)],
        "forgettings": [state.row.id for state in forgetting_runs.every(session)],
        "learners": [one.version.number for one in forgetting.learners(session, meant(person))],
        "settings": studio,
        "steps": first_steps.look(session),
        "deleted": [one.id for one in rows(session, DeletedJudgment)],
    }


def meant(person: int) -> Forgotten:
    return Forgotten(ForgettingKind.PERSON, person)


def fill(session: Session, admin: int, people: list[int], number: int) -> None:
    """Let a project have of everything: its versions begin at `number`."""
    for one in (number, number + 1):
        factories.version(session, one, method="base" if one == number else "dpo", parent_number=None)
    with write_transaction(session):
        versions.point_serving_at(session, number, admin)
        versions.point_serving_at(session, number + 1, admin)
    shared = factories.prompt(session, "you are the same", queued=True, priority=number)
    factories.prompt(session, queued=True)
    check = factories.prompt(session, gold_answer="fine", gold_wrong=["bad"], queued=True)
    for person in people:
        screen = factories.generation(session, person, prompt=shared, version=number + 1)
        factories.judgment(session, screen, seconds=4.0)
        other = factories.generation(session, person, version=number + 1)
        undone = factories.judgment(session, other, undone_at=now())
        factories.judgment(session, factories.generation(session, person, prompt=check, gold=True, version=number))
        assert undone.project_id == screen.project_id == shared.project_id
    imported = factories.file_import(session, admin)
    ids = [one.id for one in rows(session, Judgment)]
    run = factories.run(
        session,
        RunStatus.SUCCEEDED,
        parent_version=number,
        produced_version=number + 1,
        last_judgment_id=ids[-1],
        judgments=learned.pack(ids),
        finished_at=now(),
    )
    with write_transaction(session):
        versions.get(session, number + 1).run_id = run.id
        session.add(Prompt(text="late", sha256=f"{number:064}", source="late", queued=True, import_id=imported.id))
        live_comparison.begin(session, old=number, new=number + 1, serving=number + 1)
        studio_settings.store(session, admin, {"overlap": 2, "guidelines": f"Of {number}", "gold_every": number + 4})
    factories.run(session, parent_version=number, wish=f"wish {number}")


def test_what_is_in_one_project_is_shown_and_counted_in_that_one_alone(two: Two, admin: Person) -> None:
    people = [factories.user(two.first).id for _ in range(2)]
    moment = now()
    empty = seen(two.second, people[0], moment)
    fill(two.first, admin.id, people, 1)
    full = seen(two.first, people[0], moment)
    alone = seen(two.second, people[0], moment)
    assert alone == empty
    assert {name for name in full if full[name] == empty[name]} <= {"forgettings", "deleted"}

    fill(two.second, admin.id, people, 11)
    assert seen(two.first, people[0], moment) == full
    filled = seen(two.second, people[0], moment)
    assert filled["settings"].guidelines == "Of 11"
    assert filled["versions"][:2] == ([12, 11], 12)
    assert filled["overview"].judgments == full["overview"].judgments == 2
    assert {name for name in filled if filled[name] == empty[name]} <= {"forgettings", "deleted"}


def test_what_changes_in_one_project_changes_nothing_in_the_other(two: Two, admin: Person) -> None:
    people = [factories.user(two.first).id for _ in range(2)]
    fill(two.first, admin.id, people, 1)
    fill(two.second, admin.id, people, 11)
    moment = now()
    before = seen(two.first, people[0], moment)
    prompt = rows(two.second, Prompt)[0]
    prompt_deletion.delete_prompt(two.second, admin.id, prompt.id, prompt.id)
    judgments.undo(two.second, people[1], rows(two.second, Judgment)[-1].id)
    search.change_all(two.second, admin.id, PromptFilter(state="all"), {"priority": 7, "overlap": 3})
    studio_settings.change(two.second, admin.id, {"overlap": 1, "least_seconds": 0})
    live_comparison.stop(two.second, live_comparison.history(two.second)[0].id, admin.id, "enough")
    runs.cancel(two.second, runs.page(two.second)[0].id, admin.id)
    with write_transaction(two.second):
        versions.point_serving_at(two.second, 11, admin.id)
    assert len(rows(two.second, DeletedJudgment)) == 2
    assert seen(two.first, people[0], moment) == before


def test_nothing_of_another_project_is_reached_by_its_number(two: Two, admin: Person) -> None:
    people = [factories.user(two.first).id]
    fill(two.second, admin.id, people, 11)
    screen, judgment = rows(two.second, Generation)[0], rows(two.second, Judgment)[0]
    chosen = JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id).normalized(1000)
    refused: list[Callable[[], object]] = [
        lambda: judgments.judge(two.first, people[0], chosen),
        lambda: judgments.undo(two.first, people[0], judgment.id),
        lambda: versions.promote(two.first, 11, admin.id),
        lambda: versions.set_note(two.first, admin.id, 11, "mine"),
        lambda: runs.cancel(two.first, runs.page(two.second)[0].id, admin.id),
        lambda: prompt_deletion.delete_prompt(two.first, admin.id, screen.prompt_id, screen.prompt_id),
        lambda: history.undo(two.first, admin.id, history.page(two.second).imports[0].record.id),
        lambda: live_comparison.stop(two.first, live_comparison.history(two.second)[0].id, admin.id, "mine"),
    ]
    for refuse in refused:
        with pytest.raises(NotFound):
            refuse()
        two.first.rollback()


def test_a_person_is_exported_and_deleted_from_all_projects(two: Two, admin: Person) -> None:
    gone, stays = (factories.user(two.first).id for _ in range(2))
    email = two.first.get_one(User, gone).email
    for session, number in ((two.first, 1), (two.second, 11)):
        fill(session, admin.id, [gone, stays], number)
    with everything(two.first):
        assert len(rows(two.first, Judgment)) == 12
    assert deletion.traces(two.first, gone).judgments == 6
    content = b"".join(archive.of_account(two.first, gone))
    assert len(content) > 1000
    deletion.delete_person(two.second, admin.id, gone, email, keep_judgments=False)
    for session in (two.first, two.second):
        assert {one.user_id for one in rows(session, Judgment)} == {stays}
        assert len(rows(session, DeletedJudgment)) == 3
        assert not forgetting.learners(session, meant(gone))
    assert deletion.traces(two.first, gone).judgments == 0


def test_a_forgetting_says_in_which_other_projects_versions_learned_from_it(two: Two, admin: Person) -> None:
    person = factories.user(two.first).id
    fill(two.second, admin.id, [person], 11)
    two.first.rollback()
    assert forgetting.learners(two.first, meant(person)) == []
    (other,) = forgetting.elsewhere(two.first, meant(person))
    assert (other.slug, other.judgments, other.versions) == ("second", 3, (12,))
    assert [one.version.number for one in forgetting.learners(two.second, meant(person))] == [12]


def test_one_file_can_be_imported_into_both(two: Two, admin: Person, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("prompt,chosen,rejected\nyou fool,be kind,go away\n", encoding="utf-8")
    taken = []
    for session in (two.first, two.second, two.first, two.second):
        found = imports.preview(session, file, {}, 1000)
        plan = ImportPlan.parse({**found.mapping.as_json(), "judgments": True}, file.name)
        *_, last = imports.run(session, admin.id, file, plan, 1000)
        taken.append((last.report.judgments, last.report.judgments_known))
    assert taken == [(1, 0), (1, 0), (0, 1), (0, 1)]
    assert [len(rows(session, Judgment)) for session in (two.first, two.second)] == [1, 1]
    assert len({one.client_key for session in (two.first, two.second) for one in rows(session, Judgment)}) == 2
    assert [prompt.text for prompt in rows(two.second, Prompt)] == ["you fool"]


def test_settings_are_a_projects_but_for_those_of_the_studio(two: Two, admin: Person) -> None:
    studio_settings.change(two.second, admin.id, {"overlap": 5, "second_factor_of_admins": True})
    two.first.rollback()
    first, second = (studio_settings.settings(session) for session in (two.first, two.second))
    assert (first.overlap, second.overlap) == (1, 5)
    assert (first.second_factor_of_admins, second.second_factor_of_admins) == (True, True)
    assert {"2/overlap", "second_factor_of_admins"} <= {row.name for row in rows(two.first, StudioSetting)}


def test_messages_and_the_audit_log_name_another_project_than_the_first(two: Two, admin: Person) -> None:
    webhooks.add(two.first, admin.id, "https://93.184.216.34/hook", webhooks.EVENTS)
    for session, number in ((two.first, 1), (two.second, 11)):
        factories.version(session, number, parent_number=None)
        with write_transaction(session):
            versions.point_serving_at(session, number, admin.id)
    told = [message.payload["data"] for message in rows(two.first, WebhookDelivery)]
    assert [(one["alias"], one["after"], one.get("project")) for one in told] == [
        ("serving", 1, None),
        ("serving", 11, "second"),
    ]
    moved = [event for event in rows(two.first, AuditEvent) if event.action == "alias.moved"]
    assert [event.details.get("project") for event in moved] == [None, "second"]


def test_runs_of_all_projects_wait_in_one_queue(two: Two) -> None:
    first = factories.run(two.first)
    with everything(two.second):
        later = factories.run(two.second, project_id=2, wish="another")
    assert [run.id for run in runs.queue(two.second)] == [later.id]
    assert runs.position(two.second, later) == 1
    with everything(two.second):
        assert runs.claim(two.second, later.id) is None
        assert runs.claim(two.second, first.id) == 1


def test_heads_of_two_projects_are_fitted_to_their_own_judgments(two: Two, app: Flask, admin: Person) -> None:
    person = factories.user(two.first).id
    fill(two.first, admin.id, [person], 1)
    fill(two.second, admin.id, [person], 11)
    heads = parts(app).projects.of(2).heads
    assert heads.learn(two.second, 12, lambda _text, rewrites: np.zeros((len(rewrites), SIZE))) == 0
    assert [row.version_number for row in rows(two.second, RewardHead)] == [12]
    assert rows(two.first, RewardHead) == []
