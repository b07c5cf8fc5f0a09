"""The weights of judgments: how much the reward head and the losses of a training learn from each.

A judgment weighs as much as its person is reliable (app/services/people/reliability.py), a decision of a reviewer as
much as any can. The weights have two decimals:
no estimate of a person is better known, and more of them would fit every head again at each click of somebody else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import JUDGE, Judgment
from app.services.people import reliability

DECIMALS = 2
_IDS_AT_ONCE = 500


def weights_of(session: Session, judgment_ids: Sequence[int], *, at_once: bool = False) -> Mapping[int, float]:
    """Return the weight of each of the judgments, 1 for one that says as much as any.

    With `at_once` people weigh what this process last knew of them.
    """
    known = reliability.weights(session, at_once=at_once)
    of_people = {judge: round(weight, DECIMALS) for judge, weight in known.items()}
    found = dict.fromkeys(judgment_ids, 1.0)
    for start in range(0, len(judgment_ids) if of_people else 0, _IDS_AT_ONCE):
        ids = judgment_ids[start : start + _IDS_AT_ONCE]
        made = select(Judgment.id, JUDGE).where(Judgment.id.in_(ids), Judgment.decision.is_(False))
        for number, judge in session.execute(made):
            found[number] = of_people.get(str(judge), 1.0)
    return found


def digest(weights: Mapping[int, float]) -> str:
    """Return a short text that differs for other judgments, and for other weights of the same."""
    return hashlib.sha256(json.dumps(sorted(weights.items())).encode()).hexdigest()[:16]
