"""A studio moves from SQLite to PostgreSQL by the commands of docs/deployment.md, and no click is lost on the way."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from app.config import PROJECT_ROOT
from tests.processes import ADMIN, Api, Product, Program, environment

DOCUMENT = PROJECT_ROOT / "docs" / "deployment.md"
ADDRESS = "postgresql://mellow@database-host/mellow"


def command(word: str) -> str:
    """The line of the document that holds that command of flask."""
    found = re.search(rf"^ +((?:\w+=\S+ )?flask --app app {word}\b.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert found is not None, f"{DOCUMENT} does not say how to {word}."
    return found[1]


def judge(api: Api, key: str) -> int:
    """Draw a screen and choose its first card under a key of one's own, as the desk does; returns the judgment."""
    screen = api.ok("POST", "/generations", {"text": "You are a stupid idiot"})
    body = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][0]["id"]}
    number: int = api.ok("POST", "/judgments", {**body, "client_key": key})["id"]
    return number


@pytest.mark.slow
def test_clicks_go_on_after_the_move_where_they_were(new_home: Callable[[], Path], postgres_url: str) -> None:
    home, key = new_home(), str(uuid.uuid4())

    def run(word: str) -> str:
        line = command(word).replace(ADDRESS, shlex.quote(postgres_url))
        with Program(line, environment(home)) as program:
            assert program.wait() == 0, program.tail()
            return program.tail()

    with Product(home, WEB_CONCURRENCY="1", **ADMIN) as small:
        small.wait_until_ready()
        screen = small.api.ok("POST", "/generations", {"text": "Your idea is garbage"})
        first = judge(small.api, key)
        exported = small.api.ok("GET", "/preferences?format=argilla")
        run("db upgrade")
        with pytest.raises(AssertionError, match="Mellow is running: stop it first"):
            run("copy-database")
        assert small.interrupt() == 0
    assert "it holds all" in run("copy-database")
    (home / "mellow.db").rename(home / "mellow.db.moved")
    with Product(home, WEB_CONCURRENCY="1", DATABASE_URL=postgres_url, **ADMIN) as medium:
        medium.wait_until_ready()
        assert medium.api.ok("GET", "/preferences?format=argilla") == exported
        again = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][1]["id"]}
        late = medium.api.ok("POST", "/judgments", again)["id"]
        newest = judge(medium.api, str(uuid.uuid4()))
        assert first < late < newest, "what a browser had kept is stored, and what is new comes after it"
    assert not (home / "mellow.db").exists()
    with psycopg.connect(postgres_url) as connection:
        kept = connection.execute("SELECT id, client_key FROM judgments ORDER BY id").fetchall()
    assert [number for number, _ in kept] == [first, late, newest]
    assert kept[0][1] == key
