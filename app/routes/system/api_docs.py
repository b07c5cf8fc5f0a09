"""The page that shows the API and lets an admin try it; its script makes it of the API's own description."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

blueprint = Blueprint("api_docs", __name__)


@blueprint.get("/api")
def page() -> ResponseReturnValue:
    """The page."""
    return render_template("api.html")
