"""Judgments → preference examples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.services import runs
from worker.training.examples import PreferenceExample


def preference_examples(session: Session, last_judgment_id: int) -> list[PreferenceExample]:
    """The examples of every standing judgment up to that one, in the order they were made."""
    return [PreferenceExample(*row) for row in runs.preference_rows(session, last_judgment_id)]


def data_sha256(examples: Sequence[PreferenceExample]) -> str:
    """The hash that a manifest keeps of what a version was trained on: of the examples as JSON Lines, in order."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps([example.prompt, example.chosen, example.rejected]).encode() + b"\n")
    return digest.hexdigest()
