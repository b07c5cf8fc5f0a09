"""Delete a prompt for the page or the API, and change or delete those that were selected on the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from app.access import user_id
from app.api.payload import row_id
from app.context import mellow
from app.domain_errors import Invalid, Malformed
from app.extensions import db
from app.routes.table_view import ROWS
from app.services.prompts import deletion
from app.services.prompts.deletion import Gone
from app.services.prompts.prompts import check_overlap, check_priority, not_whole
from app.services.system import deletions
from app.words import gettext


def delete(prompt_id: int, confirmed: object) -> tuple[Gone, str]:
    """Delete a prompt; returns what went with it, and a sentence about what is left. Raises as the service does."""
    session = db.session()
    text = deletion.get(session, prompt_id).text
    gone = deletion.delete_prompt(session, user_id(), prompt_id, confirmed)
    return gone, _finish([text])


def delete_several(ids: list[int], confirmed: str) -> tuple[int, str]:
    """Delete prompts if their number was typed; returns that, and a sentence about what is left.

    Raises Invalid, and NotFound if somebody else has deleted one; what was deleted before that leaves nothing behind.
    """
    if confirmed.strip() != str(len(ids)):
        raise Invalid(gettext("Type %(number)s to confirm that %(number)s prompts shall be deleted.", number=len(ids)))
    session = db.session()
    texts = [deletion.get(session, prompt_id).text for prompt_id in ids]
    try:
        for prompt_id in ids:
            deletion.delete_prompt(session, user_id(), prompt_id, prompt_id)
    finally:
        left = _finish(texts)
    return len(ids), left


def selected(values: Iterable[str]) -> list[int]:
    """Return the ids of the rows that were selected, each once; raises Malformed about more than a page has."""
    ids = list(dict.fromkeys(number for value in values if (number := row_id(value)) is not None))
    if len(ids) > ROWS[-1]:
        raise Malformed(gettext("At most %(number)s rows can be selected at once.", number=ROWS[-1]))
    return ids


def change_of(form: Mapping[str, str]) -> dict[str, object]:
    """Return the change that a button of the selected prompts asks for; raises Invalid."""
    wanted = form.get("do", "")
    if wanted in ("in", "out"):
        return {"queued": wanted == "in"}
    if wanted not in ("priority", "overlap"):
        raise Invalid(gettext("Say what is to change: priority, overlap, or the place in the queue."))
    value = form.get(wanted, "").strip()
    if not value:
        return {wanted: 0 if wanted == "priority" else None}
    if not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise Invalid(not_whole(wanted, value))
    return {wanted: check_priority(int(value)) if wanted == "priority" else check_overlap(int(value))}


def _finish(texts: list[str]) -> str:
    left = deletions.finish(db.engine, mellow().settings.home, texts)
    mellow().background.judged()
    return left
