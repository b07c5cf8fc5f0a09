"""Files to import, and how a test looks at them and stores them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Preference, Prompt, make_sessions, write_transaction
from app.services.exchange import imports
from app.services.exchange.imports import ImportState, Preview
from app.services.exchange.incoming.import_plan import ImportPlan
from tests import factories
from tests.studio import Person, rows

LONGEST = 1000


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


@pytest.fixture
def elsewhere(tmp_path: Path, migrated_database: Path) -> Iterator[Session]:
    """An empty studio beside this one."""
    shutil.copy(migrated_database, tmp_path / "elsewhere.sqlite")
    sessions = make_sessions(f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    with sessions() as session:
        yield session
    sessions.kw["bind"].dispose()


def look(session: Session, path: Path, **wished: object) -> Preview:
    return imports.preview(session, path, wished, LONGEST)


def store(session: Session, person: Person | int, path: Path, **wished: object) -> ImportState:
    user_id = person if isinstance(person, int) else person.id
    mapping = look(session, path).mapping.as_json()
    wish = ImportPlan.parse({**mapping, **wished}, path.name)
    *_, last = imports.run(session, user_id, path, wish, LONGEST)
    assert last.done
    return last


def queued(session: Session) -> list[str]:
    return [prompt.text for prompt in rows(session, Prompt) if prompt.queued]


def many_judgments(session: Session, user_id: int, count: int = 6_000, length: int = 2_000) -> None:
    """Store so many prompts, each with one card, one judgment, and one pair of that many characters."""
    factories.version(session)
    numbers = range(1, count + 1)
    screen = {"user_id": user_id, "sampling": {}, "seed": 1, "milliseconds": 1.0}
    card = {"position": 0, "text": "c" * length, "log_probability": -3.0}
    pair = {"prompt": "p", "chosen": "c" * length, "rejected": "r"}
    with write_transaction(session):
        prompts = [{"id": n, "text": f"p {n}", "sha256": f"{n:064x}", "source": "test"} for n in numbers]
        session.execute(insert(Prompt), prompts)
        session.execute(insert(Generation), [{**screen, "id": n, "prompt_id": n} for n in numbers])
        session.execute(insert(Candidate), [{**card, "id": n, "generation_id": n} for n in numbers])
        judged = [{"id": n, "generation_id": n, "user_id": user_id, "verdict": "tie"} for n in numbers]
        session.execute(insert(Judgment), judged)
        session.execute(insert(Preference), [{**pair, "judgment_id": n} for n in numbers])
