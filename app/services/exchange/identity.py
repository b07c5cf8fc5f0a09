"""The identity of a judgment in files: a key that it keeps in every studio, so that no file brings it twice.

A judgment's `client_key` is that key. Exports write it beside what was said, in each record that belongs to the
judgment, and imports find by it what is here already and which records belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JUDGMENT = "judgment"
"""The field, or the column, that holds the key."""
VERDICT = "verdict"
"""The field that holds the verdict, which the texts alone do not tell: an edited text reads like a chosen one."""
COLUMNS = (JUDGMENT, VERDICT)


def identified(record: Mapping[str, Any], key: str, verdict: str) -> dict[str, Any]:
    """Return the record of an export with the key and the verdict of its judgment after its own fields.

    `key` is Judgment.client_key and `verdict` is Judgment.verdict. All records of one judgment get the same two.
    """
    return {**record, JUDGMENT: key, VERDICT: verdict}
