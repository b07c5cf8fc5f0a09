"""The candidates of an attention check, the right one and two wrong ones, and who passes it."""

from __future__ import annotations

import random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Prompt, Verdict
from models.serving.generator import CANDIDATES

_OTHERS = 50
_chance = random.SystemRandom()


def texts(session: Session, prompt: Prompt, wanted: int = CANDIDATES) -> list[str]:
    """Return the right text, then wrong ones: those given, then the prompt itself, then a rewrite of another prompt.

    There are fewer than `wanted` if the studio has no rewrite of another prompt yet.
    """
    assert prompt.gold_answer is not None
    given = [str(text) for text in prompt.gold_wrong or []]
    _chance.shuffle(given)
    found = list(dict.fromkeys([prompt.gold_answer, *given, prompt.text]))[:wanted]
    if len(found) < wanted:
        others = [text for text in _rewrites_of_others(session, prompt) if text not in found]
        found += _chance.sample(others, min(len(others), wanted - len(found)))
    return found


def passed(is_check: bool, verdict: str, chosen_right: bool | None) -> bool | None:
    """Tell whether a judgment passed an attention check; None for any other screen, and for a skip.

    `chosen_right` says whether the chosen or edited candidate was right when the screen was shown; None if none was
    chosen. A prompt that is no check any more `is_check` no longer, and says nothing of the past.
    """
    return None if not is_check or verdict == Verdict.SKIPPED else bool(chosen_right)


def _rewrites_of_others(session: Session, prompt: Prompt) -> list[str]:
    latest = session.scalars(
        select(Candidate.text)
        .join(Generation)
        .where(Generation.prompt_id != prompt.id, Candidate.version_number.is_not(None))
        .order_by(Candidate.id.desc())
        .limit(_OTHERS)
    )
    return list(dict.fromkeys(latest))
