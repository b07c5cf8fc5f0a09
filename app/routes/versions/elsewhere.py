"""Addresses of pages in other projects, for whoever may open them there."""

from __future__ import annotations

from typing import Any

from flask_login import current_user

from app.db import FIRST
from app.entrance import project_path


def address_in(project_id: int, endpoint: str, **values: Any) -> str | None:
    """Return the path of a page for a project's admins in that project; None for somebody who is none there."""
    seat = next((seat for seat in current_user.seats if seat.id == project_id and seat.manages), None)
    if seat is None:
        return None
    return project_path.address(None if seat.id == FIRST else seat.slug, endpoint, **values)
