"""The admin pages of the system: workers, queue, web processes, disk, backups, and the audit log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from app.access import user_id
from app.api.payload import row_id
from app.context import mellow
from app.db import now, write_transaction
from app.domain_errors import Conflict, Invalid
from app.extensions import db
from app.routes import table_view
from app.routes.number_format import WORDS
from app.routes.system import audit_words
from app.routes.table_view import Column, Table
from app.runtime.chat.models_in_memory import models_in_memory
from app.runtime.queue import QueueTaken
from app.schemas.days import parse_day
from app.services.people import accounts
from app.services.system import audit, audit_copies, backups, system
from app.services.system.backups import Backup
from app.services.training.course import untaken
from app.services.versions import live_comparison, versions
from app.version import VERSION
from app.words import N_, gettext
from models.model_errors import StoreAway

blueprint = Blueprint("system", __name__, url_prefix="/admin/system")

_AUDIT_LOG = Table(
    "system.audit_log",
    (
        Column("time", N_("Time")),
        Column("who", N_("Who")),
        Column("action", N_("Action"), always=True),
        Column("subject", N_("About")),
        Column("details", N_("Details"), sorts=False),
    ),
    ("before",),
)
_INSIDE = {"Versions": N_("versions"), "Database": N_("database"), "Backups": N_("backups")}
"""Names of spaces within a sentence, by their labels."""
_FILTERS = ("action", "person", "subject", "since", "until")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show everything but the audit log."""
    session, settings = db.session(), mellow().settings
    kept, store_problem = _kept()
    comparison, spaces = live_comparison.running(session), system.spaces(session, settings, kept)
    return render_template(
        "system/page.html",
        mellow_version=VERSION,
        **_queue(),
        parts=mellow().parts(),
        chat_models=models_in_memory(settings),
        runs=system.waiting_runs(session),
        untaken=untaken.first(session),
        untaken_queue=untaken.queue_of,
        serving=versions.serving_number(session),
        compared=comparison.other_number if comparison else None,
        spaces=spaces,
        full=[gettext(_INSIDE[space.label]) for space in spaces if space.low],
        backups=kept,
        store_problem=store_problem,
        sqlite=settings.database_url.startswith("sqlite"),
        **WORDS,
    )


@blueprint.get("/audit")
def audit_log() -> ResponseReturnValue:
    """Show the audit log, filtered and page by page."""
    session, args, view = db.session(), request.args, table_view.read(_AUDIT_LOG)
    problem = view.problem
    try:
        wanted = system.AuditFilter(
            action=args.get("action", ""),
            user_id=row_id(args.get("person")),
            subject=_storable(args.get("subject", "").strip()),
            since=parse_day(args.get("since", ""), "since"),
            until=parse_day(args.get("until", ""), "until"),
        )
    except Invalid as refusal:
        wanted, problem = system.AuditFilter(), str(refusal)
    window = system.audit_window(session, wanted, row_id(args.get("before")), view.sort)
    cut = view.cut(window)
    return render_template(
        "system/audit.html",
        view=view,
        window=window,
        cut=cut,
        entries=system.audit_entries(session, cut.ids),
        filtered=any(args.get(name) for name in _FILTERS),
        chain=audit_copies.verify_newest(session),
        actions=[(action, audit_words.named(action)) for action in system.actions(session)],
        named=audit_words.named,
        people=accounts.people(session),
        args=args,
        problem=problem,
    )


@blueprint.get("/audit/copy")
def audit_copy() -> ResponseReturnValue:
    """Send the audit log as JSON Lines, piece by piece."""
    sessions = mellow().sessions
    with write_transaction(db.session()):
        audit.record(db.session(), user_id(), "audit.downloaded", "audit log")

    def content() -> Iterator[bytes]:
        with sessions() as session:
            yield from audit_copies.pieces(session)

    return Response(
        content(),
        content_type="application/x-ndjson; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="mellow-audit-{now():%Y%m%d-%H%M%S}.jsonl"'},
    )


@blueprint.post("/backups")
def back_up() -> ResponseReturnValue:
    """Make a backup now."""
    try:
        made = backups.make(db.session(), mellow().settings, user_id())
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(
            gettext(
                "The backup %(name)s is kept in %(folder)s.",
                name=made.name,
                folder=backups.place(mellow().settings, made.name).removesuffix(f"/{made.name}"),
            ),
            "success",
        )
    return redirect(url_for("system.page"))


@blueprint.get("/backups/<filename>")
def download(filename: str) -> ResponseReturnValue:
    """Send a backup as a file."""
    session, file = db.session(), backups.obtain(mellow().settings, filename)
    with ExitStack() as opened:
        if not isinstance(file, Path):
            opened.enter_context(file)
        with write_transaction(session):
            audit.record(session, user_id(), "backup.downloaded", filename)
        response = send_file(file, mimetype="application/zip", as_attachment=True, download_name=filename)
        if not isinstance(file, Path):
            response.content_length = os.fstat(file.fileno()).st_size
        opened.pop_all()  # the response closes it
    return response


@blueprint.post("/backups/<filename>/remove")
def remove(filename: str) -> ResponseReturnValue:
    """Delete a backup."""
    backups.remove(db.session(), mellow().settings, filename, user_id())
    flash(gettext("The backup %(name)s was deleted.", name=filename), "success")
    return redirect(url_for("system.page"))


def _kept() -> tuple[list[Backup], str | None]:
    """Return the backups that are kept, and a sentence if the store of versions does not answer."""
    try:
        return backups.kept(mellow().settings), mellow().store.trouble
    except StoreAway as error:
        return [], str(error)


def _queue() -> dict[str, Any]:
    """Return the state of the queue, its workers and the web processes, or a sentence if the queue is away."""
    queue = mellow().queue
    try:
        queue.check()
        workers = [
            worker | {"since": worker["since"] and datetime.fromisoformat(worker["since"])}
            for worker in queue.workers()
        ]
        return {"processes": queue.reports(), "workers": workers, "depth": queue.depth(), "queue_problem": None}
    except QueueTaken as taken:
        problem = gettext(str(taken))
    except RedisError:
        problem = gettext("The queue does not answer: runs wait until it does, and what the processes do is not known.")
    return {"processes": {}, "workers": [], "depth": None, "queue_problem": problem}


def _storable(value: str) -> str:
    if "\x00" in value:
        raise Invalid(gettext("No entry holds characters that cannot be stored."))
    return value
