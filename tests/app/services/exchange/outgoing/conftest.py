"""Judgments that hold personal details, and one of a text that versions are tested on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Generation, Judgment
from models.texts.heldout import heldout_pairs
from tests import factories
from tests.studio import Person

EMAIL, PHONE, HANDLE = "ada@example.org", "+49 30 1234567", "@ada_byron"
"""Of whom the texts tell."""
TESTED = next(source for source, _ in heldout_pairs() if len(source.split()) > 8)
NEAR = f"so {TESTED}"


def screen(session: Session, person: Person, text: str, *cards: str, **values: object) -> Generation:
    prompt = factories.prompt(session, text, **values)
    return factories.generation(session, person.id, cards or ("a", "b", "c"), prompt=prompt)


@pytest.fixture
def judged(session: Session, annotator: Person) -> dict[str, Judgment]:
    """Judgments by what they are about; of each text one."""
    none: dict[str, Any] = {"verdict": "none", "candidate_id": None, "pairs": False}
    return {
        "plain": factories.judgment(session, screen(session, annotator, "you are a fool today")),
        "prompt": factories.judgment(session, screen(session, annotator, f"you fool, mail {EMAIL} or {PHONE}")),
        "cards": factories.judgment(session, screen(session, annotator, "who", f"ask {HANDLE}", "ask", EMAIL)),
        "none": factories.judgment(session, screen(session, annotator, "nobody", f"x {PHONE}", "y"), **none),
        "told": factories.judgment(session, screen(session, annotator, "with more", metadata_={"from": EMAIL, "n": 1})),
        "reason": factories.judgment(
            session, screen(session, annotator, "skipped"), pairs=False, verdict="skipped", candidate_id=None,
            reason=f"ask {EMAIL}",
        ),
        "tested": factories.judgment(session, screen(session, annotator, TESTED.upper())),
        "near": factories.judgment(session, screen(session, annotator, NEAR)),
    }  # fmt: skip
