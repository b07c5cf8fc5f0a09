"""The deletion of a prompt, asked for by the page or by the API."""

from __future__ import annotations

from app.access import user_id
from app.context import mellow
from app.extensions import db
from app.services.prompts import deletion
from app.services.prompts.deletion import Gone
from app.services.system import deletions


def delete(prompt_id: int, confirmed: object) -> tuple[Gone, str]:
    """Delete a prompt; returns what went with it, and a sentence about what is left. Raises as the service does."""
    session = db.session()
    text = deletion.get(session, prompt_id).text
    gone = deletion.delete_prompt(session, user_id(), prompt_id, confirmed)
    left = deletions.finish(db.engine, mellow().settings.home, [text])
    mellow().background.judged()
    return gone, left
