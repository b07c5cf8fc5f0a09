"""The typefaces of the pages, as the installation has made them."""

from __future__ import annotations

from flask import Blueprint, Flask, send_from_directory
from flask.typing import ResponseReturnValue

from app.config import TYPEFACES

USUAL, LEGIBLE = "inter", "atkinson-hyperlegible"
KEPT_SECONDS = 30 * 24 * 3600

blueprint = Blueprint("typeface", __name__)


@blueprint.get("/typeface/<name>.woff2")
def file(name: str) -> ResponseReturnValue:
    """Send a typeface, which browsers keep."""
    return send_from_directory(TYPEFACES, f"{name}.woff2", mimetype="font/woff2", max_age=KEPT_SECONDS)


def init_app(app: Flask) -> None:
    """Tell the templates whether there is the usual typeface; without it, pages have that of the system."""
    app.jinja_env.globals["typeface"] = (TYPEFACES / f"{USUAL}.woff2").exists()
    if missing := [name for name in (USUAL, LEGIBLE) if not (TYPEFACES / f"{name}.woff2").exists()]:
        app.logger.warning(
            "Typefaces are not made yet (%s), so pages have the system's: python -m app.launch.typeface",
            ", ".join(missing),
        )
