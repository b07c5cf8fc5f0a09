"""The settings of what follows from a click, and what ends when one of them is switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.db import Alias, LiveComparison, serving_alias, write_transaction
from app.services.prompts import studio_settings
from app.services.versions import live_comparison


def change(session: Session, by: int, values: Mapping[str, Any]) -> LiveComparison | None:
    """Store those settings; returns the live comparison that this ends, if any; raises Invalid, and then stores none.

    Without live comparisons the one that is under way ends in the same transaction, and what serves stays.
    """
    studio_settings.check(values)
    with write_transaction(session):
        session.get(Alias, serving_alias(session), with_for_update=True)
        studio_settings.store(session, by, values)
        if values.get("compare_live", True):
            return None
        return live_comparison.end_running(session, "Live comparisons were switched off.", by)
