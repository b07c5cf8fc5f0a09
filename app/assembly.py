"""The web application: the only place where its parts are put together."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import BoundedSemaphore
from typing import cast

from flask import Flask
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.middleware.proxy_fix import ProxyFix

from app import access, cli, confirmation, migrating, security, words
from app.cli.plain_errors import settings_of_environment
from app.config import PROJECT_ROOT, Settings
from app.context import Mellow
from app.db import ENGINE_OPTIONS, FIRST, sessions_of
from app.entrance.project_path import ProjectPath
from app.error_responses import register_error_handlers
from app.extensions import bootstrap, compress, csrf, db, login
from app.launch.parts import read_parts
from app.routes import register_blueprints
from app.routes.training.events import STREAMS
from app.runtime import announcements
from app.runtime.background import Background
from app.runtime.chat.opening import open_version
from app.runtime.draws import CHAT_DRAWS_AT_ONCE, CHAT_PATIENCE_SECONDS, Draws
from app.runtime.projects.in_memory import ProjectInMemory, ProjectsInMemory
from app.runtime.queue import JobQueue
from app.runtime.throttle import SignInThrottle
from app.runtime.trial import Trial
from app.services.exchange.incoming.shared_uploads import uploads_of
from app.services.people.authentication import common_key
from app.services.training.reward.heads import Heads
from app.services.versions import live_comparison, versions
from models.chat.answers import AnyGenerator
from models.serving.generator import Generator
from models.serving.hot_swap import Companion, Serving, ServingState, Shared
from models.store.opening import open_store
from models.store.store import SERVING_FOLDER

# Neither server-sent events nor exports: those are streamed.
COMPRESSED_TYPES = ("text/html", "text/css", "text/javascript", "image/svg+xml", "application/json")
LARGEST_REQUEST_BYTES = 64 * 1024 * 1024


def assembled(settings: Settings | None = None) -> Flask:
    """Return a new web application; without `settings` they come from the environment.

    Nothing is loaded and no thread is started here: `ensure_serving_started` does that in each serving process.
    """
    settings = settings or settings_of_environment()
    app = Flask("app", template_folder=PROJECT_ROOT / "templates", static_folder=PROJECT_ROOT / "static")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=ENGINE_OPTIONS,
        BOOTSTRAP_SERVE_LOCAL=True,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES,
        COMPRESS_MIMETYPES=COMPRESSED_TYPES,
        COMPRESS_STREAMING_ENDPOINT_CONDITIONAL=["static", "bootstrap.static", "uplot.static"],
        WTF_CSRF_CHECK_DEFAULT=False,  # app.access checks it, except for bearer tokens
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: annotators keep a page open all day
        PERMANENT_SESSION_LIFETIME=settings.session_lifetime,  # also the age from which a cookie is not read
        SESSION_IDLE=settings.session_idle,
    )
    app.wsgi_app = ProjectPath(app.wsgi_app)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)  # type: ignore[method-assign]
    db.init_app(app)
    migrating.init_app(app)
    csrf.init_app(app)
    bootstrap.init_app(app)
    compress.init_app(app)
    login.init_app(app)
    app.extensions["mellow"] = _assemble(settings, _sessions(app))
    words.init_app(app, settings.catalogues)
    security.init_app(app)
    access.init_app(app)
    confirmation.init_app(app)
    register_error_handlers(app)
    register_blueprints(app)
    cli.register(app)
    return app


def ensure_serving_started(app: Callable[..., ResponseReturnValue] | Flask) -> None:
    """Load the live version into this process and follow the alias; repeated calls do nothing."""
    cast(Mellow, cast(Flask, app).extensions["mellow"]).background.ensure_started()


def check_key(app: Callable[..., ResponseReturnValue] | Flask) -> None:
    """Raise Conflict if this machine signs sessions with another key than the others, or its queue is another studio's.

    While the database or the queue is away or empty a process starts all the same, and `/readyz` goes on asking.
    """
    parts = cast(Mellow, cast(Flask, app).extensions["mellow"])
    with suppress(SQLAlchemyError, RedisError), parts.sessions() as session:
        common_key.check(session, parts.settings.secret_key)
        announcements.claim_queue(parts.queue, session)


def release_queue(app: Callable[..., ResponseReturnValue] | Flask) -> None:
    """Give up this process's claim of the queue, for the end of the process; not if the queue is away."""
    with suppress(RedisError):
        cast(Mellow, cast(Flask, app).extensions["mellow"]).queue.release()


def _sessions(app: Flask) -> sessionmaker[Session]:
    """Return a session factory for threads and streams outside a request, on the connections that requests use."""
    with app.app_context():
        return sessionmaker(db.engine)


def _assemble(settings: Settings, sessions: sessionmaker[Session]) -> Mellow:
    queue = JobQueue(settings.redis_url, settings.queue_prefix, claims=not settings.own_queue)
    store = open_store(settings)

    machine = socket.gethostname()

    def load(number: int) -> AnyGenerator:
        chat = open_version(settings, store, store.verify(number))
        if chat is not None:
            return chat
        return Generator(
            store.folder(number) / SERVING_FOLDER,
            number,
            compute_type=settings.serving_compute_type,
            threads=settings.serving_threads,
        )

    shared: Shared[AnyGenerator] = Shared(load)

    def make(project: int) -> ProjectInMemory:
        own_sessions = sessions_of(sessions, project)
        of_project = "" if project == FIRST else f" project {project}"

        def wanted_version() -> int | None:
            with own_sessions() as session:
                return versions.serving_number(session)

        def compared_version() -> int | None:
            with own_sessions() as session:
                comparison = live_comparison.running(session)
                return comparison.other_number if comparison else None

        def report(state: ServingState) -> None:
            second = companion.current()
            store.hold_only([number for one in projects.held() for number in one.versions])
            both = replace(state, second=second.version if second else None)
            background.report(machine, f"{machine}:{os.getpid()}{of_project}", both, read_parts(settings.home))

        def fallbacks() -> list[int]:
            with own_sessions() as session:
                return versions.served_before(session)

        companion = Companion(compared_version, shared)
        serving = Serving(wanted_version, shared, report, fallbacks)
        return ProjectInMemory(project, own_sessions, serving, companion, Heads())

    def remove_old_uploads(session: Session) -> None:
        uploads_of(session, settings).remove_old()

    projects = ProjectsInMemory(make, settings.projects_in_memory, lambda: background.judged())
    background = Background(projects, queue, sessions, store, remove_old_uploads, settings.webhook_networks)
    throttle = SignInThrottle(settings.redis_url, sessions, settings.queue_prefix)
    trial, streams = Trial(load), BoundedSemaphore(STREAMS)
    chat_draws = Draws(CHAT_DRAWS_AT_ONCE, CHAT_PATIENCE_SECONDS)
    return Mellow(settings, sessions, queue, throttle, store, projects, background, trial, Draws(), chat_draws, streams)
