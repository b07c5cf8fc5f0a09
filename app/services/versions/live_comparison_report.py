"""A live comparison as it is shown: wins beside what the numbers of cards predict, the evidence, and who judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import ComparisonState, LiveComparison, User
from app.services.versions import live_comparison
from app.services.versions.live_comparison_clicks import clicks, thresholds
from app.words import gettext, ngettext, number
from models.sequential import Click, clicks_left, curve

_EXACTLY = 10
"""Numbers of clicks up to this one are not rounded, and greater ones to its multiples."""


@dataclass(frozen=True)
class Side:
    """One version of a comparison: the clicks that chose its cards, and how many would if both were equally good.

    `evidence` is how much of what decides for it there is after each click: 0 none at all, 1 enough.
    """

    number: int
    wins: int
    expected: float
    evidence: tuple[float, ...]

    @property
    def now(self) -> float:
        """Return the evidence after the last click."""
        return self.evidence[-1] if self.evidence else 0.0


@dataclass(frozen=True)
class Report:
    """A comparison and what its clicks say; `left` is about how many more decide it, None if nothing can be said.

    `judges` are the names of the people who judged, each with the number of their clicks, the most first.
    """

    comparison: LiveComparison
    clicks: int
    new: Side
    old: Side
    left: int | None
    judges: tuple[tuple[str, int], ...]

    @property
    def running(self) -> bool:
        """Return whether it is under way."""
        return self.comparison.state == ComparisonState.RUNNING


def report(session: Session, comparison: LiveComparison) -> Report:
    """Return what the clicks of a comparison say now, or said when it ended."""
    counted = clicks(session, comparison)[: comparison.most_clicks]
    decisive = thresholds(comparison)
    evidence = curve(counted, decisive)
    wins = sum(click.new_won for click in counted)
    expected = sum(click.new_cards / click.cards for click in counted)
    new = [_share(one.new, decisive.new) for one in evidence]
    old = [_share(one.old, decisive.old) for one in evidence]
    return Report(
        comparison,
        len(counted),
        Side(comparison.new_number, wins, expected, tuple(new)),
        Side(comparison.old_number, len(counted) - wins, len(counted) - expected, tuple(old)),
        _left(comparison, counted),
        tuple(_judges(session, counted)),
    )


def latest_in_brief(session: Session, version: int | None = None) -> tuple[str, int] | None:
    """Return how the latest comparison stands, or how it ended, in a sentence or two, with its id; None without one.

    With `version`, of those in which that version took part.
    """
    comparison = live_comparison.latest(session, version)
    if comparison is None:
        return None
    return _in_brief(session, comparison), comparison.id


def _in_brief(session: Session, comparison: LiveComparison) -> str:
    old, new, serving = comparison.old_number, comparison.new_number, comparison.serving_number
    if comparison.state != ComparisonState.RUNNING:
        return gettext(
            "Live comparison of versions %(old)s and %(new)s: %(reason)s", old=old, new=new, reason=comparison.reason
        )
    found = report(session, comparison)
    said = gettext(
        "Versions %(old)s and %(new)s are compared live, and version %(serving)s is live meanwhile: %(how_long)s.",
        old=old,
        new=new,
        serving=serving,
        how_long=how_long(found),
    )
    return f"{said} {_so_far(found)}" if found.clicks else said


def _so_far(found: Report) -> str:
    return gettext(
        "So far version %(new)s was chosen in %(wins)s of %(clicks)s, and %(expected)s would be expected if both were "
        "equally good.",
        new=found.new.number,
        wins=number(found.new.wins),
        clicks=number(found.clicks),
        expected=number(found.new.expected),
    )


def how_long(found: Report) -> str:
    """Return how many more clicks a comparison that is under way takes, in words."""
    if found.left is None:
        most = found.comparison.most_clicks - found.clicks
        return gettext("how many clicks it takes cannot be said yet, at most %(number)s more", number=number(most))
    about = found.left if found.left <= _EXACTLY else -(-found.left // _EXACTLY) * _EXACTLY
    return ngettext("about %(num)d more click to know", "about %(num)d more clicks to know", about)


def _share(evidence: float, threshold: float) -> float:
    """Return the share of the evidence that decides, both as logarithms, from 0 to 1."""
    return min(1.0, max(0.0, evidence / threshold))


def _left(comparison: LiveComparison, counted: Sequence[Click]) -> int | None:
    """Return about how many more clicks end a comparison that is under way, None if nothing can be said."""
    if comparison.state != ComparisonState.RUNNING:
        return None
    left = clicks_left(counted, thresholds(comparison))
    return None if left is None else max(1, min(left, comparison.most_clicks - len(counted)))


def _judges(session: Session, counted: Sequence[Click]) -> list[tuple[str, int]]:
    """Return the names of those who judged, each with the number of their clicks, the most first."""
    clicked = Counter(int(click.person) for click in counted)
    people = session.execute(select(User.id, User.name, User.email).where(User.id.in_(clicked)))
    named = {person: name or email for person, name, email in people}
    return [(named[person], count) for person, count in clicked.most_common()]
