"""One-time keys of forms whose response shows a secret: a reload sends the form again, and makes no second one."""

from __future__ import annotations

import re
import secrets

from flask import request

from app.domain_errors import Malformed
from app.words import gettext

_KEY = re.compile("[0-9a-f]{32}")


def new() -> str:
    """Return a key for a form that is about to be shown."""
    return secrets.token_hex(16)


def sent() -> str:
    """Return the key of the form that was sent; raises Malformed if it has none."""
    key = request.form.get("form_key", "")
    if not _KEY.fullmatch(key):
        raise Malformed(gettext("This form is out of date: reload the page and try again."))
    return key
