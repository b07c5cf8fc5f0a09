"""Sign-in with an account of one's organisation: the way to its provider, and back."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.config import Organisation
from app.context import mellow
from app.domain_errors import DomainError, NotFound
from app.entrance import project_path
from app.extensions import db
from app.routes.people.authentication import entering, provider
from app.services.people.authentication import organisation_accounts
from app.words import gettext

log = logging.getLogger(__name__)

blueprint = Blueprint("organisation", __name__, url_prefix="/sign-in/organisation")

_WANTED = "organisation_wanted"


@blueprint.get("")
def leave() -> ResponseReturnValue:
    """Send the browser to the organisation's provider; a link, since a form may not lead to another site."""
    organisation = _organisation()
    if current_user.is_authenticated:
        return redirect(url_for("annotate.home"))
    try:
        response = provider.send_there(organisation, project_path.link("organisation.back"))
    except DomainError as refusal:
        return _refused(refusal)
    session[_WANTED] = request.args.get("next")
    return response


@blueprint.get("/back")
def back() -> ResponseReturnValue:
    """Sign in the person whom the provider names, or say why not."""
    organisation = _organisation()
    if current_user.is_authenticated:
        return redirect(url_for("annotate.home"))
    try:
        said = provider.read_return(organisation)
        claims = organisation_accounts.read_claims(said, organisation)
        admission = organisation_accounts.admit(db.session(), claims)
    except DomainError as refusal:
        return _refused(refusal)
    wanted = session.pop(_WANTED, None)
    if not admission.proves:
        return entering.enter(admission.user, wanted)
    entering.link_after_sign_in(admission.user, claims)
    flash(
        gettext(
            "There is an account with %(email)s here. Sign in to it with its password this once: from then on signing "
            "in with %(name)s leads to it.",
            email=claims.email,
            name=organisation.name,
        ),
        "info",
    )
    return redirect(url_for("auth.sign_in", next=wanted))


def _refused(refusal: DomainError) -> ResponseReturnValue:
    log.warning("%s (%r)", refusal, str(refusal.__cause__ or ""))
    return entering.page(str(refusal)), refusal.status, refusal.headers


def _organisation() -> Organisation:
    organisation = mellow().settings.organisation
    if organisation is None:
        raise NotFound(gettext("This studio is not joined to any organisation: sign in with a password."))
    return organisation
