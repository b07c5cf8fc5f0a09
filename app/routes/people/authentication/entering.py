"""The steps between a proven identity and a session: the second factor, and joining an organisation's account."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from app.context import mellow
from app.db import Role, User
from app.domain_errors import Forbidden
from app.entrance import project_path
from app.extensions import db
from app.routes.people.signing_in import let_in
from app.services.people.authentication import organisation_accounts, second_factor
from app.services.people.authentication.organisation_accounts import Claims

GOOD_FOR_SECONDS = 300

# Both live in the session cookie, so they are signed, and of that browser alone.
_HALFWAY = "halfway_signed_in"
_TO_LINK = "organisation_to_link"


class Halfway(NamedTuple):
    """Somebody whose second factor is still to come, and the page that they wanted."""

    user: User
    wanted: str | None


def page(problem: str | None = None, email: str = "") -> str:
    """Return the sign-in page."""
    organisation = mellow().settings.organisation
    return render_template("people/sign_in.html", problem=problem, email=email, organisation=organisation)


def enter(user: User, wanted: str | None) -> ResponseReturnValue:
    """Sign in somebody who has proven who they are, or ask for their second factor first."""
    if not second_factor.enabled(db.session(), user.id):
        return finish(user, wanted)
    session[_HALFWAY] = {"user": user.id, "until": _until(), "wanted": wanted}
    return redirect(url_for("factors.code"))


def halfway() -> Halfway | None:
    """Return who in this browser has still to give their second factor, or None."""
    kept = _unexpired(_HALFWAY)
    user = db.session().get(User, kept["user"]) if kept else None
    return Halfway(user, kept["wanted"]) if kept and user and user.active else None


def finish(user: User, wanted: str | None) -> ResponseReturnValue:
    """Begin the session, and lead to the page that was wanted, if it is one of this site."""
    to_link = _unexpired(_TO_LINK)
    for name in (_HALFWAY, _TO_LINK):
        session.pop(name, None)
    if to_link and to_link["user"] == user.id:
        _link(user, to_link["claims"])
    let_in(user)
    return redirect(_own_page(wanted) or url_for("annotate.home"))


def link_after_sign_in(user: User, claims: Claims) -> None:
    """Join the organisation's account to that of `user` once they sign in, in this browser and within minutes."""
    session[_TO_LINK] = {"user": user.id, "until": _until(), "claims": asdict(claims)}


def _link(user: User, kept: dict[str, Any]) -> None:
    claims = Claims(**kept | {"role": Role(kept["role"]) if kept["role"] else None})
    try:
        organisation_accounts.link(db.session(), user, claims)
    except Forbidden as refusal:
        flash(str(refusal), "warning")
    else:
        organisation_accounts.follow_groups(db.session(), user, claims)


def _until() -> int:
    return int(time.time()) + GOOD_FOR_SECONDS


def _unexpired(name: str) -> dict[str, Any] | None:
    kept: dict[str, Any] | None = session.get(name)
    return kept if kept and kept["until"] > time.time() else None


def _own_page(target: str | None) -> str | None:
    """Return `target` if it is a path of this site, else None, so that signing in never leads elsewhere."""
    if not target or not target.startswith(f"{project_path.studio_root()}/") or target.startswith(("//", "/\\")):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target
