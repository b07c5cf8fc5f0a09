"""The admin page of the reward head: what people prefer, in words, and the settings of learning from clicks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.db import LiveComparison
from app.domain_errors import Invalid, NotReady
from app.extensions import db
from app.services.prompts import studio_settings
from app.services.training.reward import click_settings
from app.services.training.reward.head_in_words import likings
from app.words import gettext
from models.chat.answers import ChatGenerator
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
        if isinstance(generator, ChatGenerator):
            problem = gettext(
                "Answers of a chat model are shown as they are drawn: clicks change them with the next training."
            )
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
    flash(" ".join(_told(now, ended)), "success")
    return redirect(url_for("liking.page"))


def _told(now: Mapping[str, bool | float], ended: LiveComparison | None) -> Iterator[str]:
    """Say what holds from now on, in sentences."""
    if now["learn_at_once"]:
        yield gettext("Every click counts at once from now on.")
    else:
        yield gettext("What is shown changes with the next training.")
    if now["only_if_better"]:
        yield gettext("A retrained version goes live only if the clicks show that it is better.")
    if now["compare_live"] and now["prove_first"]:
        yield gettext("Retrained versions are compared live, and the one before stays live meanwhile.")
    elif now["compare_live"]:
        yield gettext("Retrained versions are compared live, and the new one is live meanwhile.")
    if ended:
        yield gettext(
            "Comparison %(number)s has ended: version %(version)s is live.",
            number=ended.id,
            version=ended.serving_number,
        )


def _seconds(text: str) -> float:
    """Return a typed number of seconds; raises Invalid."""
    try:
        return float(text)
    except ValueError:
        raise Invalid(gettext("Answers are left out by a number of seconds, such as 1 or 0.5.")) from None
