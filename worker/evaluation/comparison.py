"""Paired comparison of two systems measured on the same texts with the same scorers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.evaluation.evaluation_errors import NotComparable
from worker.evaluation.measure import Measurement
from worker.measures.intervals import Difference, difference

_ROLES = ("toxicity", "similarity", "fluency")


def compare(ours: Measurement, theirs: Measurement) -> dict[str, Difference]:
    """Return the difference `ours` minus `theirs` of every figure that both have, paired by text."""
    return {
        name: difference(statistic, theirs.statistics[name])
        for name, statistic in ours.statistics.items()
        if name in theirs.statistics
    }


def check_comparable(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Raise NotComparable, with the reason, unless two reports have the same texts, scorers, sampling and release."""
    our_scorers, their_scorers = ours.get("scorers") or {}, theirs.get("scorers") or {}
    for role in _ROLES:
        left, right = our_scorers.get(role), their_scorers.get(role)
        if left is None or left != right:
            raise NotComparable(
                f"They were measured with different scorers and cannot be compared: {role} by {_scorer(left)} "
                f"and by {_scorer(right)}."
            )
    left, right = ours.get("test_set") or {}, theirs.get("test_set") or {}
    if left.get("sha256") != right.get("sha256"):
        raise NotComparable(
            f"They were measured on different texts and cannot be compared: {left.get('name', 'unknown texts')} "
            f"and {right.get('name', 'unknown texts')}."
        )
    if ours.get("sampling") != theirs.get("sampling"):
        raise NotComparable("Their candidates were drawn in different ways and cannot be compared.")
    if ours.get("measuring") != theirs.get("measuring"):
        raise NotComparable("They were measured by different releases and cannot be compared.")


def _scorer(identity: Mapping[str, str] | None) -> str:
    return f"{identity['name']} ({identity['version']})" if identity else "none"
