"""The admin page of one person."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template, request
from flask_login import current_user

from app.api.payload import row_id
from app.context import mellow
from app.db import Role, User, Verdict
from app.domain_errors import NotFound
from app.extensions import db
from app.routes.number_format import WORDS
from app.services.people import (
    accounts,
    agreement,
    api_tokens,
    links,
    password_resets,
    reliability,
    sessions,
    statistics,
)
from app.services.people.agreement import Pair
from app.services.people.authentication import second_factor
from app.services.people.ratings import Person
from app.services.projects import memberships
from app.services.prompts import studio_settings
from app.words import N_, gettext

MOST_PAIRS = 50
_ONLY = {"flagged": N_("flagged"), "gold": N_("attention checks"), "undone": N_("undone")}


def render(person_id: int, link: str | None = None) -> str:
    """Return the page, with a reset link that was just made; raises NotFound."""
    session = db.session()
    user = _person(person_id)
    before, verdict, only = (
        row_id(request.args.get("before")),
        request.args.get("verdict", ""),
        request.args.get("only"),
    )
    shown = statistics.judgments(
        session, person_id, before, Verdict(verdict) if verdict in list(Verdict) else None, only or ""
    )
    more = shown[-1].id if len(shown) == statistics.JUDGMENTS_AT_ONCE else None
    pairs = [pair for pair in agreement.measured(session).pairs if person_id in (pair.one, pair.other)]
    return render_template(
        "people/person.html",
        person=user,
        said=statistics.said(session, person_id),
        habits=statistics.habits(session, person_id),
        window=statistics.WINDOW,
        reliability=reliability.in_words(
            reliability.latest(session).get(str(person_id)),
            weighed=studio_settings.settings(session).weigh_people,
        ),
        pairs=[(pair.other if pair.one == person_id else pair.one, pair.same) for pair in pairs[:MOST_PAIRS]],
        names=names(pairs),
        judgments=shown,
        older=more,
        verdict=verdict,
        only=only,
        verdicts=list(Verdict),
        onlies={name: gettext(label) for name, label in _ONLY.items()},
        has_factor=second_factor.enabled(session, person_id),
        roles=list(Role),
        projects=memberships.of_person(session, person_id) if len(current_user.seats) > 1 else [],
        tokens=[(token, api_tokens.state(token)) for token in api_tokens.of_person(session, person_id)],
        sessions=sessions.of_person(session, person_id, mellow().settings.session_idle),
        link=link,
        resets=[(one, links.state(one)) for one in password_resets.latest(session, person_id)],
        hours=password_resets.HOURS,
        **WORDS,
    )


def names(pairs: Sequence[Pair] = ()) -> dict[Person, str]:
    """Return what everybody is called: users by name or else email, and those of imported files in these pairs."""
    named: dict[Person, str] = {user.id: user.name or user.email for user in accounts.people(db.session())}
    imported = {one for pair in pairs for one in (pair.one, pair.other) if isinstance(one, str)}
    return named | {one: gettext("%(name)s, imported", name=one) for one in imported}


def _person(person_id: int) -> User:
    user = db.session().get(User, person_id)
    if user is None:
        raise NotFound(gettext("There is no user %(id)s.", id=person_id))
    return user
