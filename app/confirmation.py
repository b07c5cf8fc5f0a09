"""Asks for the password once more before what an unattended browser must not do, and then goes on with the form.

The page that asks holds the fields of the form it stands before, and sends them again together with the password. Who
has no password is asked to sign in with the organisation's account again: a new session counts as confirmed.
"""

from __future__ import annotations

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import access
from app.context import mellow
from app.db import User, now
from app.domain_errors import Forbidden
from app.extensions import db
from app.routes.people.signing_in import guarded
from app.runtime.throttle import TooManyGuesses
from app.services.people import passwords, sessions
from app.words import gettext

_FIELD = "present_password"


def init_app(app: Flask) -> None:
    """Ask before the views that `app.access` names, once it has found that this person may call them."""
    app.before_request(_ask)


def _ask() -> ResponseReturnValue | None:
    """Return the page that asks, or None if the password was given in this session a short while ago."""
    if not access.takes_password() or now() - current_user.confirmed_at < sessions.CONFIRMED_FOR:
        return None
    if request.path.startswith("/api/"):
        raise Forbidden(gettext("Give your password first: making a token on the account page asks for it."))
    password = request.form.get(_FIELD)
    if password is None:
        return _page()
    try:
        with guarded(current_user.email, "password"):
            if not passwords.is_own(db.session(), current_user.user_id, password):
                raise Forbidden(gettext("The password is wrong."))
    except (Forbidden, TooManyGuesses) as refusal:
        return _page(str(refusal)), refusal.status, refusal.headers
    sessions.confirm(db.session(), current_user.session_id)
    return None


def _page(problem: str | None = None) -> str:
    ours = ("csrf_token", _FIELD)
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in ours]
    return render_template(
        "people/confirm.html",
        problem=problem,
        fields=fields,
        field=_FIELD,
        has_password=db.session().get_one(User, current_user.user_id).has_password,
        organisation=mellow().settings.organisation,
    )
