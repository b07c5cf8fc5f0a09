"""A studio with a million preferences against one with a thousand: every page, the click, the next screen, the export.

    python -m benchmarks.million_preferences [--rounds 15] [--preferences 1000000] [--postgresql]

Both databases are filled in bulk with the same kinds of rows (support/filling.py: 20 people, 200 days). Requests go
through the whole application in this process, without a network; the next screen is served with rewrites that are there
already, so that it is the database that is timed and not the model. Rounds take turns between the two studios; of each
the median counts. The first look, before a process has counted anything, and the page of people right after a click,
which is when it brings agreement up to date, are told for themselves. The export is timed through its route, in rows
(pairs) a second, while the memory of this process is watched. Prints a line of JSON a claim.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import psutil
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from app import create_app
from app.config import Settings
from app.context import Mellow
from app.db import User
from app.runtime.embedded_queue import EmbeddedQueue
from app.services.desk import screens
from app.services.exchange import exports
from app.services.people import sessions
from benchmarks.support.bulk import Place
from benchmarks.support.filling import fill
from benchmarks.support.harness import Finding, interleaved
from benchmarks.support.screens import prepare
from models.reward.features import SIZE, Array
from models.reward.head import Head
from models.serving.generator import Generator, Sampling, Screen
from models.serving.screen import Gone, Shown, never
from tests.postgres import new_database, running_postgres

SMALL = 1_000
GOAL_RATIO = 2.0
GOAL_ROWS = 50_000
GOAL_MEGABYTES = 32.0
PAGES = {
    "annotate": "/annotate",
    "My work": "/work",
    "training": "/admin",
    "data": "/admin/data",
    "queue": "/admin/data/queue",
    "judgments": "/admin/data/judgments",
    "people": "/admin/people",
    "one person": "/admin/people/2",
    "versions": "/admin/versions",
    "system": "/admin/system",
    "metrics": "/metrics",
}


class Rewrites:
    """Stands in for the model: rewrites at once."""

    version = 1

    def generate(self, prompt: str, sampling: Sampling, head: Head | None = None, gone: Gone = never) -> Screen:
        """Three rewrites."""
        texts = [f"I do not think so, and this is way {one} to say it." for one in range(3)]
        drawn = tuple(Shown(text, -3.0, row) for text, row in zip(texts, self.features(prompt, texts), strict=True))
        return Screen(drawn, False, {}, 1, 1.0)

    def features(self, prompt: str, rewrites: Sequence[str]) -> Array:
        """Nothing that a head could tell them apart by."""
        return np.zeros((len(rewrites), SIZE))


class Studio:
    """One studio: its application, the admin who is signed in, and an annotator with screens to judge."""

    def __init__(self, home: Path, database: Place, preferences: int, queue_url: str, clicks: int) -> None:
        home.mkdir()
        url = database if isinstance(database, str) else ""
        settings = {"MELLOW_HOME": str(home), "REDIS_URL": queue_url, "DATABASE_URL": url}
        self._app: Flask = create_app(Settings.from_env(settings))
        with self._app.app_context():
            upgrade()
        self.kind = " on PostgreSQL" if url else ""
        fill(database, preferences)
        (self._desk,) = prepare(database, 1, clicks)
        self._clicks = iter(self._desk.clicks())
        self._sessions = cast(Mellow, self._app.extensions["mellow"]).sessions
        self._client = self._app.test_client()
        with self._sessions() as session:
            self.preferences = int(session.execute(text("SELECT count(*) FROM preferences")).scalar_one())
            secret = sessions.begin(session, session.get_one(User, 1), timedelta(days=1), "127.0.0.1", "a benchmark")
        with self._client.session_transaction() as cookie:
            cookie["_user_id"] = secret

    def get(self, path: str) -> float:
        """Milliseconds of a page."""
        with _timed() as took:
            answer = self._client.get(path)
        assert answer.status_code == 200, f"{path} answered {answer.status}"
        return took[0]

    def click(self) -> float:
        """Milliseconds of a judgment."""
        body = next(self._clicks).partition(b"\r\n\r\n")[2]
        headers = {"Authorization": f"Bearer {self._desk.token}"}
        with _timed() as took:
            answer = self._client.post("/api/v1/judgments", data=body, headers=headers, content_type="application/json")
        assert answer.status_code == 201, answer.text
        return took[0]

    def next_screen(self) -> float:
        """Milliseconds of the next screen of the queue for the annotator, drawn anew each time."""
        shown: list[int] = []
        with self._sessions() as session:
            person = int(session.execute(text("SELECT max(id) FROM users")).scalar_one())
            held = "SELECT id FROM generations WHERE user_id = :person ORDER BY id DESC LIMIT 100"
            shown = list(session.execute(text(held), {"person": person}).scalars())
            session.rollback()
            with _timed() as took:
                screen = screens.next_screen(
                    session, cast(Generator, Rewrites()), person, Sampling(1.0, 0.95, 0), shown
                )
        assert screen is not None
        return took[0]

    def export(self, format_name: str) -> tuple[float, int]:
        """Seconds and bytes of a whole export."""
        size = 0
        began = time.perf_counter()
        answer = self._client.get(f"/api/v1/preferences?format={format_name}", buffered=False)
        assert answer.status_code == 200
        for piece in answer.iter_encoded():
            size += len(piece)
        return time.perf_counter() - began, size

    def standing(self) -> int:
        """How many pairs an export has."""
        standing = "SELECT count(*) FROM preferences JOIN judgments j ON j.id = judgment_id WHERE undone_at IS NULL"
        with self._sessions() as session:
            return int(session.execute(text(standing)).scalar_one())


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--preferences", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true", help="keep both studios in PostgreSQL")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        queue = stack.enter_context(EmbeddedQueue(folder / "queue"))
        places: list[Place] = [folder / name / "mellow.db" for name in ("small", "large")]
        if arguments.postgresql:
            server = stack.enter_context(running_postgres(durable=True))
            places = [stack.enter_context(new_database(server, name)) for name in ("small", "large")]
        clicks = 4 * arguments.rounds + 20
        small = Studio(folder / "small", places[0], SMALL, queue.url, clicks)
        print("Filling the large studio …", file=sys.stderr, flush=True)
        large = Studio(folder / "large", places[1], arguments.preferences, queue.url, clicks)
        first = large.get(PAGES["training"])
        print(f"The first look, which counts everything once: {first:.0f} ms", file=sys.stderr, flush=True)
        for name, path in PAGES.items():
            compare(f"page: {name}", small, large, arguments.rounds, partial(Studio.get, path=path))
        compare("the next screen", small, large, arguments.rounds, Studio.next_screen)
        compare("storing a click", small, large, arguments.rounds, Studio.click)
        compare("page: people, right after a click", small, large, arguments.rounds, after_a_click)
        for format_name in exports.FORMATS:
            export(large, format_name)


def compare(what: str, small: Studio, large: Studio, rounds: int, way: Callable[[Studio], float]) -> None:
    """Tell the ratio of the medians of one way to use both studios."""
    for studio in (small, large):
        way(studio)  # templates are compiled, and what is kept is there
    seen = interleaved({"small": lambda: way(small), "large": lambda: way(large)}, rounds)
    with_few, with_many = (statistics.median(seen[name]) for name in ("small", "large"))
    Finding(
        claim=f"{what}, with a million preferences{large.kind}",
        goal=f"at most {GOAL_RATIO:g}x the time with a thousand",
        met=with_many <= GOAL_RATIO * with_few,
        measured={"milliseconds": with_many, "times_as_long": with_many / with_few, "preferences": large.preferences},
        baseline="the same studio with a thousand preferences",
        baseline_measured={"milliseconds": with_few, "preferences": small.preferences},
        ratio=with_few / with_many,
    ).tell()


def after_a_click(studio: Studio) -> float:
    """Milliseconds of the page of people when somebody has just judged."""
    studio.click()
    return studio.get(PAGES["people"])


def export(studio: Studio, format_name: str) -> None:
    """Tell how fast one format is exported, and how far the memory grows meanwhile."""
    rows = studio.standing()
    with _memory() as grown:
        seconds, size = studio.export(format_name)
    Finding(
        claim=f"export as {format_name}{studio.kind}",
        goal=f"at least {GOAL_ROWS:,} rows a second, memory within {GOAL_MEGABYTES:g} MB",
        met=rows / seconds >= GOAL_ROWS and grown[0] <= GOAL_MEGABYTES,
        measured={"rows_per_second": rows / seconds, "rows": rows, "megabytes": size / 1e6, "memory_mb": grown[0]},
    ).tell()


@contextmanager
def _timed() -> Iterator[list[float]]:
    """The milliseconds that the block takes, once it is left."""
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append((time.perf_counter() - began) * 1000)


@contextmanager
def _memory() -> Iterator[list[float]]:
    """How many megabytes the memory of this process grew at most during the block, looked at 50 times a second."""
    grown, stop, process = [0.0], threading.Event(), psutil.Process()
    before = process.memory_info().rss

    def watch() -> None:
        while not stop.wait(0.02):
            grown[0] = max(grown[0], (process.memory_info().rss - before) / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield grown
    stop.set()
    watcher.join()


if __name__ == "__main__":
    main()
