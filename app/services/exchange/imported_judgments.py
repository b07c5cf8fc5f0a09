"""Choices that were made elsewhere, taken over as judgments of whoever imports them.

Each becomes a screen whose candidates no version wrote, with the verdict on it and the rows that the verdict yields, so
that training, exports and searches find it like any other. Its key is made from its content: the same choice is stored
once, however often its file is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Preference, Prompt, Verdict
from app.services.desk import screens
from app.services.prompts import prompts

_NAMESPACE = UUID("4d3f6e0e-5f4b-4c55-9d6f-0d1b6f7f2a61")


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A text, what was chosen for it and what was rejected; several chosen ones are equally good."""

    text: str
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]

    @property
    def key(self) -> str:
        """The same for equal choices, and for no others; in a form that no gesture of the desk can have."""
        content = [self.text, sorted(self.chosen), sorted(self.rejected)]
        return f"i-{uuid5(_NAMESPACE, json.dumps(content)).hex}"


def store(
    session: Session,
    user_id: int,
    rows: Sequence[JudgedRow],
    source: str,
    known: Mapping[str, Prompt],
    import_id: int | None = None,
) -> int:
    """Add the judgments in the running transaction; returns how many are new. `known` are prompts by their texts.

    `import_id` is the import that brings them.
    """
    new = {row.key: row for row in rows}
    for key in session.scalars(select(Judgment.client_key).where(Judgment.client_key.in_(list(new)))):
        del new[str(key)]
    found = dict(known) or prompts.by_text(session, [row.text for row in new.values()])
    for key, row in new.items():
        prompt = found.get(row.text)
        if prompt is None:
            prompt = found[row.text] = prompts.find_or_add(session, row.text, source)
        _add(session, user_id, prompt, row, source, key, import_id)
    session.flush()
    return len(new)


def _add(
    session: Session, user_id: int, prompt: Prompt, row: JudgedRow, source: str, key: str, import_id: int | None
) -> None:
    candidates = [Candidate(text=text, log_probability=0.0) for text in (*row.chosen, *row.rejected)]
    generation = Generation(
        prompt=prompt, user_id=user_id, sampling={"imported_from": source}, seed=0, milliseconds=0.0
    )
    screens.store(session, generation, candidates)
    chosen = [candidate.id for candidate in candidates[: len(row.chosen)]]
    tie = len(chosen) > 1
    session.add(
        Judgment(
            generation=generation,
            user_id=user_id,
            verdict=Verdict.TIE if tie else Verdict.CHOSEN,
            candidate_id=None if tie else chosen[0],
            tied=chosen if tie else None,
            client_key=key,
            import_id=import_id,
            preferences=[
                Preference(prompt=row.text, chosen=good, rejected=bad, weight=1 / len(chosen))
                for bad in row.rejected
                for good in row.chosen
            ],
        )
    )
