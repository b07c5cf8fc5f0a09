"""The admin page of retraining by itself: what the rule says now, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.db import now
from app.domain_errors import DomainError, Invalid
from app.extensions import db
from app.services.prompts import studio_settings
from app.services.training.by_itself import rule
from app.words import N_, gettext

blueprint = Blueprint("by_itself", __name__, url_prefix="/admin/by-itself")

_NUMBERS = {
    "retrain_after_clicks": N_("New clicks"),
    "retrain_above": N_("Cases of 100"),
    "retrain_from_hour": N_("From"),
    "retrain_to_hour": N_("To"),
    "retrain_hours_apart": N_("Hours apart"),
}


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the settings, and what the rule says now."""
    return _page(vars(studio_settings.settings(db.session())))


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Store the settings; what was typed stays on the page if it cannot be stored. A rule that had stopped goes on."""
    form = request.form
    typed: dict[str, Any] = {name: form.get(name, "") for name in (*_NUMBERS, "retrain_when")}
    typed["retrain_by_itself"] = form.get("retrain_by_itself") == "yes"
    try:
        values = {**typed, **{name: _number(name, form) for name in _NUMBERS}}
        studio_settings.change(db.session(), user_id(), values)
    except DomainError as refusal:
        return _page(typed, str(refusal)), refusal.status
    is_on = typed["retrain_by_itself"]
    said = gettext("Mellow retrains by itself.") if is_on else gettext("Runs begin when somebody asks.")
    flash(said, "success")
    return redirect(url_for("by_itself.page"))


def _page(values: Mapping[str, Any], problem: str | None = None) -> str:
    return render_template(
        "training/by_itself.html", values=values, problem=problem, outlook=rule.outlook(db.session(), now())
    )


def _number(name: str, form: Mapping[str, str]) -> int:
    try:
        return int(form.get(name, ""))
    except ValueError:
        raise Invalid(gettext("“%(field)s” needs a whole number.", field=gettext(_NUMBERS[name]))) from None
