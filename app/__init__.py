"""The web side of Mellow. Importing it loads nothing, so that the launcher pays for the settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Create the web application; without `settings` they come from the environment."""
    from app.assembly import assembled

    return assembled(settings)
