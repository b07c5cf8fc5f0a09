"""The identity of a judgment in files: a key that it keeps in every studio, so that no file brings it twice.

A judgment's `client_key` is that key. Exports write it beside what was said, in each record that belongs to the
judgment, and imports find by it what is here already and which records belong together.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

JUDGMENT = "judgment"
"""The field, or the column, that holds the key."""
VERDICT = "verdict"
"""The field that holds the verdict, which the texts alone do not tell: an edited text reads like a chosen one."""
COLUMNS = (JUDGMENT, VERDICT)
MADE = "i-"
"""The beginning of the keys that are made of the content of a judgment, since its file names none."""


def identified(record: Mapping[str, Any], key: str, verdict: str) -> dict[str, Any]:
    """Return the record of an export with the key and the verdict of its judgment after its own fields.

    `key` is Judgment.client_key and `verdict` is Judgment.verdict. All records of one judgment get the same two.
    """
    return {**record, JUDGMENT: key, VERDICT: verdict}


def blinded(key: str, secret: bytes) -> str:
    """Return the key as an export under pseudonyms has it, the same for equal keys and one `secret`.

    The key of an imported judgment is made of what was said and of who said it, so that it would betray the person to
    whoever tries names. All other keys were drawn at random, and stay as they are.
    """
    if not key.startswith(MADE):
        return key
    return MADE + hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[: len(key) - len(MADE)]
