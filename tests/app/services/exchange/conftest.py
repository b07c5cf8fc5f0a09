"""Files to import, and how a test looks at them and stores them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Prompt
from app.services.exchange import imports
from app.services.exchange.imports import ImportState, Preview
from app.services.exchange.incoming.import_plan import ImportPlan
from tests.studio import Person, rows

LONGEST = 1000


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


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
