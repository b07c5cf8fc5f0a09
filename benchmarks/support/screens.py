"""Screens that wait for a click, written past the model: what is measured is how a click is stored."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.support.bulk import Bulk, Place, Row, writing
from benchmarks.support.load import request

MOMENT = "2026-01-01 00:00:00.000000"
_FILLED = ("prompts", "generations", "candidates")
_PROMPT = ("id", "text", "sha256", "source", "queued", "priority", "created_at")


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


def prepare(database: Place, people: int, screens: int) -> list[Desk]:
    """So many new annotators with so many screens each, in a database that may be in use."""
    desks = []
    for _ in range(people):
        with writing(database) as bulk:
            desks.append(_desk(bulk, screens))
    return desks


def _desk(bulk: Bulk, screens: int) -> Desk:
    token = f"mellow_{secrets.token_urlsafe(32)}"
    person = bulk.ask(
        "INSERT INTO users"
        " (email, name, password_hash, role, active, must_change_password, settings, created_at)"
        " VALUES (?, '', 'none', 'annotator', true, false, '{}', ?) RETURNING id",
        f"{secrets.token_hex(6)}@example.org",
        MOMENT,
    )
    bulk.ask(
        "INSERT INTO api_tokens (user_id, name, token_hash, scopes, created_at)"
        " VALUES (?, 'load', ?, '[\"annotate\"]', ?)",
        person,
        hashlib.sha256(token.encode()).hexdigest(),
        MOMENT,
    )
    prompt, generation, candidate = (_next(bulk, table) for table in _FILLED)
    version = bulk.ask("SELECT max(number) FROM versions")
    bulk.add("prompts", _PROMPT, _prompts(prompt, screens))
    bulk.add(
        "generations",
        ("id", "prompt_id", "user_id", "sampling", "seed", "milliseconds", "gold", "created_at"),
        ((generation + number, prompt + number, person, "{}", 1, 1.0, False, MOMENT) for number in range(screens)),
    )
    bulk.add(
        "candidates",
        ("id", "generation_id", "position", "text", "log_probability", "version_number"),
        (
            (
                candidate + 3 * number + place,
                generation + number,
                place,
                f"I do not think that is a good idea, and this is way {place} to say so, number {number}.",
                -3.0,
                version,
            )
            for number in range(screens)
            for place in range(3)
        ),
    )
    if screens:
        bulk.count_on(*_FILLED)
    return Desk(
        token,
        [(generation + number, [candidate + 3 * number + place for place in range(3)]) for number in range(screens)],
    )


def _prompts(first: int, count: int) -> Iterator[Row]:
    for number in range(first, first + count):
        text = f"Only a complete moron would come up with a plan as stupid as this one, number {number}."
        yield number, text, hashlib.sha256(text.encode()).hexdigest(), "load", False, 0, MOMENT


def _next(bulk: Bulk, table: str) -> int:
    return int(bulk.ask(f"SELECT coalesce(max(id), 0) + 1 FROM {table}"))  # noqa: S608
