"""Training runs: requested once, carried out one at a time by a worker, supervised from the database.

The row is written and committed before anything is enqueued, so a lost queue loses nothing: a run that no worker works
on is found (app/runtime/rescue.py) and enqueued again, or failed with the reason. A worker owns a run by its attempt
number. One that was given up for dead and comes back goes on, unless another has taken the run; then its number no
longer counts. Waiting runs form a queue in the order of their ids, and only the first of them is ever enqueued. It is
one queue for all projects, since the workers are those of the whole studio; pages show a project's own runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import (
    ACTIVE_STATUSES,
    FIRST,
    RunMetric,
    RunStatus,
    TrainingRun,
    everything,
    now,
    project_of,
    within,
    write_transaction,
)
from app.domain_errors import Conflict, Invalid, NotFound
from app.schemas.kinds import LARGEST_ID
from app.services.system import audit, webhooks
from app.services.training import preference_rows, setting_labels
from app.services.training.reward import forecasts
from app.services.training.run_request import RunRequest, method_named
from app.services.training.selection import EVERYTHING, Selection
from app.services.versions import versions
from app.words import N_, gettext
from models.chat.versions import CHAT_SERVER
from models.settings.options import current_names

MOST_DEATHS = 3
"""So often a worker may die in a row without its run getting further; then the run fails."""
LONGEST_QUEUE = 50

Enqueue = Callable[[int, int, bool], str]
"""Enqueues an attempt at a run, by the ids of both and whether it needs a GPU, and returns the id of its job."""


@dataclass(frozen=True)
class Occasion:
    """Why a run begins by itself, as a sentence, decided when the run of id `last_run` was the last (0: none)."""

    sentence: str
    last_run: int


def get(session: Session, run_id: int) -> TrainingRun:
    """Return one run; raises NotFound."""
    run = session.get(TrainingRun, run_id)
    if run is None:
        raise NotFound(gettext("There is no training run %(number)s.", number=run_id))
    return run


def page(session: Session, before: int | None = None, limit: int = 200) -> list[TrainingRun]:
    """Return the latest runs, the newest first; with `before`, those older than that id."""
    older = () if before is None else (TrainingRun.id < before,)
    return list(session.scalars(select(TrainingRun).where(*older).order_by(TrainingRun.id.desc()).limit(limit)))


def last_id(session: Session) -> int:
    """Return the id of the run that was requested last, 0 if there is none."""
    return session.scalar(select(func.max(TrainingRun.id))) or 0


def queue(session: Session) -> list[TrainingRun]:
    """Return the runs that wait or work, in the order in which they are carried out: those that the session sees."""
    active = select(TrainingRun).where(TrainingRun.status.in_(ACTIVE_STATUSES))
    return list(session.scalars(active.order_by(TrainingRun.id)))


def places(session: Session) -> dict[int, int]:
    """Return how many runs of the studio are before each that waits or works, by its id."""
    active = select(TrainingRun.id).where(TrainingRun.status.in_(ACTIVE_STATUSES)).order_by(TrainingRun.id)
    with everything(session):
        return {run_id: place for place, run_id in enumerate(session.scalars(active))}


def position(session: Session, run: TrainingRun) -> int | None:
    """Count the runs of the studio before one that has not ended; None if it has ended."""
    return places(session).get(run.id, 0) if run.active else None


def request(
    session: Session,
    user_id: int | None,
    method: str,
    config: Mapping[str, Any],
    selection: Selection = EVERYTHING,
    parent_version: int | None = None,
    occasion: Occasion | None = None,
) -> tuple[TrainingRun, bool]:
    """Request a run on clicks; returns it and whether it is new. It starts when those before it have ended.

    An equal request while its run is active returns that run, so that a double click starts one. The run learns from
    the standing judgments in `selection`. Raises Invalid if there are none or the request cannot be understood,
    NotFound for an unknown version, and Conflict if there is no version to start from or the queue is full. A run that
    begins by itself has an `occasion`, and raises Conflict if another run was requested after that arose.
    """
    request = RunRequest(method_named(method), dict(config), selection, parent_version)
    known = _active_run(session, wish_of(session, request.digest))
    if known is not None:
        return known, False
    # Counting can take a while, so it is done outside the transaction: others can write meanwhile.
    last = preference_rows.last_judgment(session, method)
    pairs = preference_rows.count_pairs(session, last, selection)
    if not pairs:
        raise Invalid(_reason_for_no_pairs(session, last, selection))
    forecast = forecasts.forecast(session) if request.on_everything else None

    def make() -> TrainingRun:
        if occasion is not None and last_id(session) != occasion.last_run:
            raise Conflict(gettext("Another run was requested meanwhile."))
        if parent_version is not None:
            versions.usable(session, parent_version, locked=True)
        elif versions.serving_number(session) is None:
            raise Conflict(gettext("No version is live yet, so there is nothing to train from."))
        _refuse_server(session, parent_version)
        return TrainingRun(
            pairs=pairs,
            last_judgment_id=last,
            occasion=occasion.sentence if occasion else None,
            forecast=forecast.as_dict() if forecast else None,
        )

    return add(session, user_id, request, make)


def _refuse_server(session: Session, parent_version: int | None) -> None:
    """Raise Conflict if the version to start from stands for a server of others, whose model is not here."""
    parent = parent_version or versions.serving_number(session)
    if parent is not None and versions.get(session, parent).method == CHAT_SERVER:
        raise Conflict(
            gettext("Version %(number)s is a model of a server of others, which cannot be trained here.", number=parent)
        )


def add(
    session: Session, user_id: int | None, request: RunRequest, make: Callable[[], TrainingRun]
) -> tuple[TrainingRun, bool]:
    """Add the run of a request; returns it and whether it is new, as `request` describes.

    `make` is called in the transaction that adds the run, and returns the row with the columns special to the method.
    """
    digest = wish_of(session, request.digest)
    try:
        with write_transaction(session):
            known = _active_run(session, digest)
            if known is not None:
                return known, False
            if len(queue(session)) >= LONGEST_QUEUE:
                raise Conflict(gettext("%(count)s runs wait already: cancel one of them first.", count=LONGEST_QUEUE))
            run = make()
            run.method, run.config = request.method, current_names(request.config)
            run.selection = request.selection.as_dict()
            run.parent_version, run.requested_by, run.wish = request.parent_version, user_id, digest
            session.add(run)
            session.flush()
            why = {} if run.occasion is None else {"occasion": run.occasion}
            audit.record(session, user_id, "run.requested", f"run {run.id}", method=run.method, pairs=run.pairs, **why)
        return run, True
    except IntegrityError:
        # Two equal requests at the same moment: the other one was stored.
        winner = _active_run(session, digest)
        if winner is None:
            raise
        return winner, False


def wish_of(session: Session, digest: str) -> str:
    """Return the hash of a request in the session's project; in the first one it is that of the request alone."""
    project = project_of(session)
    return digest if project == FIRST else hashlib.sha256(f"{project} {digest}".encode()).hexdigest()


def hand_out_next(session: Session, enqueue: Enqueue) -> None:
    """Enqueue the first run of the studio's queue, unless it works already or was enqueued before."""
    with everything(session):
        first = next(iter(queue(session)), None)
        if first is not None and first.status == RunStatus.QUEUED and first.job_id is None:
            hand_out(session, first.id, enqueue)


def hand_out(session: Session, run_id: int, enqueue: Enqueue) -> None:
    """Enqueue a committed run; if that fails, the run waits and is enqueued later (app/runtime/rescue.py).

    Initial training reads a whole file many times, and needs a GPU; clicks are few.
    """
    run = get(session, run_id)
    attempt = run.attempts + 1
    job_id = enqueue(run_id, attempt, run.method not in setting_labels.METHODS)
    with write_transaction(session):
        run.job_id = job_id


def cancel(session: Session, run_id: int, by: int | None) -> TrainingRun:
    """Cancel a run: at once if it waits, within seconds if it works; raises Conflict if it has ended."""
    with write_transaction(session):
        _lock_row(session, run_id)
        run = get(session, run_id)
        if not run.active:
            raise Conflict(gettext(_ENDED_ALREADY[RunStatus(run.status)], number=run_id))
        if run.cancel_requested_at is None:
            run.cancel_requested_at = now()
            audit.record(session, by, "run.cancelled", f"run {run_id}")
        if run.status == RunStatus.QUEUED:
            _end(session, run, RunStatus.CANCELLED, None)
    return run


_ENDED = {
    RunStatus.SUCCEEDED: "succeeded",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
}
_ENDED_ALREADY = {
    RunStatus.SUCCEEDED: N_("Run %(number)s has ended already: it succeeded."),
    RunStatus.FAILED: N_("Run %(number)s has ended already: it failed."),
    RunStatus.CANCELLED: N_("Run %(number)s has ended already: it was cancelled."),
}


def claim(session: Session, run_id: int) -> int | None:
    """Take the first run of the queue to work on it; returns the attempt number that owns it now.

    Returns None if that run does not wait or is not the first. If the request named no parent version, it is the
    version that is live now in its project. The session sees all projects.
    """
    with write_transaction(session):
        _lock_row(session, run_id)
        waiting = queue(session)
        run = waiting[0] if waiting else None
        if run is None or run.id != run_id or any(one.status == RunStatus.RUNNING for one in waiting):
            return None
        if run.parent_version is None and run.method in setting_labels.METHODS:
            with within(session, run.project_id):
                run.parent_version = versions.serving_number(session)
        run.status, run.stage, run.attempts = RunStatus.RUNNING, "starting", run.attempts + 1
        run.step = run.total_steps = 0
        run.stage_starts, run.checkpoints = [], []
        run.started_at = run.heartbeat_at = now()
        for metric in session.scalars(select(RunMetric).where(RunMetric.run_id == run_id)):
            session.delete(metric)
        return run.attempts


def _lock_row(session: Session, run_id: int) -> None:
    """Lock a run's row until the running transaction ends."""
    session.get(TrainingRun, run_id, with_for_update=True, populate_existing=True)


def owned(session: Session, run_id: int, attempt: int) -> TrainingRun | None:
    """Return the run, if it is still this attempt's to work on; held until the caller's transaction ends.

    A run that waits because this attempt was silent is its own again: no other attempt has taken it.
    """
    run = session.get(TrainingRun, run_id, with_for_update=True, populate_existing=True)
    if run is None or run.attempts != attempt or not run.active:
        return None
    if run.status == RunStatus.QUEUED:
        run.status, run.stage, run.heartbeat_at = RunStatus.RUNNING, "at work again, its worker was silent", now()
    return run


def succeed(session: Session, run: TrainingRun, produced_version: int, note: str | None) -> None:
    """End a run as succeeded, within the caller's transaction; `note` says why its version was not promoted, if so.

    The next run of the same forgetting starts from its version, or is cancelled if this one was to be cancelled.
    """
    run.produced_version, run.note = produced_version, note
    run.step = run.total_steps
    if run.cancel_requested_at is not None:
        _end_next(session, run, RunStatus.CANCELLED)  # after which none waits
    for following in _next_of(session, run)[:1]:
        following.parent_version = produced_version
        if "version" in following.config:  # where initial training starts from
            following.config = following.config | {"version": produced_version}
    _end(session, run, RunStatus.SUCCEEDED, None)


def fail(session: Session, run_id: int, attempt: int, reason: str) -> None:
    """End this attempt's run as failed, with the reason."""
    with write_transaction(session):
        run = owned(session, run_id, attempt)
        if run is not None:
            _end(session, run, RunStatus.FAILED, reason)


def finish_cancel(session: Session, run_id: int, attempt: int) -> None:
    """End this attempt's run as cancelled."""
    with write_transaction(session):
        run = owned(session, run_id, attempt)
        if run is not None:
            _end(session, run, RunStatus.CANCELLED, None)


def give_up_or_retry(session: Session, run: TrainingRun, heard: datetime | None, *, is_published: bool) -> None:
    """Queue a run again whose worker is silent, or end it; do nothing if it has spoken after it was last `heard`.

    It ends at the third death in a row since which it has got no further, since a fourth would be no different. A run
    whose version is published already (`is_published`) only has to be recorded: it is tried once more for that.
    """
    attempt = run.attempts
    with write_transaction(session):
        _lock_row(session, run.id)
        if run.status != RunStatus.RUNNING or (run.attempts, run.heartbeat_at) != (attempt, heard):
            return
        if run.cancel_requested_at is not None:
            _end(session, run, RunStatus.CANCELLED, None)
            return
        run.deaths, run.furthest = 1 if run.step > run.furthest else run.deaths + 1, max(run.step, run.furthest)
        if run.deaths >= MOST_DEATHS + is_published:
            reason = f"The worker died {run.deaths} times without getting further, at last while it was {run.stage}."
            _end(session, run, RunStatus.FAILED, reason)
        else:
            run.status, run.stage, run.heartbeat_at = RunStatus.QUEUED, "queued again, its worker died", None
            run.job_id = None


def _end(session: Session, run: TrainingRun, status: RunStatus, error: str | None) -> None:
    run.status, run.stage, run.error, run.finished_at, run.wish = status, str(status), error, now(), None
    told = ("id", "method", "status", "parent_version", "produced_version", "error", "note")
    finished = {name: getattr(run, name) for name in told}
    webhooks.record(session.connection(), webhooks.RUN_FINISHED, finished, run.project_id)
    if status != RunStatus.SUCCEEDED:
        _end_next(session, run, status)


def _end_next(session: Session, run: TrainingRun, status: RunStatus) -> None:
    """End the next run of the same forgetting, whose end is that of those after it."""
    for following in _next_of(session, run)[:1]:
        _end(session, following, status, f"Run {run.id}, from whose version it was to start, {_ENDED[status]}.")


def _next_of(session: Session, run: TrainingRun) -> list[TrainingRun]:
    """Return the runs of the same forgetting that wait for this one, in their order."""
    later = (TrainingRun.forgetting_id == run.forgetting_id, TrainingRun.id > run.id)
    waiting = select(TrainingRun).where(*later, TrainingRun.status == RunStatus.QUEUED).order_by(TrainingRun.id)
    return list(session.scalars(waiting)) if run.forgetting_id is not None else []


def _active_run(session: Session, digest: str) -> TrainingRun | None:
    return session.scalar(select(TrainingRun).where(TrainingRun.wish == digest))


def _reason_for_no_pairs(session: Session, last: int, selection: Selection) -> str:
    if selection != EVERYTHING and preference_rows.count_pairs(session, last):
        return gettext("No click fits that selection: choose more people, days or sources, or ask for less agreement.")
    if preference_rows.count_hurried(session, LARGEST_ID, selection):
        return gettext("Every click came too quickly to have been read, by the setting under What people like here.")
    return gettext("There is nothing to learn from yet: choose the best of three at least once.")
