"""The annotator's desk."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.context import mellow
from models.generator import CANDIDATES

blueprint = Blueprint("annotate", __name__)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Everybody begins at the desk."""
    return redirect(url_for("annotate.page"))


@blueprint.get("/annotate")
def page() -> ResponseReturnValue:
    """The page where texts are typed and rewrites chosen; its script speaks to the API."""
    return render_template(
        "annotate.html", longest=mellow().settings.max_text_length, candidates=range(1, CANDIDATES + 1)
    )
