"""Give a test a whole studio: migrated database, real queue, tiny T5, application, and people who use it.

What is slow to make is made once a session: the migrated database and the published tiny versions, which are copied,
and the routes with their templates.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import secrets
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.context import Mellow
from app.db import Base, Role
from app.extensions import db
from app.runtime.embedded_queue import EmbeddedQueue
from app.services.versions import versions
from models.serving.generator import Generator
from models.store.store import MODEL_FOLDER, CheckpointStore
from tests import factories
from tests.app import quick_sqlite
from tests.postgres import new_database

Row = TypeVar("Row", bound=Base)

quick_sqlite.begin()


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedQueue]:
    """One real Valkey for all tests."""
    with EmbeddedQueue(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def queue_connection(queue_server: EmbeddedQueue) -> Iterator[Redis]:
    """A connection to it."""
    with Redis.from_url(queue_server.url) as connection:
        yield connection


@pytest.fixture
def queue_url(queue_server: EmbeddedQueue, queue_connection: Redis) -> str:
    """The REDIS_URL of an empty queue."""
    if queue_connection.dbsize():
        queue_connection.flushall()
    return queue_server.url


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every migration applied, to be copied."""
    home = tmp_path_factory.mktemp("migrated")
    app = create_app(Settings.from_env({"MELLOW_HOME": str(home)}))
    with app.app_context():
        upgrade()
    dispose(app)
    return home / "mellow.db"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    """A checkpoint store with two tiny T5s of different weights, versions 1 and 2, to be copied from."""
    from tests.tiny.t5 import build_tiny_t5
    from worker.publish import release, staging
    from worker.training.shared.quiet_libraries import quiet

    store = CheckpointStore(tmp_path_factory.mktemp("published"))
    for number, parent in ((1, None), (2, 1)):
        with store.stage() as staged:
            with quiet():
                build_tiny_t5(staged / MODEL_FOLDER, seed=number)
            parity = staging.prepare(staged)
            release.seal(
                store,
                staged,
                number=number,
                parent=parent,
                run_id=None,
                method="base",
                config={},
                data_sha256="",
                metrics={"parity": parity},
            )
            store.publish(staged, number)
    return store


def new_settings(home: Path, **values: Any) -> Settings:
    """Settings with `home` for a home, and what else is given."""
    return dataclasses.replace(Settings.from_env({"MELLOW_HOME": str(home)}), **values)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--database", choices=["sqlite", "postgresql"], default="sqlite", help="where the studios of tests keep theirs"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about SQLite where the studios are on PostgreSQL."""
    if config.getoption("database") == "postgresql":
        config.hook.pytest_deselected(items=[item for item in items if _is_about_sqlite(item)])
        items[:] = [item for item in items if not _is_about_sqlite(item)]


def _is_about_sqlite(item: pytest.Item) -> bool:
    """Whether a test is marked so, or is that one of a pair which runs on SQLite."""
    chosen = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    return item.get_closest_marker("sqlite") is not None or "sqlite" in [one for one in chosen if isinstance(one, str)]


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_database: Path, queue_url: str
) -> Iterator[Settings]:
    """The settings of a fresh home with a migrated, empty database, of the kind that the option `--database` says."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(migrated_database.with_name("secret-key"), home)
    if request.config.getoption("database") == "postgresql":
        server, template = (request.getfixturevalue(name) for name in ("postgres_server", "migrated_postgres"))
        with postgres_settings(home, server, template, queue_url) as settings, connections_closed():
            yield settings
    else:
        shutil.copy(migrated_database, home)
        yield new_settings(home, redis_url=queue_url, serving_threads=1)


@pytest.fixture(scope="session")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application whose routes and templates every test uses: they take most of the time of making one."""
    app = create_app(Settings.from_env({"MELLOW_HOME": str(tmp_path_factory.mktemp("routes"))}))
    dispose(app)
    return app


@pytest.fixture
def real_hashes() -> None:
    """Passwords are hashed as they are outside of tests, where each takes a tenth of a second."""


@pytest.fixture
def durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits wait for the disk, as they do outside of tests; to be asked for before the application."""
    monkeypatch.setattr(quick_sqlite, "durable", True)


@pytest.fixture
def app(request: pytest.FixtureRequest, settings: Settings, routes: Flask) -> Iterator[Flask]:
    """The application, with nothing published yet: its settings, parts and connections are the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.assembly.register_blueprints", lambda _app: None)
        made = create_app(settings)
    routes.config.clear()
    routes.config.update(made.config)
    routes.extensions["mellow"] = parts(made)
    with made.app_context():
        engine = db.engine
    with routes.app_context():
        cast(dict[str | None, Engine], db.engines)[None] = engine
    with pytest.MonkeyPatch.context() as patch:
        if "real_hashes" not in request.fixturenames:
            patch.setattr("app.services.people.passwords._hasher", factories.HASHER)
        yield routes
    close(routes)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session of the test's own, to arrange with and to look with (`rows` shows the newest state)."""
    with parts(app).sessions() as session:
        yield session


@pytest.fixture
def version_1(app: Flask, session: Session, published: CheckpointStore) -> int:
    """A tiny version 1, published and serving."""
    add_version(app, session, published, 1)
    factories.serving(session, 1)
    return 1


def add_version(app: Flask, session: Session, published: CheckpointStore, number: int) -> Path:
    """Copy a tiny version into the studio's store and let the database know it; returns its folder."""
    folder = parts(app).store.place(number)
    shutil.copytree(published.folder(number), folder)
    versions.record_version(session, published.manifest(number), str(folder))
    session.commit()
    return folder


def parts(app: Flask) -> Mellow:
    """What create_app put together."""
    return cast(Mellow, app.extensions["mellow"])


def rewriter(app: Flask) -> Generator:
    """What writes for the first project, which rewrites."""
    generator = parts(app).generator()
    assert isinstance(generator, Generator)
    return generator


def rows(session: Session, table: type[Row]) -> list[Row]:
    """Every row of a table as it is now, in order of its primary key."""
    session.rollback()  # let go of an older snapshot
    key = table.__mapper__.primary_key[0]
    return list(session.scalars(select(table).order_by(key)))


def close(app: Flask) -> None:
    """End the application's threads and connections."""
    mellow = parts(app)
    stopping = threading.Thread(target=mellow.background.stop)
    stopping.start()
    while stopping.is_alive():
        with contextlib.suppress(RedisError):
            mellow.queue.tell_alias_moved(0)  # news wake the listener, who would else sleep out its second
        stopping.join(0.02)
    dispose(app)


def dispose(app: Flask) -> None:
    """Close every database connection of the application."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@dataclass(frozen=True)
class Person:
    """Someone with an account, and their two ways in."""

    app: Flask
    id: int
    email: str
    token: str

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        """A request to the API with the bearer token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)

    def post(self, path: str, body: object) -> TestResponse:
        """A JSON request to the API with the bearer token."""
        return self.call("POST", path, json=body)

    def browser(self, base_url: str = "http://localhost") -> Browser:
        """A browser in which the person is signed in."""
        browser = Browser(self.app.test_client(), base_url)
        answer = browser.submit("/sign-in", {"email": self.email, "password": factories.PASSWORD})
        assert answer.status_code == 302, answer.text
        return browser


@dataclass(frozen=True)
class Browser:
    """A client that keeps cookies and sends the CSRF token of the page a form lies on."""

    client: FlaskClient
    base_url: str = "http://localhost"

    def get(self, path: str, **options: Any) -> TestResponse:
        """A page."""
        return self.client.get(path, base_url=self.base_url, **options)

    def csrf_token(self, page: str) -> str:
        """The CSRF token of a page."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.get(page).text)
        assert found is not None
        return found[1]

    def submit(self, path: str, form: Mapping[str, Any], page: str = "/sign-in", **options: Any) -> TestResponse:
        """A form sent from `page`, its token along."""
        if page == "/sign-in" and self.get(page).status_code != 200:
            page = "/annotate"
        fields = {**form, "csrf_token": self.csrf_token(page)}
        headers = {"Referer": f"{self.base_url}{page}"}
        return self.client.post(path, data=fields, headers=headers, base_url=self.base_url, **options)


def make_person(app: Flask, session: Session, role: Role = Role.ANNOTATOR, **values: Any) -> Person:
    """A new person."""
    token = f"mellow_{secrets.token_urlsafe(32)}"
    user = factories.user(session, role=role, token=token, **values)
    return Person(app, user.id, user.email, token)


@pytest.fixture
def annotator(app: Flask, session: Session) -> Person:
    """Someone who judges."""
    return make_person(app, session)


@pytest.fixture
def admin(app: Flask, session: Session) -> Person:
    """Someone who trains, publishes and manages people."""
    return make_person(app, session, Role.ADMIN)


@pytest.fixture(scope="session")
def migrated_postgres(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[str]:
    """The name of a PostgreSQL database with every migration applied, to be copied."""
    name = "migrated"
    with new_database(postgres_server, name) as url:
        app = create_app(
            Settings.from_env({"MELLOW_HOME": str(tmp_path_factory.mktemp("migrated")), "DATABASE_URL": url})
        )
        with app.app_context():
            upgrade()
        dispose(app)
        yield name


@pytest.fixture
def postgres_app(tmp_path: Path, postgres_server: str, migrated_postgres: str, queue_url: str) -> Iterator[Flask]:
    """The application on a PostgreSQL database with every migration applied."""
    with postgres_settings(tmp_path / "postgres-home", postgres_server, migrated_postgres, queue_url) as settings:
        app = create_app(settings)
        yield app
        close(app)


@contextlib.contextmanager
def connections_closed() -> Iterator[None]:
    """Close what was opened in the block: the process of a job would end with its connections, a test goes on."""
    opened: list[Any] = []

    def keep(connection: Any, _record: object) -> None:
        opened.append(connection)

    event.listen(Engine, "connect", keep)
    yield
    event.remove(Engine, "connect", keep)
    for connection in opened:
        connection.close()


@contextlib.contextmanager
def postgres_settings(home: Path, server: str, template: str, queue_url: str) -> Iterator[Settings]:
    """Settings with a PostgreSQL database of their own that is a copy of `template`."""
    with new_database(server, f"test_{uuid.uuid4().hex}", template) as given:
        url = Settings.from_env({"MELLOW_HOME": str(home), "DATABASE_URL": given}).database_url
        yield new_settings(home, database_url=url, redis_url=queue_url, serving_threads=1)
