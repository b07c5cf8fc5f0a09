"""The admin page of live comparisons: what the clicks say, and ending one by hand."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.db import LiveComparison
from app.domain_errors import Conflict, NotFound
from app.extensions import db
from app.routes.versions.actions import promote
from app.services.prompts import studio_settings
from app.services.versions import live_comparison, versions
from app.services.versions.live_comparison_report import Side, how_long, report
from app.words import gettext

blueprint = Blueprint("comparison", __name__, url_prefix="/admin/versions/comparison")

# Of the drawing of the evidence: its size, and the room above the line that decides and below that of no evidence.
WIDTH, HEIGHT, ROOM = 640, 220, 4
SHOWN_JUDGES = 20


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the comparison that is under way, or else the latest, and the earlier ones."""
    return _page(live_comparison.latest(db.session()))


@blueprint.get("/<int:number>")
def one(number: int) -> ResponseReturnValue:
    """Show one comparison, and the others."""
    return _page(live_comparison.get(db.session(), number))


@blueprint.post("/<int:number>/end")
def end(number: int) -> ResponseReturnValue:
    """End a comparison; what serves stays."""
    return _carried_out(number, lambda: _stop(number, "It was ended by hand."))


@blueprint.post("/<int:number>/keep/<int:version>")
def keep(number: int, version: int) -> ResponseReturnValue:
    """End a comparison and let one of its versions serve."""
    return _carried_out(number, lambda: _keep(number, version))


def _page(shown: LiveComparison | None) -> str:
    session = db.session()
    found = report(session, shown) if shown else None
    return render_template(
        "versions/comparison.html",
        report=found,
        how_long=how_long(found) if found and found.running else None,
        problem=mellow().companion.state.error if found and found.running else None,
        lines=[(side, _line(side)) for side in (found.new, found.old)] if found and found.clicks else [],
        size=(WIDTH, HEIGHT),
        room=ROOM,
        shown_judges=SHOWN_JUDGES,
        history=live_comparison.history(session),
        serving=versions.serving_number(session),
        studio=studio_settings.settings(session),
    )


def _line(side: Side) -> str:
    """Return the points of a version's line, from no evidence before the first click to that after the last."""
    step, height = WIDTH / len(side.evidence), HEIGHT - 2 * ROOM
    shares = enumerate((0.0, *side.evidence))
    return " ".join(f"{place * step:.1f},{ROOM + (1 - share) * height:.1f}" for place, share in shares)


def _carried_out(number: int, act: Callable[[], None]) -> ResponseReturnValue:
    try:
        act()
    except (Conflict, NotFound) as refusal:
        flash(str(refusal), "warning")
    else:
        live = versions.serving_number(db.session())
        flash(
            gettext("Comparison %(number)s has ended: version %(live)s is live.", number=number, live=live), "success"
        )
    return redirect(url_for("comparison.page"))


def _stop(number: int, reason: str) -> None:
    live_comparison.stop(db.session(), number, user_id(), reason)


def _keep(number: int, version: int) -> None:
    """Let a version of a comparison serve, which ends the comparison; raises NotFound or Conflict."""
    session = db.session()
    comparison = live_comparison.get(session, number)
    if version not in (comparison.old_number, comparison.new_number):
        raise NotFound(
            gettext("Version %(version)s takes no part in comparison %(number)s.", version=version, number=number)
        )
    if comparison.ended_at is None and version != versions.serving_number(session):
        promote(version)
    else:
        _stop(number, f"Version {version} was kept by hand.")
