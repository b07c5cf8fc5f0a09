"""Hours and counts: the admin page that asks for them, and the API that gives them, to annotators their own."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import user_id
from app.api.operations import Answer, operation
from app.api.payload import row_id
from app.context import mellow
from app.db import User
from app.domain_errors import NotFound
from app.extensions import db
from app.services.desk import settings as desk_settings
from app.services.exchange.outgoing import hours
from app.services.exchange.outgoing.hours import COLUMNS, FORMATS, HoursQuery, OwnHoursQuery
from app.words import gettext

blueprint = Blueprint("hours", __name__)
api = Blueprint("api_hours", __name__)
_FILE = Answer(
    200, f"A table with the columns {', '.join(COLUMNS)}.", str, tuple(media for _, media in FORMATS.values())
)


@blueprint.get("/admin/people/hours")
def page() -> ResponseReturnValue:
    """Show the form of the export, of everybody or of one person."""
    session, person = db.session(), row_id(request.args.get("person"))
    return render_template(
        "people/groups/hours.html",
        person=_somebody(person) if person is not None else None,
        zone=(zone := desk_settings.read(session, user_id()).zone),
        days=hours.usual_days(zone),
        formats=FORMATS,
    )


@api.get("/hours")
@operation("Export hours and counts: what each person judged on each day, and for how long", _FILE, query=HoursQuery)
def export_hours(query: HoursQuery) -> ResponseReturnValue:
    """Everybody's hours and counts, or one person's."""
    if query.person is not None:
        _somebody(query.person)
    return _file(query)


@api.get("/me/hours")
@operation("Export one's own hours and counts by day", _FILE, query=OwnHoursQuery)
def export_own_hours(query: OwnHoursQuery) -> ResponseReturnValue:
    """One's own hours and counts."""
    return _file(HoursQuery(**msgspec.structs.asdict(query), person=user_id()))


def _somebody(number: int) -> User:
    """Return a person; raises NotFound, for admins of a project also about somebody who has nothing to do with it."""
    found = db.session().get(User, number)
    if found is None or not (current_user.is_admin or hours.is_known_here(db.session(), number)):
        raise NotFound(gettext("There is no user %(id)s.", id=number))
    return found


def _file(query: HoursQuery) -> Response:
    hours.check(db.session(), query)
    sessions = mellow().sessions

    def content() -> Iterator[bytes]:
        with sessions() as session:
            yield from hours.content(session, query)

    name = f"mellow-hours.{query.format}"
    return Response(
        content(),
        content_type=f"{FORMATS[query.format][1]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
