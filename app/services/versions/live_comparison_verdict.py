"""The verdict of the clicks: looked at after each of them, and carried out in the same transaction.

The test is valid however often it is looked at (models/sequential.py), so the first click at which the evidence is
enough decides, whichever process sees it. Several may look at once: the one that holds the row of the comparison
decides, and the others find it decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.db import Alias, ComparisonOutcome, LiveComparison, serving_alias, write_transaction
from app.services.versions import live_comparison, versions
from app.services.versions.live_comparison_clicks import clicks, thresholds
from models.sequential import Click, curve, verdict


def look(session: Session) -> LiveComparison | None:
    """Decide the comparison that is under way if its clicks suffice; returns it if it was decided now.

    The winner serves from then on. Without a decision after the most clicks, what serves stays.
    """
    comparison = live_comparison.running(session)
    if comparison is None or outcome(comparison, clicks(session, comparison)) is None:
        return None
    with write_transaction(session):
        session.get(Alias, serving_alias(session), with_for_update=True)
        comparison = live_comparison.running(session, locked=True)
        if comparison is None:
            return None
        counted = clicks(session, comparison)[: comparison.most_clicks]
        found = outcome(comparison, counted)
        if found is None:
            return None
        live_comparison.decide(session, comparison, found, _in_words(comparison, counted, found))
        versions.point_serving_at(session, winner(comparison), None)
        return comparison


def outcome(comparison: LiveComparison, counted: Sequence[Click]) -> ComparisonOutcome | None:
    """Return what the clicks decide by the bounds of the comparison, or None while they do not suffice."""
    within, decisive = counted[: comparison.most_clicks], thresholds(comparison)
    for evidence in curve(within, decisive):
        if (found := verdict(evidence, decisive)) is not None:
            return ComparisonOutcome(found)
    return ComparisonOutcome.NONE if len(within) == comparison.most_clicks else None


def winner(comparison: LiveComparison) -> int:
    """Return the version that serves by a decision: without a difference the one that served meanwhile."""
    return _winner(comparison, comparison.outcome)


def _winner(comparison: LiveComparison, found: str | None) -> int:
    of = {str(ComparisonOutcome.NEW): comparison.new_number, str(ComparisonOutcome.OLD): comparison.old_number}
    return of.get(str(found), comparison.serving_number)


def _in_words(comparison: LiveComparison, counted: Sequence[Click], found: ComparisonOutcome) -> str:
    """Return a decision as a few sentences."""
    wins = sum(click.new_won for click in counted)
    expected = sum(click.new_cards / click.cards for click in counted)
    number = _winner(comparison, found)
    if found == ComparisonOutcome.NONE:
        said = f"After {len(counted)} clicks they show no difference: version {comparison.new_number}"
    else:
        said = f"The clicks show that people prefer version {number}: version {comparison.new_number}"
    said += f" was chosen in {wins} of {len(counted)}, and {expected:.0f} would be expected if both were equally good."
    if number == comparison.serving_number:
        return f"{said} Version {number} stays live."
    taken_back = number == comparison.old_number
    return f"{said} Version {number} is live {'again' if taken_back else 'from now on'}."
