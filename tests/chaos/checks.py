"""What must hold after each round, whatever was killed: read from the database file, the folder of versions and HTTP.

The annotators hold on meanwhile, with nothing left to send; a run may go on.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.model_errors import ModelError
from models.store.store import CheckpointStore
from tests.chaos.people.journal import Gesture

STUCK_SECONDS = 120.0
"""A run that a dead worker left is taken up after a minute of silence; one that shows nothing for two is stuck."""
_DIED = re.compile(r"The worker died [34] times without getting further, at last while it was .+\.")

_EXPECTED_PAIRS = """
    SELECT j.id, p.text, CASE j.verdict WHEN 'edited' THEN j.edited_text ELSE best.text END, other.text
    FROM judgments j JOIN generations g ON g.id = j.generation_id JOIN prompts p ON p.id = g.prompt_id
    JOIN candidates other ON other.generation_id = g.id AND (j.verdict = 'edited' OR other.id <> j.candidate_id)
    LEFT JOIN candidates best ON best.id = j.candidate_id
    WHERE j.verdict IN ('chosen', 'edited') AND NOT g.gold
"""
_PAIRS = "SELECT judgment_id, prompt, chosen, rejected FROM preferences"
_STANDING_TWICE = """
    SELECT generation_id, user_id FROM judgments WHERE undone_at IS NULL GROUP BY 1, 2 HAVING count(*) > 1
"""


@dataclass
class Found:
    """What one look has found; `faults` are sentences."""

    acknowledged: int = 0
    missing: int = 0
    doubled: int = 0
    half: int = 0
    published: int = 0
    removing: int = 0
    unrecorded: int = 0
    faults: list[str] = field(default_factory=list)


@contextmanager
def snapshot(database: Path) -> Iterator[sqlite3.Connection]:
    """Give one moment of the database, read only."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        yield connection


def check_database(connection: sqlite3.Connection, found: Found) -> None:
    """Check the file itself, its references, and that preferences are what the judgments say."""
    integrity = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    if integrity != ["ok"]:
        found.faults.append(f"integrity_check says {integrity[:3]}")
    if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
        found.faults.append(f"{len(broken)} rows refer to rows that are not there")
    expected, stored = (Counter(map(tuple, connection.execute(query))) for query in (_EXPECTED_PAIRS, _PAIRS))
    if expected != stored:
        lost, extra = (expected - stored).total(), (stored - expected).total()
        found.faults.append(f"{lost} preferences are missing and {extra} belong to no judgment")


def check_judgments(connection: sqlite3.Connection, gestures: Mapping[str, Gesture], found: Found) -> None:
    """Check that exactly what was acknowledged is stored, once, as it was said, and undone where that was said."""
    rows = connection.execute("SELECT * FROM judgments").fetchall()
    stored = {row["client_key"]: row for row in rows}
    acknowledged = {key: gesture for key, gesture in gestures.items() if gesture.id is not None}
    found.acknowledged = len(acknowledged)
    for key, gesture in acknowledged.items():
        row = stored.get(key)
        if row is None or row["id"] != gesture.id:
            found.missing += 1
            found.faults.append(f"Judgment {key} was acknowledged as {gesture.id} and is {row and row['id']}")
        elif problem := _difference(row, gesture):
            found.faults.append(f"Judgment {gesture.id} {problem}")
    unknown = set(stored) - set(acknowledged)
    twice = connection.execute(_STANDING_TWICE).fetchall()
    found.doubled += len(rows) - len(stored) + len(unknown) + len(twice)
    if found.doubled:
        found.faults.append(f"{len(unknown)} judgments were never acknowledged, {len(twice)} screens have two")


def _difference(row: sqlite3.Row, gesture: Gesture) -> str | None:
    said = {name: gesture.body.get(name) for name in ("generation_id", "verdict", "candidate_id", "edited_text")}
    if said != {name: row[name] for name in said}:
        return "is not what was said"
    if (row["undone_at"] is not None) != gesture.undone:
        return "stands, but was undone" if gesture.undone else "is undone, but nobody undid it"
    return None


def check_counts(connection: sqlite3.Connection, metrics: str, found: Found) -> None:
    """Check that /metrics counts what is stored."""
    counted = {
        "judgments": "SELECT count(*) FROM judgments WHERE undone_at IS NULL",
        "preferences": "SELECT count(*) FROM preferences p JOIN judgments j ON j.id = p.judgment_id"
        " WHERE j.undone_at IS NULL",
        "generations": "SELECT count(*) FROM generations",
    }
    for name, query in counted.items():
        said = re.search(rf"^mellow_{name} (\S+)$", metrics, re.MULTILINE)
        stored = connection.execute(query).fetchone()[0]
        if said is None or float(said[1]) != stored:
            found.faults.append(f"/metrics says {said and said[1]} {name}, stored are {stored}")


def check_versions(database: Path, store: CheckpointStore, found: Found) -> None:
    """Check that each folder is whole, each row has its folder, and the alias names a version that is there.

    A folder without a row is one whose run died before it was recorded, or is being recorded just now.
    """
    before = _rows(database)
    numbers = set(store.numbers())
    for number in sorted(numbers):
        try:
            manifest = store.verify(number)
        except ModelError as error:
            found.half += 1
            found.faults.append(str(error))
            continue
        row = before.get(number)
        if row is not None and row["sha256"] != manifest.sha256:
            found.faults.append(f"The row of version {number} names another manifest")
        found.removing += row is not None and row["deleted_at"] is not None
    after = _rows(database)
    found.unrecorded += len(numbers - set(after))
    found.published = sum(number > 1 for number in after)
    for number, row in before.items():
        if row["deleted_at"] is None and not store.place(number).is_dir():
            found.half += 1
            found.faults.append(f"Version {number} has a row and no folder")
    strange = [path.name for path in store.root.iterdir() if not path.name.isdigit() and not path.name.startswith(".")]
    if strange:
        found.half += len(strange)
        found.faults.append(f"The folder of versions holds {', '.join(strange)}")
    with snapshot(database) as connection:
        ((serving,),) = connection.execute("SELECT version_number FROM aliases WHERE name = 'serving'").fetchall()
    if serving not in numbers or after[serving]["deleted_at"] is not None:
        found.faults.append(f"The alias names version {serving}, which is not there")


def _rows(database: Path) -> dict[int, sqlite3.Row]:
    with snapshot(database) as connection:
        return {row["number"]: row for row in connection.execute("SELECT number, sha256, deleted_at FROM versions")}


class RunWatch:
    """Looks at runs from round to round: each ends well, cancelled or with the worker's deaths, or goes on."""

    def __init__(self) -> None:
        self._seen: tuple[Any, ...] = ()
        self._since = time.monotonic()
        self._told: set[int] = set()

    def check(self, connection: sqlite3.Connection, found: Found) -> None:
        """Find what ended otherwise, lacks its version, or has not moved for STUCK_SECONDS."""
        for row in connection.execute("SELECT id, error FROM training_runs WHERE status = 'failed'"):
            if row["id"] not in self._told and not _DIED.fullmatch(row["error"] or ""):
                self._told.add(row["id"])
                found.faults.append(f"Run {row['id']} failed: {row['error']}")
        lacking = connection.execute(
            "SELECT id FROM training_runs WHERE status = 'succeeded'"
            " AND produced_version NOT IN (SELECT number FROM versions)"
        ).fetchall()
        if lacking:
            found.faults.append(f"Runs without their version: {[row[0] for row in lacking]}")
        state = self._state(connection)
        if state != self._seen:
            self._seen, self._since = state, time.monotonic()
        elif state and time.monotonic() - self._since > STUCK_SECONDS:
            found.faults.append(f"Run {state[0]} has been {state[2]} for {time.monotonic() - self._since:.0f} s")

    @staticmethod
    def _state(connection: sqlite3.Connection) -> tuple[Any, ...]:
        row = connection.execute(
            "SELECT id, status, stage, attempts, step FROM training_runs WHERE status IN ('queued', 'running')"
            " ORDER BY id LIMIT 1"
        ).fetchone()
        return tuple(row) if row else ()


def training_now(database: Path) -> str:
    """Return what the present run does, in words."""
    with snapshot(database) as connection:
        row = connection.execute(
            "SELECT status, stage, step, total_steps FROM training_runs WHERE status IN ('queued', 'running')"
            " ORDER BY id LIMIT 1"
        ).fetchone()
    if row is None:
        return "no run"
    steps = f", step {row['step']} of {row['total_steps']}" if row["stage"] == "training" and row["total_steps"] else ""
    return f"{row['stage']}{steps}"
