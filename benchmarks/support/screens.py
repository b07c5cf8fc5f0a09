"""Screens that wait for a click, written past the model: what is measured is how a click is stored."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.load import request

MOMENT = "2026-01-01 00:00:00.000000"


@dataclass(frozen=True)
class Desk:
    """One annotator's token and the screens that wait for them: (generation id, candidate ids)."""

    token: str
    screens: list[tuple[int, list[int]]]

    def clicks(self) -> list[bytes]:
        """A request for each screen that chooses one of its candidates."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return [
            request(
                "POST",
                "/api/v1/judgments",
                headers,
                json.dumps(
                    {
                        "generation_id": generation,
                        "verdict": "chosen",
                        "candidate_id": candidates[generation % 3],
                        "seconds": 4.2,
                        "client_key": str(uuid.uuid4()),
                    }
                ).encode(),
            )
            for generation, candidates in self.screens
        ]


def prepare(database: Path, people: int, screens: int) -> list[Desk]:
    """So many new annotators with so many screens each, in an SQLite database that may be in use."""
    desks = []
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout=60000")
        for _ in range(people):
            connection.execute("BEGIN IMMEDIATE")
            desks.append(_desk(connection, screens))
            connection.execute("COMMIT")
    return desks


def _desk(connection: sqlite3.Connection, screens: int) -> Desk:
    token = f"mellow_{secrets.token_urlsafe(32)}"
    person = connection.execute(
        "INSERT INTO users"
        " (email, name, password_hash, role, active, must_change_password, settings, created_at)"
        " VALUES (?, '', 'none', 'annotator', 1, 0, '{}', ?)",
        (f"{secrets.token_hex(6)}@example.org", MOMENT),
    ).lastrowid
    connection.execute(
        "INSERT INTO api_tokens (user_id, name, token_hash, scopes, created_at)"
        " VALUES (?, 'load', ?, '[\"annotate\"]', ?)",
        (person, hashlib.sha256(token.encode()).hexdigest(), MOMENT),
    )
    prompt, generation, candidate = (_next(connection, table) for table in ("prompts", "generations", "candidates"))
    version = connection.execute("SELECT max(number) FROM versions").fetchone()[0]
    connection.executemany(
        "INSERT INTO prompts (id, text, sha256, source, queued, priority, created_at)"
        " VALUES (?, ?, ?, 'load', 0, 0, ?)",
        _prompts(prompt, screens),
    )
    connection.executemany(
        "INSERT INTO generations (id, prompt_id, user_id, sampling, seed, milliseconds, gold, created_at)"
        " VALUES (?, ?, ?, '{}', 1, 1.0, 0, ?)",
        ((generation + number, prompt + number, person, MOMENT) for number in range(screens)),
    )
    connection.executemany(
        "INSERT INTO candidates (id, generation_id, position, text, log_probability, version_number)"
        " VALUES (?, ?, ?, ?, -3.0, ?)",
        (
            (
                candidate + 3 * number + place,
                generation + number,
                place,
                f"I do not think that is a good idea, and this is way {place} to say so, number {number}.",
                version,
            )
            for number in range(screens)
            for place in range(3)
        ),
    )
    return Desk(
        token,
        [(generation + number, [candidate + 3 * number + place for place in range(3)]) for number in range(screens)],
    )


def _prompts(first: int, count: int) -> Iterator[tuple[int, str, str, str]]:
    for number in range(first, first + count):
        text = f"Only a complete moron would come up with a plan as stupid as this one, number {number}."
        yield number, text, hashlib.sha256(text.encode()).hexdigest(), MOMENT


def _next(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0])  # noqa: S608
