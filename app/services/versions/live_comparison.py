"""Live comparisons as the database knows them: at most one runs in a project, and what begins and ends one.

Every move of the alias that the clicks did not decide ends it, and so does a version that is published meanwhile. All
that changes a comparison holds the alias first, so that no two transactions wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import (
    Alias,
    ComparisonOutcome,
    ComparisonState,
    LiveComparison,
    everything,
    now,
    serving_alias,
    write_transaction,
)
from app.domain_errors import Conflict, NotFound
from app.services.system import audit, webhooks
from app.services.versions.live_comparison_clicks import clicks
from app.words import gettext
from models.sequential import THRESHOLDS

MOST_CLICKS = 500
"""The clicks after which a comparison ends without a decision."""


def running(session: Session, *, locked: bool = False) -> LiveComparison | None:
    """Return the comparison that is under way, or None; with `locked`, held until the running transaction ends."""
    query = select(LiveComparison).where(LiveComparison.state == ComparisonState.RUNNING)
    if locked:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def get(session: Session, number: int) -> LiveComparison:
    """Return one comparison; raises NotFound."""
    comparison = session.get(LiveComparison, number)
    if comparison is None:
        raise NotFound(gettext("There is no comparison %(number)s.", number=number))
    return comparison


def history(session: Session) -> list[LiveComparison]:
    """Return all comparisons, the latest first."""
    return list(session.scalars(select(LiveComparison).order_by(LiveComparison.id.desc())))


def latest(session: Session, number: int | None = None) -> LiveComparison | None:
    """Return the latest comparison, of those in which version `number` took part if it is given, or None."""
    query = select(LiveComparison).order_by(LiveComparison.id.desc()).limit(1)
    if number is not None:
        query = query.where((LiveComparison.old_number == number) | (LiveComparison.new_number == number))
    return session.scalar(query)


def projects_that_compare(session: Session) -> Sequence[int]:
    """Return the ids of the projects in which a comparison is under way."""
    compared = select(LiveComparison.project_id).where(LiveComparison.state == ComparisonState.RUNNING)
    with everything(session):
        return session.scalars(compared.order_by(LiveComparison.project_id)).all()


def begin(session: Session, *, old: int, new: int, serving: int) -> LiveComparison:
    """Begin a comparison within the running transaction, in which one of the two serves; one that runs ends."""
    end_running(session, f"Version {new} was published meanwhile.")
    comparison = LiveComparison(
        old_number=old,
        new_number=new,
        serving_number=serving,
        threshold_new=THRESHOLDS.new,
        threshold_old=THRESHOLDS.old,
        most_clicks=MOST_CLICKS,
    )
    session.add(comparison)
    session.flush()
    audit.record(session, None, "comparison.started", _subject(comparison), old=old, new=new, serving=serving)
    return comparison


def end_running(session: Session, reason: str, by: int | None = None) -> LiveComparison | None:
    """End the comparison that is under way, if there is one, within the running transaction; returns it.

    The alias stays where it is.
    """
    comparison = running(session, locked=True)
    if comparison is not None:
        _finish(session, comparison, ComparisonState.ENDED, None, reason, by)
    return comparison


def decide(session: Session, comparison: LiveComparison, outcome: ComparisonOutcome, reason: str) -> None:
    """Store what the clicks decided, within the running transaction; the alias stays where it is."""
    _finish(session, comparison, ComparisonState.DECIDED, outcome, reason, None)


def stop(session: Session, number: int, by: int, reason: str) -> LiveComparison:
    """End a comparison by hand, so that what serves stays; raises NotFound, or Conflict if it has ended."""
    with write_transaction(session):
        session.get(Alias, serving_alias(session), with_for_update=True)
        if get(session, number) is not running(session, locked=True):
            raise Conflict(gettext("Comparison %(number)s has ended already.", number=number))
        comparison = end_running(session, reason, by)
    assert comparison is not None
    return comparison


def refuse_deletion(session: Session, number: int) -> None:
    """Raise Conflict if a version takes part in the comparison that is under way."""
    comparison = running(session)
    if comparison is not None and number in (comparison.old_number, comparison.new_number):
        raise Conflict(
            gettext("Version %(number)s takes part in a live comparison: end that before you delete it.", number=number)
        )


def _finish(
    session: Session,
    comparison: LiveComparison,
    state: ComparisonState,
    outcome: ComparisonOutcome | None,
    reason: str,
    by: int | None,
) -> None:
    comparison.clicks = len(clicks(session, comparison))
    comparison.state, comparison.outcome, comparison.reason, comparison.ended_at = state, outcome, reason, now()
    session.flush()
    said = {"outcome": outcome, "clicks": comparison.clicks, "reason": reason}
    audit.record(session, by, f"comparison.{state}", _subject(comparison), **said)
    versions = {"old": comparison.old_number, "new": comparison.new_number}
    finished = {"id": comparison.id, **versions, "state": str(state), **said, "by": by}
    webhooks.record(session.connection(), webhooks.COMPARISON_FINISHED, finished, comparison.project_id)


def _subject(comparison: LiveComparison) -> str:
    return f"comparison {comparison.id}"
