"""The runs that make versions again without what is to be forgotten, one after the other.

    target ─▶ parent ─▶ … ─▶ the last version that did not learn from it and has its files: there the runs start

Each run repeats the method, settings and selection of the version that it makes again, and starts from the version that
the run before it made. A version that learned from nothing else is left out. All is derived from the rows of the runs:
when one ends, the next learns what it starts from (runs.py), and after one that failed the others end, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Forgetting, RunStatus, TrainingRun, Version, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.system import audit
from app.services.training import preference_rows, runs, setting_labels
from app.services.training.rebuilds.readings import Without
from app.services.training.selection import Selection
from app.services.versions import forgetting, versions
from app.services.versions.forgetting import Forgotten, Learner
from app.words import gettext
from models.store.store import CheckpointStore

NOT_LAST = "The version was published but is not live: others are made from it, without what is forgotten."
NOT_ASKED = "The version was published and is not live, as was asked."


@dataclass(frozen=True)
class Step:
    """A version to be made again, and the pairs that are left for it."""

    version: Version
    run: TrainingRun
    pairs: int


@dataclass(frozen=True)
class Plan:
    """The versions to be made again for the version `target`, from version `base` on, in order.

    Without a target no version learned from what is forgotten. The versions in `left_out` learned from nothing else.
    With a `problem`, in words, it cannot be done.
    """

    target: int | None = None
    base: int | None = None
    steps: tuple[Step, ...] = ()
    left_out: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class State:
    """A forgetting, its runs, the version that takes the place of the target once all are done, and the old ones."""

    row: Forgetting
    runs: list[TrainingRun]
    made: int | None
    old: list[Version]

    @property
    def active(self) -> bool:
        """Return whether some of its runs wait or work."""
        return any(run.active for run in self.runs)


def default_target(session: Session, learners: Sequence[Learner]) -> int | None:
    """Return the version to be made again unless another is chosen: the one that serves, else the newest."""
    numbers = [one.version.number for one in learners]
    serving = versions.serving_number(session)
    return serving if serving in numbers else max(numbers, default=None)


def plan(session: Session, meant: Forgotten, learners: Sequence[Learner], target: int) -> Plan:
    """Return how version `target` is made again without what is forgotten; raises NotFound."""
    learned = {one.version.number for one in learners}
    version: Version | None = versions.get(session, target)
    if target not in learned:
        problem = gettext("Version %(number)s did not learn from it, so there is nothing to make again.", number=target)
        return Plan(target, problem=problem)
    path = []
    while version is not None and (version.number in learned or version.deleted_at is not None):
        path.append(version)
        version = session.get(Version, version.parent_number) if version.parent_number is not None else None
    if version is None:
        problem = gettext("No version from before is left that did not learn from it, so none can be made.")
        return Plan(target, problem=problem)
    steps, left_out = [], []
    for one in reversed(path):
        run = session.get(TrainingRun, one.run_id) if one.run_id is not None else None
        if run is None:
            problem = gettext(
                "Version %(number)s was not made by a run of this studio, so it cannot be made again.",
                number=one.number,
            )
            return Plan(target, version.number, problem=problem)
        pairs = _pairs_left(session, run, meant)
        if pairs:
            steps.append(Step(one, run, pairs))
        else:
            left_out.append(one.number)
    return Plan(target, version.number, tuple(steps), tuple(left_out))


def request(session: Session, by: int, meant: Forgotten, target: int, serve: bool) -> tuple[Forgetting, bool]:
    """Ask for the runs that make version `target` again; returns the forgetting and whether it is new.

    The same request while its runs are active leads to them. With `serve` the last version serves, if it passes its
    check. Raises NotFound, Invalid if there is nothing to make, and Conflict if it cannot be made or the queue is full.
    """
    found = forgetting.learners(session, meant)
    made = plan(session, meant, found, target)
    known = _active(session, meant, target)
    if known is not None:
        return known, False
    if made.problem:
        raise Conflict(made.problem)
    if not made.steps or made.base is None:
        raise Invalid(
            gettext(
                "Without it nothing is left to train on: version %(number)s is what remains. Make it live.",
                number=made.base,
            )
        )
    try:
        with write_transaction(session):
            if len(runs.queue(session)) + len(made.steps) > runs.LONGEST_QUEUE:
                raise Conflict(
                    gettext(
                        "Only %(count)s runs wait at a time: cancel some, or wait until they ended.",
                        count=runs.LONGEST_QUEUE,
                    )
                )
            versions.usable(session, made.base, locked=True)
            return _add(session, by, meant, made, [one.version.number for one in found], serve), True
    except IntegrityError:
        # Two equal requests at the same moment: the other one was stored.
        winner = _active(session, meant, target)
        if winner is None:
            raise
        return winner, False


def get(session: Session, forgetting_id: int) -> Forgetting:
    """Return one forgetting; raises NotFound."""
    row = session.get(Forgetting, forgetting_id)
    if row is None:
        raise NotFound(gettext("There is no forgetting %(number)s.", number=forgetting_id))
    return row


def every(session: Session) -> list[State]:
    """Return all forgettings, the newest first, with how far each has come."""
    return [state(session, row) for row in session.scalars(select(Forgetting).order_by(Forgetting.id.desc()))]


def state(session: Session, row: Forgetting) -> State:
    """Return how far a forgetting has come."""
    of_row = select(TrainingRun).where(TrainingRun.forgetting_id == row.id).order_by(TrainingRun.id)
    found = list(session.scalars(of_row))
    done = all(run.status == RunStatus.SUCCEEDED for run in found)
    return State(row, found, found[-1].produced_version if done else None, _old(session, row) if done else [])


def note(session: Session, run_id: int) -> str | None:
    """Return why the version of a run must not serve, None if it may or the run is part of no forgetting."""
    run = runs.get(session, run_id)
    if run.forgetting_id is None:
        return None
    found = state(session, get(session, run.forgetting_id))
    if run.id != found.runs[-1].id:
        return NOT_LAST
    return None if found.row.serve else NOT_ASKED


def delete_old(session: Session, store: CheckpointStore, by: int, forgetting_id: int, confirmed: object) -> list[int]:
    """Delete the files of the versions that learned from what is forgotten; returns their numbers.

    `confirmed` is how many there are, as the person typed it. Raises NotFound, Invalid if it was not confirmed, and
    Conflict before anything is deleted if not all runs have ended well or one of the versions serves.
    """
    found = state(session, get(session, forgetting_id))
    if found.made is None:
        raise Conflict(gettext("Not all versions are made again yet: the old ones stay until then."))
    numbers = [version.number for version in found.old]
    if str(confirmed).strip() != str(len(numbers)):
        raise Invalid(gettext("Type %(count)s to confirm that so many versions shall be deleted.", count=len(numbers)))
    if (live := versions.serving_number(session)) in numbers:
        raise Conflict(
            gettext("Version %(live)s is live: make version %(made)s live first.", live=live, made=found.made)
        )
    for number in numbers:
        versions.delete(session, store, by, number, number)
    return numbers


def _old(session: Session, row: Forgetting) -> list[Version]:
    """Return the versions that had learned from it and those that were made from them since, if they have files."""
    learned, found = set(row.learned), []
    for version in session.scalars(select(Version).order_by(Version.number)):
        if version.number in learned or version.parent_number in learned:
            learned.add(version.number)
            found.append(version)
    return [version for version in found if version.deleted_at is None]


def _pairs_left(session: Session, run: TrainingRun, meant: Forgotten) -> int:
    if run.method not in setting_labels.METHODS:
        return run.pairs  # of an uploaded file, of which nothing is forgotten
    reading = Without(Selection.parse(run.selection), meant)
    return preference_rows.count_pairs(session, run.last_judgment_id, reading)


def _add(session: Session, by: int, meant: Forgotten, made: Plan, learned: list[int], serve: bool) -> Forgetting:
    """Add a forgetting and its runs to the running transaction."""
    row = Forgetting(kind=meant.kind, number=meant.number, target=made.target, serve=serve, learned=learned)
    session.add(row)
    session.flush()
    for place, step in enumerate(made.steps):
        session.add(_run(row, step, by, made.base if place == 0 else None))
    session.flush()
    again = [step.version.number for step in made.steps]
    facts = {"kind": meant.kind, "number": meant.number, "versions": again, "serve": serve}
    audit.record(session, by, "forgetting.requested", f"forgetting {row.id}", **facts)
    return row


def _run(row: Forgetting, step: Step, by: int, base: int | None) -> TrainingRun:
    """Return the run that makes a version again, from version `base`, or from that of the run before it."""
    old = step.run
    # Unique while it is active, so that an equal request at the same moment adds no second run.
    wish = f"version {step.version.number} for version {row.target} without {row.kind} {row.number}"
    config = old.config | {"version": base} if "version" in old.config and base is not None else old.config
    return TrainingRun(
        method=old.method,
        config=config,
        selection=old.selection,
        last_judgment_id=old.last_judgment_id,
        data_hash=None if old.method in setting_labels.METHODS else old.config.get("dataset"),
        pairs=step.pairs,
        parent_version=base,
        requested_by=by,
        forgetting_id=row.id,
        rebuilds=step.version.number,
        wish=hashlib.sha256(wish.encode()).hexdigest(),  # of its version, which no other project has
    )


def _active(session: Session, meant: Forgotten, target: int) -> Forgetting | None:
    """Return the forgetting of the same request whose runs are active, or None."""
    same = select(Forgetting).where(
        Forgetting.kind == meant.kind, Forgetting.number.is_not_distinct_from(meant.number), Forgetting.target == target
    )
    return next((row for row in session.scalars(same) if state(session, row).active), None)
