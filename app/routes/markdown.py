"""The filter `markdown` of the templates, for answers of chat models."""

from __future__ import annotations

from flask import Flask
from markupsafe import Markup

from app.services.desk import guidelines


def _markdown(text: str) -> Markup:
    return Markup(guidelines.to_html(text))  # noqa: S704 - sanitized


def init_app(app: Flask) -> None:
    """Make the filter available in every template."""
    app.jinja_env.filters["markdown"] = _markdown
