"""One factory a table: a row that is valid as it stands, of which a test names only what it is about.

Each commits, so that the application, which has connections of its own, sees the row.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from app.db import (
    Alias,
    ApiToken,
    AuditEvent,
    Base,
    Candidate,
    FileImport,
    Generation,
    Judgment,
    LiveComparison,
    Preference,
    Project,
    Prompt,
    Role,
    RunMetric,
    RunStatus,
    TrainingRun,
    User,
    Version,
    everything,
    now,
    serving_alias,
    write_transaction,
)
from app.services.people import api_tokens, sessions
from app.services.prompts import prompts
from app.services.system import audit
from models.formats.splitting import held_out_keys

PASSWORD = "correct horse battery"
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2id like the real one, but with parameters that take no time."""
_PASSWORD_HASH = HASHER.hash(PASSWORD)
_counter = itertools.count(1)
_texts = (text for number in _counter if not held_out_keys([text := f"you are stupid, number {number}"], 10))

Row = TypeVar("Row", bound=Base)


def _add(session: Session, row: Row) -> Row:
    with write_transaction(session):
        session.add(row)
    return row


def user(session: Session, *, role: Role = Role.ANNOTATOR, token: str | None = None, **values: Any) -> User:
    """A person who may sign in with PASSWORD; `token` may do whatever they may."""
    number = next(_counter)
    given: dict[str, Any] = {
        "email": f"person{number}@example.org",
        "password_hash": _PASSWORD_HASH,
        "role": role,
        "last_seen_at": now(),  # or else their first request would write that they are here
    }
    person = User(**given | values)
    with write_transaction(session):
        session.add(person)
        session.flush()
        if token:
            digest = hashlib.sha256(token.encode()).hexdigest()
            scopes = [str(scope) for scope in api_tokens.scopes_of(role)]
            session.add(ApiToken(user_id=person.id, name="test", token_hash=digest, scopes=scopes, last_used_at=now()))
    return person


def sign_in(session: Session, person: User) -> str:
    """Begin a session of that person's and return the secret of its cookie."""
    return sessions.begin(session, person, timedelta(days=30), "192.0.2.7", "Firefox on Linux")


def prompt(session: Session, text: str | None = None, **values: Any) -> Prompt:
    """A distinct text, not in the queue; of those that are made up here no training holds out any."""
    text = text or next(_texts)
    return _add(session, Prompt(**{"text": text, "sha256": prompts.key_of(session, text), "source": "test"} | values))


def version(session: Session, number: int = 1, **values: Any) -> Version:
    """A version as the database knows it."""
    given: dict[str, Any] = {
        "number": number,
        "method": "base" if number == 1 else "dpo",
        "parent_number": number - 1 or None,
        "location": f"/nowhere/{number:06d}",
        "sha256": f"{number:064x}",
        "metrics": {},
    }
    return _add(session, Version(**given | values))


def _ensure(session: Session, number: int) -> None:
    """Let there be a version of that number, in any project."""
    with everything(session):
        missing = session.get(Version, number) is None
    if missing:
        version(session, number)


def project(session: Session, slug: str = "second", **values: Any) -> Project:
    """Another project than the first."""
    return _add(session, Project(**{"slug": slug, "name": slug.title()} | values))


def serving(session: Session, number: int = 1) -> Alias:
    """The alias that says which version serves, pointing at an existing version."""
    with write_transaction(session):
        alias = session.get(Alias, serving_alias(session))
        if alias is None:
            alias = Alias(name=serving_alias(session), version_number=number)
            session.add(alias)
        alias.version_number = number
    return alias


def generation(
    session: Session,
    user_id: int,
    texts: Sequence[str] = ("first rewrite", "second rewrite", "third rewrite"),
    **values: Any,
) -> Generation:
    """A screen of that person's with one candidate a text, drawn by version 1, which comes to be if need be."""
    number = values.pop("version", 1)
    _ensure(session, number)
    of = values.pop("prompt", None) or prompt(session)
    candidates = [
        Candidate(
            position=position,
            text=text,
            log_probability=-3.0,
            version_number=number,
            right=text == of.gold_answer if values.get("gold") else None,
        )
        for position, text in enumerate(texts)
    ]
    given: dict[str, Any] = {"sampling": {}, "seed": 1, "milliseconds": 1.0, "prompt": of, "user_id": user_id}
    return _add(session, Generation(**given | values, candidates=candidates))


def judgment(session: Session, of: Generation, *, pairs: bool = True, **values: Any) -> Judgment:
    """The first candidate of a screen chosen, with a row for each of the others unless `pairs` is false."""
    chosen, *rejected = of.candidates
    given: dict[str, Any] = {
        "generation_id": of.id,
        "user_id": of.user_id,
        "verdict": "chosen",
        "candidate_id": chosen.id,
        "preferences": [preference(of.prompt.text, chosen.text, other.text) for other in rejected] if pairs else [],
    }
    return _add(session, Judgment(**given | values))


def preference(prompt: str = "you are stupid", chosen: str = "you are wrong", rejected: str = "moron") -> Preference:
    """A row for a judgment to take in; it cannot stand alone."""
    return Preference(prompt=prompt, chosen=chosen, rejected=rejected)


def comparison(session: Session, **values: Any) -> LiveComparison:
    """A live comparison of versions 1 and 2, which come to be if need be; the new one, 2, serves."""
    for number in (values.get("old_number", 1), values.get("new_number", 2)):
        _ensure(session, number)
    if session.get(Alias, serving_alias(session)) is None:
        serving(session, values.get("serving_number", 2))
    given: dict[str, Any] = {
        "old_number": 1,
        "new_number": 2,
        "serving_number": 2,
        "threshold_new": 4.0,
        "threshold_old": 3.0,
        "most_clicks": 500,
    }
    return _add(session, LiveComparison(**given | values))


def mixed_screen(session: Session, user_id: int, of: LiveComparison, *, new_cards: int = 1) -> Generation:
    """A screen of a comparison, of whose three cards the first ones are of the new version."""
    screen = generation(session, user_id, comparison_id=of.id, sampling={"version": of.serving_number})
    with write_transaction(session):
        for card in screen.candidates:
            card.version_number = of.new_number if card.position < new_cards else of.old_number
    return screen


def preferred(session: Session, user_id: int, of: LiveComparison, number: int, *, new_cards: int = 1) -> Judgment:
    """A judgment of a mixed screen that chooses a card of that version."""
    screen = mixed_screen(session, user_id, of, new_cards=new_cards)
    chosen = next(card for card in screen.candidates if card.version_number == number)
    return judgment(session, screen, candidate_id=chosen.id, pairs=False)


def run(session: Session, status: RunStatus = RunStatus.QUEUED, **values: Any) -> TrainingRun:
    """A training run from version 1, which comes to be if need be."""
    _ensure(session, 1)
    active = status in (RunStatus.QUEUED, RunStatus.RUNNING)
    given: dict[str, Any] = {
        "method": "dpo",
        "config": {},
        "status": status,
        "wish": "a wish" if active else None,
        "parent_version": 1,
        "pairs": 2,
        "attempts": 1 if status == RunStatus.RUNNING else 0,
    }
    return _add(session, TrainingRun(**given | values))


def file_import(session: Session, user_id: int, **values: Any) -> FileImport:
    """A file that was imported."""
    return _add(session, FileImport(**{"user_id": user_id, "file_name": "texts.csv", "source": "texts"} | values))


def metric(session: Session, run_id: int, step: int = 1, name: str = "loss", value: float = 0.5) -> RunMetric:
    """One measured value of a run."""
    return _add(session, RunMetric(run_id=run_id, step=step, name=name, value=value))


def audit_event(session: Session, **values: Any) -> AuditEvent:
    """One entry of the audit log."""
    given: dict[str, Any] = {"action": "test", "subject": "test", "details": {}, "created_at": now()}
    entry = AuditEvent(**given | values)
    with write_transaction(session):
        audit.add(session, entry)
    return entry
