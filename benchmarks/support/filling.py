"""A studio that was used for long, written into the database in bulk: people, prompts, screens, judgments, pairs.

20 people judge for 200 days. Of 100 screens 5 are attention checks, of which there are 20; of 100 verdicts 92 are
choices, 4 edited texts, 2 ties of two, 1 "none is good" and 1 a skip; 1 judgment in 100 was undone since. Every fifth
prompt is judged by two people. What differs between a small and a large studio is how many judgments there are, and the
queue with them.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks.support.bulk import Bulk, Place, Row, writing

PEOPLE = 20
DAYS = 200
VERSIONS = 5
CHECKS = 20
NEVER_AGAIN = "2999-01-01 00:00:00.000000"
"""When people and tokens were last seen, so that no request writes it."""
_BATCH = 20_000
_PLACES = ("the plan", "this report", "your answer", "that idea", "the meeting", "his speech", "the road", "our team")
_INSULTS = ("stupid", "idiotic", "worthless", "pathetic", "moronic", "ridiculous", "dumb", "brainless")
_CALM = ("I do not agree with", "I am not happy with", "I see it differently about", "Please think again about")
_TABLES = {
    "prompts": ("id", "text", "sha256", "source", "queued", "priority", "gold_answer", "created_at"),
    "generations": ("id", "prompt_id", "user_id", "sampling", "seed", "milliseconds", "gold", "created_at"),
    "candidates": ("id", "generation_id", "position", "text", "log_probability", "version_number"),
    "judgments": (
        "id",
        "generation_id",
        "user_id",
        "verdict",
        "candidate_id",
        "tied",
        "edited_text",
        "flagged",
        "imported",
        "client_key",
        "seconds",
        "created_at",
        "undone_at",
    ),
    "preferences": ("judgment_id", "prompt", "chosen", "rejected", "weight"),
}

_PERSON = (
    "id",
    "email",
    "name",
    "password_hash",
    "role",
    "active",
    "must_change_password",
    "settings",
    "last_seen_at",
    "created_at",
)


def fill(database: Place, preferences: int) -> str:
    """Fill a migrated, empty database with about so many preference rows; returns an admin's API token."""
    token = secrets.token_urlsafe(32)
    with writing(database, "synchronous=OFF", "cache_size=-200000") as bulk:
        _add_people(bulk, token)
        judgments = round(preferences / 1.899)
        first = 1
        while first <= judgments:
            last = min(first + _BATCH - 1, judgments)
            _add_judgments(bulk, first, last, judgments)
            first = last + 1
        _add_queue(bulk, judgments)
        bulk.count_on("users", "prompts", "generations", "candidates", "judgments")
    settle(database)
    return token


def settle(database: Place) -> None:
    """Do what a database that was filled at once has done by the time it was filled slowly."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


def _add_people(bulk: Bulk, token: str) -> None:
    moment = _moment(0, 1)
    people = (
        (one, f"person{one}@example.org", "", "none", "admin" if one == 1 else "annotator")
        for one in range(1, PEOPLE + 1)
    )
    bulk.add(
        "users",
        _PERSON,
        ((*person, True, False, "{}", NEVER_AGAIN, moment) for person in people),
    )
    bulk.ask(
        "INSERT INTO api_tokens (user_id, name, token_hash, scopes, created_at, last_used_at)"
        " VALUES (1, 'load', ?, '[\"admin\"]', ?, ?)",
        _digest(token),
        moment,
        NEVER_AGAIN,
    )
    bulk.add(
        "versions",
        ("number", "parent_number", "method", "location", "sha256", "metrics", "note", "created_at"),
        (
            (one, one - 1 or None, "base" if one == 1 else "dpo", "/nowhere", "none", "{}", "", moment)
            for one in range(1, VERSIONS + 1)
        ),
    )
    bulk.add("aliases", ("name", "version_number", "moves", "moved_at"), [("serving", VERSIONS, 1, moment)])


def _add_judgments(bulk: Bulk, first: int, last: int, of: int) -> None:
    rows: dict[str, list[Row]] = {name: [] for name in _TABLES}
    for number in range(first, last + 1):
        _add_judgment(rows, number, of)
    for name, columns in _TABLES.items():
        bulk.add(name, columns, rows[name])


def _add_judgment(rows: dict[str, list[Row]], number: int, of: int) -> None:
    """One judgment with its screen, its pairs and, unless somebody else has judged it before, its prompt."""
    dice = random.Random(number)
    moment, person = _moment(number, of), 1 + number % PEOPLE
    again = number % 5 == 0  # the prompt of the judgment before, in front of somebody else
    gold = not again and number % 20 == 11
    prompt = number - 1 if again else 11 + 20 * (number // 20 % CHECKS) if gold else number
    text, texts = _texts(prompt)
    if not again and prompt == number:
        answer = texts[0] if gold else None
        source = f"file{prompt % 7}.csv"
        rows["prompts"].append((prompt, text, _digest(text), source, False, 0, answer, moment))
    rows["generations"].append((number, prompt, person, "{}", number, 40.0, gold, moment))
    ids = [3 * number - 2 + place for place in range(3)]
    shown = dice.sample(texts, 3)
    version = 1 + (VERSIONS - 1) * number // of
    rows["candidates"] += [
        (ids[place], number, place, shown[place], -3.0, None if gold else version) for place in range(3)
    ]
    verdict, best, tied, edited = _verdict(dice)
    undone = moment if dice.random() < 0.01 else None
    chosen_id = ids[best] if verdict == "chosen" else None
    ties = f"[{ids[tied[0]]}, {ids[tied[1]]}]" if tied else None
    key = f"{number:08x}-0000-4000-8000-{dice.getrandbits(48):012x}"
    seconds = round(dice.uniform(1, 20), 1)
    rows["judgments"].append(
        (
            number,
            number,
            person,
            verdict,
            chosen_id,
            ties,
            edited,
            verdict == "skipped",
            False,
            key,
            seconds,
            moment,
            undone,
        )
    )
    good = [edited] if edited else [shown[place] for place in tied or ((best,) if verdict == "chosen" else ())]
    bad = [one for one in shown if one not in good]
    if not gold and good:
        rows["preferences"] += [(number, text, one, other, 1 / len(good)) for other in bad for one in good]


def _verdict(dice: random.Random) -> tuple[str, int, tuple[int, int] | None, str | None]:
    """The verdict, the place that was chosen, the places that were tied, and the text that was written."""
    drawn, best = dice.random(), dice.randrange(3)
    if drawn < 0.92:
        return "chosen", best, None, None
    if drawn < 0.96:
        return "edited", best, None, f"I would rather say it like this: let us talk about it, {dice.randrange(10**9)}."
    if drawn < 0.98:
        return "tie", best, (0, 2), None
    return ("none" if drawn < 0.99 else "skipped"), best, None, None


def _add_queue(bulk: Bulk, judgments: int) -> None:
    """Prompts that wait: a fiftieth of those that were judged, and a hundred at least, so that a page is full."""
    first = judgments + 1
    rows = (
        (number, text, _digest(text), "queue.csv", True, number % 3, None, _moment(0, 1))
        for number in range(first, first + max(100, judgments // 50))
        for text in (_texts(number)[0],)
    )
    bulk.add("prompts", _TABLES["prompts"], rows)


def _texts(prompt: int) -> tuple[str, list[str]]:
    insult, place = _INSULTS[prompt % 8], _PLACES[prompt // 8 % 8]
    source = f"Only a complete moron could come up with {place}, it is the most {insult} thing of all, number {prompt}."
    return source, [
        f"{_CALM[(prompt + one) % 4]} {place}, it is not the best thing of all, {prompt}." for one in range(3)
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _moment(number: int, of: int) -> str:
    """When that judgment of `of` was made: spread over the days up to an hour ago, so the last week is busy too."""
    end = datetime.now(UTC) - timedelta(hours=1)
    moment = end - timedelta(days=DAYS) * ((of - number) / of)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
