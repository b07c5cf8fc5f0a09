"""The admin page of the reward head: what people prefer, in words, and the settings of learning from clicks."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.domain_errors import Invalid, NotReady
from app.extensions import db
from app.services.prompts import studio_settings
from app.services.training.reward import click_settings
from app.services.training.reward.head_in_words import likings
from models.reward.head import WINDOW

blueprint = Blueprint("liking", __name__, url_prefix="/admin/liking")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the reward head that chooses now, in words."""
    parts, session = mellow(), db.session()
    try:
        generator = parts.generator()
    except NotReady as reason:
        chooser, version = None, None
        problem: str | None = str(reason)
    else:
        chooser, version, problem = parts.chooser(session, generator), generator.version, None
    return render_template(
        "training/liking.html",
        problem=problem,
        version=version,
        head=chooser.head if chooser else None,
        likings=likings(chooser.head) if chooser else [],
        studio=studio_settings.settings(session),
        window=WINDOW,
    )


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Store what clicks change at once, which of them count how much, and what it takes to become live."""
    names = ("learn_at_once", "only_if_better", "compare_live", "prove_first", "weigh_people")
    now: dict[str, bool | float] = {name: request.form.get(name) == "yes" for name in names}
    if seconds := request.form.get("least_seconds"):
        now["least_seconds"] = _seconds(seconds)
    ended = click_settings.change(db.session(), user_id(), now)
    mellow().background.judged()
    at_once = now["learn_at_once"]
    said = "Every click counts at once from now on." if at_once else "What is shown changes with the next training."
    if now["only_if_better"]:
        said += " A retrained version serves only if the clicks show that it is better."
    if now["compare_live"]:
        meanwhile = "the one before" if now["prove_first"] else "the new one"
        said += f" Retrained versions are compared live, and {meanwhile} serves meanwhile."
    if ended:
        said += f" Comparison {ended.id} has ended: version {ended.serving_number} serves."
    flash(said, "success")
    return redirect(url_for("liking.page"))


def _seconds(text: str) -> float:
    """Return a typed number of seconds; raises Invalid."""
    try:
        return float(text)
    except ValueError:
        raise Invalid("Answers are left out by a number of seconds, such as 1 or 0.5.") from None
