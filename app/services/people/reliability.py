"""How reliable each person's clicks are, from the standing judgments; models/reliability.py does the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session


def weights(session: Session) -> Mapping[str, float]:
    """Return the weight of each person's judgments, in (0, 1], by the text of JUDGE; who is not named weighs 1."""
    return {}
