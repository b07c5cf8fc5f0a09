"""Training runs as the database keeps them: asked for once, owned by one attempt, rescued when nobody works on them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import (
    ANSWERING,
    AuditEvent,
    Project,
    RunMetric,
    RunStatus,
    TrainingRun,
    WebhookDelivery,
    now,
    write_transaction,
)
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.desk import judgments
from app.services.prompts import studio_settings
from app.services.system import webhooks
from app.services.training import kto_rows, preference_rows, runs
from app.services.training.selection import Selection
from models.settings.chat_clicks import chat_config, chat_options
from tests import factories
from tests.studio import Person, rows
from tests.trouble.silence import Queue


@pytest.fixture
def serving(session: Session) -> None:
    factories.version(session)
    factories.serving(session)


@pytest.fixture
def pairs(session: Session, serving: None, annotator: Person) -> None:
    """Two judgments with rows, the newer of them undone, and a newer one without rows."""
    first = factories.generation(session, annotator.id, ["a", "b", "c"])
    factories.judgment(session, first)
    undone = factories.judgment(session, factories.generation(session, annotator.id, ["d", "e"]))
    judgments.undo(session, annotator.id, undone.id)
    factories.judgment(
        session, factories.generation(session, annotator.id), pairs=False, verdict="tie", candidate_id=None
    )


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


def running(session: Session, *, attempts: int = 1, heartbeat: float | None = 1.0, job: str | None = None) -> int:
    """A run that a worker works on, who last said so `heartbeat` seconds ago; returns its id."""
    run = factories.run(
        session,
        RunStatus.RUNNING,
        attempts=attempts,
        stage="training",
        heartbeat_at=None if heartbeat is None else ago(heartbeat),
        started_at=ago(100),
    )
    run.job_id = job or f"train-{run.id}-{attempts}"
    session.commit()
    return run.id


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    return run


def test_a_wish_is_stored_with_what_it_trains_on(session: Session, pairs: None, admin: Person) -> None:
    run, is_new = runs.request(session, admin.id, "dpo", {"beta": 0.2})
    assert is_new
    assert (run.method, run.config, run.status, run.stage) == ("dpo", {"beta": 0.2}, "queued", "queued")
    assert (run.parent_version, run.pairs, run.last_judgment_id) == (None, 2, 1)
    assert (run.requested_by, run.attempts, run.job_id) == (admin.id, 0, None)
    (event,) = (event for event in rows(session, AuditEvent) if event.action == "run.requested")
    assert (event.user_id, event.subject, event.details) == (admin.id, "run 1", {"method": "dpo", "pairs": 2})


def test_without_a_pair_there_is_nothing_to_learn_from(session: Session, serving: None) -> None:
    with pytest.raises(Invalid) as refusal:
        runs.request(session, None, "dpo", {})
    assert str(refusal.value) == "There is nothing to learn from yet: choose the best of three at least once."
    assert rows(session, TrainingRun) == []


def test_without_a_serving_version_there_is_nothing_to_train_from(session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    with pytest.raises(Conflict, match=r"^No version is live yet, so there is nothing to train from\.$"):
        runs.request(session, None, "dpo", {})


def test_an_unknown_method_is_refused(session: Session, pairs: None) -> None:
    with pytest.raises(Invalid, match=r"^method must be one of dpo, orpo, kto, sft\.$"):
        runs.request(session, None, "magic", {})


def test_the_same_wish_twice_is_one_run_and_another_wish_waits_behind_it(session: Session, pairs: None) -> None:
    run, _ = runs.request(session, None, "dpo", {"beta": 0.2})
    again, is_new = runs.request(session, None, "dpo", {"beta": 0.2, "preset": "default", "seed": 0})
    assert (again.id, is_new) == (run.id, False), "what is left out and what is given as the default is the same wish"
    for other in (
        runs.request(session, None, "dpo", {}),
        runs.request(session, None, "orpo", {}),
        runs.request(session, None, "dpo", {}, Selection(from_day=date(2026, 1, 1))),
        runs.request(session, None, "dpo", {}, parent_version=1),
    ):
        assert other[1]
    assert [runs.position(session, run) for run in runs.queue(session)] == [0, 1, 2, 3, 4]


def test_only_the_first_of_the_queue_is_handed_out_and_can_be_claimed(session: Session, pairs: None) -> None:
    first, second = (runs.request(session, None, method, {})[0] for method in ("dpo", "orpo"))
    queue = Queue()
    for _ in range(2):
        runs.hand_out_next(session, queue.enqueue)
    assert queue.handed_out == [(first.id, 1)]
    assert runs.claim(session, second.id) is None
    assert runs.claim(session, first.id) == 1
    assert runs.claim(session, second.id) is None, "one works already"
    runs.hand_out_next(session, queue.enqueue)
    assert queue.handed_out == [(first.id, 1)]
    runs.fail(session, first.id, 1, "The disk is full.")
    runs.hand_out_next(session, queue.enqueue)
    assert queue.handed_out == [(first.id, 1), (second.id, 1)]
    assert runs.claim(session, second.id) == 1


def test_the_version_to_start_from_is_settled_when_the_run_begins_unless_it_was_named(
    session: Session, pairs: None
) -> None:
    unnamed, _ = runs.request(session, None, "dpo", {})
    named, _ = runs.request(session, None, "dpo", {}, parent_version=1)
    factories.version(session, 2)
    factories.serving(session, 2)
    for run in (unnamed, named):
        runs.claim(session, run.id)
        runs.finish_cancel(session, run.id, 1)
    assert (unnamed.parent_version, named.parent_version) == (2, 1)


def test_a_version_that_is_not_there_or_was_deleted_cannot_be_started_from(session: Session, pairs: None) -> None:
    factories.version(session, 2, deleted_at=now())
    with pytest.raises(NotFound, match=r"^There is no version 7\.$"):
        runs.request(session, None, "dpo", {}, parent_version=7)
    with pytest.raises(Conflict, match=r"^Version 2 was deleted: its files are gone\.$"):
        runs.request(session, None, "dpo", {}, parent_version=2)
    assert rows(session, TrainingRun) == []


def test_the_queue_has_an_end(session: Session, pairs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LONGEST_QUEUE", 2)
    for beta in (0.1, 0.2):
        runs.request(session, None, "dpo", {"beta": beta})
    with pytest.raises(Conflict, match=r"^2 runs wait already: cancel one of them first\.$"):
        runs.request(session, None, "dpo", {"beta": 0.3})


def test_a_webhook_hears_how_a_run_ended(session: Session, pairs: None, admin: Person) -> None:
    webhooks.add(session, admin.id, "https://example.org/hook", [webhooks.RUN_FINISHED])
    run, _ = runs.request(session, None, "dpo", {})
    runs.claim(session, run.id)
    runs.fail(session, run.id, 1, "The disk is full.")
    (delivery,) = rows(session, WebhookDelivery)
    assert delivery.payload["data"] == {
        "id": run.id,
        "method": "dpo",
        "status": "failed",
        "parent_version": 1,
        "produced_version": None,
        "error": "The disk is full.",
        "note": None,
    }


def test_after_a_run_has_ended_there_may_be_another(session: Session, pairs: None) -> None:
    first, _ = runs.request(session, None, "dpo", {})
    runs.cancel(session, first.id, None)
    second, is_new = runs.request(session, None, "dpo", {})
    assert (second.id != first.id, is_new) == (True, True)


def test_new_judgments_are_the_standing_ones_with_rows_since_the_last_successful_run(
    session: Session, pairs: None, annotator: Person
) -> None:
    assert preference_rows.new_clicks(session).judgments == 1
    factories.run(session, RunStatus.FAILED, last_judgment_id=1)
    assert preference_rows.new_clicks(session).judgments == 1
    factories.run(session, RunStatus.SUCCEEDED, last_judgment_id=1)
    assert preference_rows.new_clicks(session).judgments == 0
    judgment = factories.judgment(session, factories.generation(session, annotator.id))
    assert preference_rows.new_clicks(session).judgments == 1
    judgments.undo(session, annotator.id, judgment.id)
    assert preference_rows.new_clicks(session).judgments == 0


def judge_none(session: Session, annotator: Person, *texts: str) -> int:
    """A screen of those rewrites, none of which is good; returns the judgment's id."""
    screen = factories.generation(session, annotator.id, texts)
    return factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None).id


def test_kto_alone_also_trains_on_screens_of_which_none_is_good(
    session: Session, pairs: None, annotator: Person
) -> None:
    none = judge_none(session, annotator, "f", "g")
    judgments.undo(session, annotator.id, judge_none(session, annotator, "h", "i"))
    last = {}
    for method in ("dpo", "orpo", "kto"):
        run, _ = runs.request(session, None, method, {})
        last[method] = run.last_judgment_id
        runs.cancel(session, run.id, None)
    assert last == {"dpo": 1, "orpo": 1, "kto": none}
    marked = [("a", True), ("b", False), ("c", False), ("f", False), ("g", False)]
    assert [(text, good) for _, text, good, _ in kto_rows.unpaired_rows(session, none)] == marked
    assert [(text, good) for _, text, good, _ in kto_rows.unpaired_rows(session, none - 1)] == marked[:3]


def test_kto_too_needs_a_good_text(session: Session, serving: None, annotator: Person) -> None:
    judge_none(session, annotator, "a", "b")
    with pytest.raises(
        Invalid, match=r"^There is nothing to learn from yet: choose the best of three at least once\.$"
    ):
        runs.request(session, None, "kto", {})


def test_where_every_click_came_too_quickly_the_refusal_says_so(
    session: Session, serving: None, annotator: Person
) -> None:
    studio_settings.change(session, annotator.id, {"least_seconds": 2.0})
    factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"]), seconds=0.5)
    hurried = "Every click came too quickly to have been read, by the setting under What people like here."
    with pytest.raises(Invalid, match=f"^{re.escape(hurried)}$"):
        runs.request(session, None, "dpo", {})


def test_a_run_trains_on_what_stood_when_it_was_asked_for(session: Session, pairs: None, annotator: Person) -> None:
    run, _ = runs.request(session, None, "dpo", {})
    factories.judgment(session, factories.generation(session, annotator.id, ["late", "later"]))
    pairs_of_run = preference_rows.preference_rows(session, run.last_judgment_id)
    assert [(chosen, rejected) for _, chosen, rejected, *_ in pairs_of_run] == [("a", "b"), ("a", "c")]


def test_cancelling_a_waiting_run_ends_it_at_once(session: Session, admin: Person) -> None:
    run = factories.run(session)
    runs.cancel(session, run.id, admin.id)
    assert (run.status, run.stage, run.wish, run.active) == ("cancelled", "cancelled", None, False)
    assert run.finished_at is not None
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("run.cancelled", admin.id, f"run {run.id}")


def test_cancelling_a_running_run_asks_its_worker_to_stop(session: Session, admin: Person) -> None:
    run_id = running(session)
    runs.cancel(session, run_id, admin.id)
    moment = only(session).cancel_requested_at
    assert moment is not None
    assert only(session).status == "running"
    runs.cancel(session, run_id, admin.id)
    assert only(session).cancel_requested_at == moment
    assert len(rows(session, AuditEvent)) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(RunStatus.SUCCEEDED, "succeeded"), (RunStatus.FAILED, "failed"), (RunStatus.CANCELLED, "was cancelled")],
)
def test_a_run_that_has_ended_cannot_be_cancelled(session: Session, status: RunStatus, said: str) -> None:
    run = factories.run(session, status)
    with pytest.raises(Conflict, match=rf"^Run {run.id} has ended already: it {said}\.$"):
        runs.cancel(session, run.id, None)


def test_there_is_no_cancelling_of_a_run_that_never_was(session: Session) -> None:
    with pytest.raises(NotFound, match=r"^There is no training run 99\.$"):
        runs.cancel(session, 99, None)


def test_only_a_waiting_run_can_be_claimed_and_only_once(session: Session) -> None:
    run = factories.run(session)
    assert runs.claim(session, run.id) == 1
    assert (run.status, run.stage, run.attempts) == ("running", "starting", 1)
    assert run.started_at is not None
    assert run.heartbeat_at is not None
    assert runs.claim(session, run.id) is None
    assert runs.claim(session, 99) is None


def test_a_new_attempt_begins_with_an_empty_chart(session: Session) -> None:
    run = factories.run(session, attempts=1, step=7, total_steps=9)
    factories.metric(session, run.id)
    runs.claim(session, run.id)
    assert (run.attempts, run.step, run.total_steps) == (2, 0, 0)
    assert rows(session, RunMetric) == []


def test_a_metric_of_a_new_attempt_never_takes_the_number_of_an_old_one(session: Session) -> None:
    """Whoever follows a run asks for what came after a number; a number used twice would hide what is new."""
    run = factories.run(session, attempts=1)
    old = [factories.metric(session, run.id, step).id for step in range(3)]
    runs.claim(session, run.id)
    assert factories.metric(session, run.id).id > max(old)


def test_a_worker_that_was_given_up_for_dead_owns_nothing_any_more(session: Session) -> None:
    run_id = running(session, attempts=2)
    assert runs.owned(session, run_id, 1) is None
    runs.fail(session, run_id, 1, "too late")
    runs.finish_cancel(session, run_id, 1)
    assert only(session).status == "running"
    assert runs.owned(session, run_id, 2) is not None
    runs.fail(session, run_id, 2, "The disk is full.")
    assert (only(session).status, only(session).error, only(session).wish) == (
        "failed",
        "The disk is full.",
        None,
    )


def test_a_cancelled_run_is_not_owned_and_not_failed_afterwards(session: Session) -> None:
    run_id = running(session)
    runs.finish_cancel(session, run_id, 1)
    runs.fail(session, run_id, 1, "too late")
    assert (only(session).status, only(session).error) == ("cancelled", None)


def test_a_run_whose_worker_dies_is_queued_again_until_it_died_thrice_at_the_same_step(session: Session) -> None:
    run = session.get_one(TrainingRun, running(session))
    told = []
    for attempt, step in ((1, 5), (2, 5), (3, 8), (4, 8), (5, 8)):
        run.status, run.stage, run.attempts, run.step = RunStatus.RUNNING, "training", attempt, step
        run.heartbeat_at, run.job_id = (heard := ago(60)), f"train-{attempt}"
        session.commit()
        runs.give_up_or_retry(session, run, heard, is_published=False)
        told.append((run.status, run.stage, run.deaths, run.furthest, run.heartbeat_at is None, run.job_id))
    again = ("queued", "queued again, its worker died")
    assert told == [
        (*again, 1, 5, True, None),
        (*again, 2, 5, True, None),
        (*again, 1, 8, True, None),
        (*again, 2, 8, True, None),
        ("failed", "failed", 3, 8, False, "train-5"),
    ]
    assert run.error == "The worker died 3 times without getting further, at last while it was training."


def test_a_run_whose_version_is_published_is_tried_once_more(session: Session) -> None:
    run = session.get_one(TrainingRun, running(session))
    run.deaths, run.step, run.furthest = runs.MOST_DEATHS - 1, 5, 5
    session.commit()
    runs.give_up_or_retry(session, run, run.heartbeat_at, is_published=True)
    assert (run.status, run.deaths) == ("queued", 3)


def test_a_worker_that_has_spoken_since_is_not_given_up_and_a_cancelled_run_is_not_tried_again(
    session: Session,
) -> None:
    run = session.get_one(TrainingRun, running(session))
    for heard in (None, ago(99)):
        runs.give_up_or_retry(session, run, heard, is_published=False)
        assert (run.status, run.stage, run.deaths) == ("running", "training", 0)
    runs.cancel(session, run.id, None)
    runs.give_up_or_retry(session, run, run.heartbeat_at, is_published=False)
    assert (run.status, run.error, run.deaths) == ("cancelled", None, 0)
    runs.give_up_or_retry(session, run, run.heartbeat_at, is_published=False)
    assert run.status == "cancelled"


def test_a_silent_attempt_that_speaks_before_another_one_took_its_run_goes_on_with_it(session: Session) -> None:
    run = session.get_one(TrainingRun, running(session))
    runs.give_up_or_retry(session, run, run.heartbeat_at, is_published=False)
    assert runs.owned(session, run.id, 1) is run
    assert (run.status, run.stage) == ("running", "at work again, its worker was silent")
    assert run.heartbeat_at is not None
    assert runs.owned(session, 99, 1) is None


def test_runs_are_listed_the_newest_first_and_stand_in_the_queue_behind_those_before_them(session: Session) -> None:
    assert (runs.last_id(session), runs.page(session), runs.queue(session)) == (0, [], [])
    ended = factories.run(session, RunStatus.FAILED)
    one, two, three = (factories.run(session, wish=f"wish {number}") for number in range(3))
    assert runs.last_id(session) == three.id
    assert runs.page(session) == [three, two, one, ended]
    assert runs.page(session, three.id, limit=2) == [two, one]
    assert runs.queue(session) == [one, two, three]
    assert [runs.position(session, run) for run in (ended, one, two, three)] == [None, 0, 1, 2]
    assert runs.get(session, two.id) is two


def test_a_claim_forgets_what_the_earlier_attempt_showed(session: Session) -> None:
    run = factories.run(session, attempts=1, step=7, total_steps=9, stage_starts=[["training", 3]], checkpoints=[5])
    assert runs.claim(session, run.id) == 2
    assert (run.step, run.total_steps, run.stage_starts, run.checkpoints) == (0, 0, [], [])
    assert run.started_at == run.heartbeat_at


def test_a_run_that_succeeded_says_which_version_it_made_and_why_that_does_not_serve(session: Session) -> None:
    run = session.get_one(TrainingRun, running(session))
    run.total_steps = 12
    runs.succeed(session, run, 1, "It is worse.")
    session.commit()
    assert (run.status, run.stage, run.step, run.error) == ("succeeded", "succeeded", 12, None)
    assert (run.produced_version, run.note, run.wish) == (1, "It is worse.", None)
    assert run.finished_at is not None


def test_a_run_that_begins_by_itself_says_why_unless_another_was_requested_meanwhile(
    session: Session, pairs: None
) -> None:
    with pytest.raises(Conflict, match=r"^Another run was requested meanwhile\.$"):
        runs.request(session, None, "dpo", {}, occasion=runs.Occasion("Enough clicks.", 7))
    run, _ = runs.request(session, None, "dpo", {}, occasion=runs.Occasion("Enough clicks.", 0))
    assert run.occasion == "Enough clicks."
    (event,) = (event for event in rows(session, AuditEvent) if event.action == "run.requested")
    assert event.details == {"method": "dpo", "pairs": 2, "occasion": "Enough clicks."}


def test_a_selection_that_no_click_fits_is_said_to_be_too_narrow(session: Session, pairs: None) -> None:
    with pytest.raises(Invalid) as refusal:
        runs.request(session, None, "dpo", {}, Selection(sources=("nowhere",)))
    assert str(refusal.value) == (
        "No click fits that selection: choose more people, days or sources, or ask for less agreement."
    )


@pytest.mark.parametrize(("method", "needs_gpu"), [("dpo", False), ("orpo", False), ("kto", False), ("sft", True)])
def test_initial_training_waits_for_a_gpu_and_clicks_do_not(session: Session, method: str, needs_gpu: bool) -> None:
    waiting = factories.run(session, method=method)
    asked: list[bool] = []

    def enqueue(run_id: int, attempt: int, on_a_gpu: bool) -> str:
        asked.append(on_a_gpu)
        return f"train-{run_id}-{attempt}"

    runs.hand_out(session, waiting.id, enqueue)
    assert asked == [needs_gpu]


def test_in_a_project_that_answers_a_run_keeps_every_setting_and_takes_none_of_a_t5(
    session: Session, pairs: None
) -> None:
    with write_transaction(session):
        session.get_one(Project, 1).task = ANSWERING
    run, _ = runs.request(session, None, "dpo", {"beta": 0.2})
    assert run.config == chat_config(chat_options("dpo", {"beta": 0.2}))
    again, is_new = runs.request(session, None, "dpo", {"beta": 0.2, "lora_r": 16})
    assert (again.id, is_new) == (run.id, False), "a setting left out is the same as its default"
    with pytest.raises(Invalid, match="head_pairs is not a setting of dpo on answers"):
        runs.request(session, None, "dpo", {"head_pairs": 1})
