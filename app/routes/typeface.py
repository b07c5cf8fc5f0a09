"""The typeface of the pages, as the installation has made it."""

from __future__ import annotations

from flask import Blueprint, Flask, send_file
from flask.typing import ResponseReturnValue

from app.config import TYPEFACE
from app.domain_errors import NotFound

KEPT_SECONDS = 30 * 24 * 3600

blueprint = Blueprint("typeface", __name__)


@blueprint.get("/typeface/inter.woff2")
def file() -> ResponseReturnValue:
    """Send the typeface, which browsers keep."""
    if not TYPEFACE.exists():
        raise NotFound("The typeface is not made yet.")
    return send_file(TYPEFACE, mimetype="font/woff2", max_age=KEPT_SECONDS)


def init_app(app: Flask) -> None:
    """Tell the templates whether there is the typeface; without it, pages have that of the system."""
    there = app.jinja_env.globals["typeface"] = TYPEFACE.exists()
    if not there:
        app.logger.warning("The typeface is not made yet, so pages have the system's: python -m app.launch.typeface")
