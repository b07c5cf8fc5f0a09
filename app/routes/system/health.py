"""Liveness, readiness and metrics of the process."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.context import mellow
from app.db import Project, everything
from app.domain_errors import Conflict, NotReady, NotSignedIn
from app.extensions import db
from app.runtime.queue import QueueTaken
from app.services.people.authentication import common_key
from app.services.system import system
from app.services.training import overview, runs
from app.services.training.course import untaken
from app.version import VERSION

blueprint = Blueprint("health", __name__)

_AWAY = "The store of versions does not answer: nothing can be published, and the log says why."
_NOT_TAKEN = "Run {} waits in the queue {}, from which no worker takes."
_NOT_LOADED = "Version {} cannot be loaded: the System page says why."


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Respond that the process is alive, and which Mellow it runs."""
    return {"status": "ok", "mellow_version": VERSION}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Check the database, the queue, the model and the disk; responds with 503 and what is wrong.

    A store that does not answer and a run that no worker takes are told, too, but make nobody unready.
    """
    checks = {
        "database": _check(_database),
        "queue": _check(mellow().queue.ping),
        "model": _check(mellow().generator),
        "disk": _disk(),
    }
    ready = all(reason is None for reason in checks.values())
    checks["store"] = _AWAY if mellow().store.trouble else None
    checks["runs"] = _untaken() if checks["database"] is None else None
    state = mellow().serving.state
    in_memory = _in_memory() if checks["database"] is None else []
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {name: reason or "ok" for name, reason in checks.items()},
        "version": state.version,
        "wanted": state.wanted,
        "projects": in_memory,
    }
    return body, 200 if ready else 503


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Return the counts of the admin's first page in Prometheus' text format; METRICS_TOKEN may ask for a token."""
    _check_token(mellow().settings.metrics_token)
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    counts = overview.counts(db.session())
    figures = {
        "mellow_generations": ("Screens drawn", counts.generations),
        "mellow_judgments": ("Standing judgments", counts.judgments),
        "mellow_preferences": ("Standing preference rows", counts.preferences),
        "mellow_new_judgments": ("Judgments with rows since the last successful run", counts.new_judgments),
        "mellow_active_runs": ("Training runs that wait or work", len(runs.places(db.session()))),
        "mellow_untaken_runs": ("Training runs that wait where no worker takes them", int(bool(_untaken()))),
        "mellow_serving_version": ("The version this process serves", mellow().serving.state.version or 0),
        "mellow_wanted_version": ("The version this process should serve", mellow().serving.state.wanted or 0),
    }
    for name, (description, value) in figures.items():
        Gauge(name, description, registry=registry).set(value)
    held = Gauge("mellow_project_in_memory", "Projects whose models this process holds", ["project"], registry=registry)
    for slug in _in_memory():
        held.labels(slug).set(1)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _check_token(token: str) -> None:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if token and not (scheme.casefold() == "bearer" and secrets.compare_digest(sent.strip().encode(), token.encode())):
        raise NotSignedIn("Send the METRICS_TOKEN of the settings: Authorization: Bearer …")


def _database() -> None:
    db.session.execute(text("SELECT 1 FROM aliases"))
    common_key.check(db.session(), mellow().settings.secret_key)


def _disk() -> str | None:
    full = system.full_disks(mellow().settings)
    return f"The disk is full: there is no room for {' and '.join(full)}." if full else None


def _in_memory() -> list[str]:
    """Return the projects whose models this process holds."""
    held = [one.id for one in mellow().projects.held() if one.versions]
    return list(db.session.scalars(select(Project.slug).where(Project.id.in_(held)).order_by(Project.id)))


def _untaken() -> str | None:
    with everything(db.session()):
        run = untaken.first(db.session())
    return _NOT_TAKEN.format(run.id, untaken.queue_of(run)) if run else None


def _check(probe: Callable[[], object]) -> str | None:
    try:
        probe()
    except Conflict as refusal:
        return str(refusal)
    except QueueTaken as taken:
        return str(taken)
    except RedisError:
        return "The queue does not answer."
    except SQLAlchemyError:
        db.session.rollback()
        return "The database does not answer or has no tables: run the migrations."
    except NotReady:
        # Not the reason itself, which may name files: anybody may ask here.
        wanted = mellow().serving.state.wanted
        return "No version is published yet." if wanted is None else _NOT_LOADED.format(wanted)
    return None
