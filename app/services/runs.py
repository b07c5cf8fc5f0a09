"""Training runs: asked for once, carried out by a worker, supervised from the database.

The row is written and committed before anything is enqueued, so a lost queue loses nothing: `rescue` finds a run that
nobody works on and hands it out again, or fails it with the reason. A worker owns a run by its attempt number; one
that was given up for dead and comes back finds that its number no longer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import (
    ACTIVE_STATUSES,
    Judgment,
    Preference,
    RunMetric,
    RunStatus,
    TrainingRun,
    now,
    write_transaction,
)
from app.errors import Conflict, Invalid, NotFound
from app.services import audit, clicks, versions

METHODS = ("dpo", "orpo", "kto", "sft")
PRESETS = ("default", "seed")
MOST_ATTEMPTS = 2
_ONLY_WISH = "one run at a time"
# A worker says that it is alive every few seconds; this long a silence means that it is not.
SILENCE = timedelta(seconds=60)


def get(session: Session, run_id: int) -> TrainingRun:
    """One run; raises NotFound."""
    run = session.get(TrainingRun, run_id)
    if run is None:
        raise NotFound(f"There is no training run {run_id}.")
    return run


def all_runs(session: Session, limit: int = 200) -> list[TrainingRun]:
    """The latest runs, the newest first."""
    return list(session.scalars(select(TrainingRun).order_by(TrainingRun.id.desc()).limit(limit)))


def active(session: Session) -> TrainingRun | None:
    """The run that waits or works, if there is one."""
    return session.scalar(select(TrainingRun).where(TrainingRun.status.in_(ACTIVE_STATUSES)))


def new_judgments(session: Session) -> int:
    """How many standing judgments with preference rows came after the last successful run's."""
    last = session.scalar(
        select(func.max(TrainingRun.last_judgment_id)).where(TrainingRun.status == RunStatus.SUCCEEDED)
    )
    newer = (
        select(func.count(func.distinct(Preference.judgment_id)))
        .join(Judgment)
        .where(Judgment.undone_at.is_(None), Judgment.id > (last or 0))
    )
    return session.scalar(newer) or 0


def preference_rows(session: Session, last_judgment_id: int) -> list[tuple[str, str, str]]:
    """(prompt, chosen, rejected) of every standing judgment up to that one, in the order they were made."""
    rows = session.execute(
        select(Preference.prompt, Preference.chosen, Preference.rejected)
        .join(Judgment)
        .where(Judgment.undone_at.is_(None), Judgment.id <= last_judgment_id)
        .order_by(Preference.id)
    )
    return [(prompt, chosen, rejected) for prompt, chosen, rejected in rows]


def request(session: Session, user_id: int | None, method: str, config: Mapping[str, Any]) -> tuple[TrainingRun, bool]:
    """The run that was asked for, and whether it is new: one that trains on the clicks, from the version that serves.

    The same wish while that run is active yields that run, so pressing twice starts one; another wish raises
    Conflict. Raises Invalid if there is nothing to train on or the wish cannot be understood.
    """
    if method not in METHODS:
        raise Invalid(f"method must be one of {', '.join(METHODS)}.")

    def make() -> TrainingRun:
        last, pairs = session.execute(
            select(func.max(Judgment.id), func.count(Preference.id))
            .join(Preference, Preference.judgment_id == Judgment.id)
            .where(Judgment.undone_at.is_(None))
        ).one()
        if not pairs:
            raise Invalid("There is nothing to learn from yet: choose the best of three at least once.")
        if method == clicks.UNPAIRED_METHOD:
            last = clicks.last_marked(session) or last
        parent = versions.serving_number(session)
        if parent is None:
            raise Conflict("No version serves yet, so there is nothing to train from.")
        return TrainingRun(parent_version=parent, pairs=pairs, last_judgment_id=last)

    return add(session, user_id, method, config, make)


def add(
    session: Session, user_id: int | None, method: str, config: Mapping[str, Any], make: Callable[[], TrainingRun]
) -> tuple[TrainingRun, bool]:
    """The run of that method and config, and whether it is new, as `request` describes it.

    `make`, called in the transaction that adds the run, gives the row with what is special to the method.
    """
    try:
        with write_transaction(session):
            running = active(session)
            if running is not None:
                return _same(running, method, config), False
            run = make()
            run.method, run.config, run.requested_by, run.wish = method, dict(config), user_id, _ONLY_WISH
            session.add(run)
            session.flush()
            audit.record(session, user_id, "run.requested", f"run {run.id}", method=method, pairs=run.pairs)
        return run, True
    except IntegrityError:
        # Two presses at the same moment: the database let one in, and this is the other.
        winner = active(session)
        if winner is None:
            raise
        return _same(winner, method, config), False


def hand_out(session: Session, run_id: int, enqueue: Callable[[int, int], str]) -> None:
    """Enqueue a committed run; if the queue is away the run waits, and `rescue` hands it out later."""
    run = get(session, run_id)
    attempt = run.attempts + 1
    job_id = enqueue(run_id, attempt)
    with write_transaction(session):
        run.job_id = job_id


def cancel(session: Session, run_id: int, by: int | None) -> TrainingRun:
    """Stop a run: at once if it waits, within seconds if it works; raises Conflict if it has ended."""
    with write_transaction(session):
        run = get(session, run_id)
        if not run.active:
            raise Conflict(f"Run {run_id} has ended already: it {_ENDED[RunStatus(run.status)]}.")
        if run.cancel_requested_at is None:
            run.cancel_requested_at = now()
            audit.record(session, by, "run.cancelled", f"run {run_id}")
        if run.status == RunStatus.QUEUED:
            _end(run, RunStatus.CANCELLED, None)
    return run


_ENDED = {
    RunStatus.SUCCEEDED: "succeeded",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
}


def claim(session: Session, run_id: int) -> int | None:
    """Take a waiting run to work on it; returns the attempt number that owns it now, or None if it does not wait."""
    with write_transaction(session):
        run = session.get(TrainingRun, run_id)
        if run is None or run.status != RunStatus.QUEUED:
            return None
        run.status, run.stage, run.attempts = RunStatus.RUNNING, "starting", run.attempts + 1
        run.step = run.total_steps = 0
        run.started_at = run.heartbeat_at = now()
        for metric in session.scalars(select(RunMetric).where(RunMetric.run_id == run_id)):
            session.delete(metric)
        return run.attempts


def owned(session: Session, run_id: int, attempt: int) -> TrainingRun | None:
    """The run, if it is still this attempt's to work on; within the caller's transaction."""
    run = session.get(TrainingRun, run_id)
    return run if run is not None and run.status == RunStatus.RUNNING and run.attempts == attempt else None


def succeed(run: TrainingRun, produced_version: int, note: str | None) -> None:
    """End a run well, within the caller's transaction; `note` says why its version was not promoted, if so."""
    run.produced_version, run.note = produced_version, note
    run.step = run.total_steps
    _end(run, RunStatus.SUCCEEDED, None)


def fail(session: Session, run_id: int, attempt: int, reason: str) -> None:
    """End this attempt's run with the reason."""
    with write_transaction(session):
        run = owned(session, run_id, attempt)
        if run is not None:
            _end(run, RunStatus.FAILED, reason)


def finish_cancel(session: Session, run_id: int, attempt: int) -> None:
    """End this attempt's run as cancelled."""
    with write_transaction(session):
        run = owned(session, run_id, attempt)
        if run is not None:
            _end(run, RunStatus.CANCELLED, None)


def rescue(session: Session, has_job: Callable[[str], bool], enqueue: Callable[[int, int], str]) -> None:
    """Find the active run that nobody works on, and hand it out again or fail it with the reason."""
    run = active(session)
    if run is None:
        return
    alive = run.job_id is not None and has_job(run.job_id)
    if run.status == RunStatus.QUEUED:
        # A run is handed out right after its row is committed; give that a moment.
        if not alive and now() - run.created_at > timedelta(seconds=5):
            hand_out(session, run.id, enqueue)
        return
    silent = run.heartbeat_at is None or now() - run.heartbeat_at > SILENCE
    if alive and not silent:
        return
    if not silent and run.heartbeat_at is not None and now() - run.heartbeat_at < timedelta(seconds=10):
        return  # the queue may have forgotten a job whose worker is well
    again = _give_up_or_retry(session, run.id, run.attempts)
    if again:
        hand_out(session, run.id, enqueue)


def _give_up_or_retry(session: Session, run_id: int, attempt: int) -> bool:
    with write_transaction(session):
        run = owned(session, run_id, attempt)
        if run is None:
            return False
        if run.cancel_requested_at is not None:
            _end(run, RunStatus.CANCELLED, None)
            return False
        if run.attempts >= MOST_ATTEMPTS:
            _end(run, RunStatus.FAILED, f"The worker died {run.attempts} times while it was {run.stage}.")
            return False
        run.status, run.stage, run.heartbeat_at = RunStatus.QUEUED, "queued again, its worker died", None
        return True


def _end(run: TrainingRun, status: RunStatus, error: str | None) -> None:
    run.status, run.stage, run.error, run.finished_at, run.wish = status, str(status), error, now(), None


def _same(running: TrainingRun, method: str, config: Mapping[str, Any]) -> TrainingRun:
    if running.method == method and running.config == dict(config):
        return running
    raise Conflict(f"Run {running.id} is under way: wait for it or cancel it first.", run_id=running.id)
