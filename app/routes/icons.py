"""Icons of the pages: shapes of Bootstrap Icons, which Bootstrap-Flask brings, drawn into a page by their names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import flask_bootstrap
from flask import Flask
from markupsafe import Markup

_SPRITE = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "icons" / "bootstrap-icons.svg"


@cache
def icon(name: str) -> Markup:
    """Return the SVG of one icon, a decoration beside words that say the same; raises KeyError for an unknown name."""
    symbol = re.search(rf'<symbol [^>]*viewBox="([\d ]+)" id="{re.escape(name)}">(.*?)</symbol>', _SPRITE.read_text())
    if symbol is None:
        raise KeyError(f"Bootstrap Icons has no icon {name}.")
    box, shape = symbol.groups()
    return Markup(f'<svg class="icon" viewBox="{box}" aria-hidden="true">{shape}</svg>')  # noqa: S704  # our package's


def init_app(app: Flask) -> None:
    """Make `icon` available in every template."""
    app.jinja_env.globals["icon"] = icon
