"""The part of a version's page that shows it beside another one, text by text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session

from app.context import mellow
from app.db import Version
from app.services.versions import differences, versions
from app.services.versions.differences import Differences, Pair

PAGE_SIZE = 10


@dataclass(frozen=True)
class Beside:
    """Version `number` beside the one whose page it is, one of `others`: page `page` of what differs."""

    number: int
    others: Sequence[Version]
    differences: Differences
    page: int

    @property
    def pages(self) -> int:
        """Return the number of pages, at least 1."""
        return max(1, -(-len(self.differences.pairs) // PAGE_SIZE))

    @property
    def shown(self) -> Sequence[Pair]:
        """Return the texts of the page."""
        return self.differences.pairs[self.first - 1 : self.first - 1 + PAGE_SIZE]

    @property
    def first(self) -> int:
        """Return the number of the page's first text; the texts count from 1."""
        return (self.page - 1) * PAGE_SIZE + 1


def asked_for(session: Session, version: Version) -> Beside | None:
    """Return what the request asks to show beside a version, at first its parent; None if there is no other version."""
    others = [other for other in versions.all_versions(session) if other.number != version.number]
    if not others:
        return None
    numbers = {other.number: other for other in others}
    wanted = (request.args.get("beside", type=int), version.parent_number, versions.serving_number(session))
    number = next((one for one in wanted if one is not None and one in numbers), others[0].number)
    found = differences.between(session, mellow().store, version, numbers[number])
    beside = Beside(number, others, found, max(1, request.args.get("page", 1, type=int)))
    return beside if beside.page <= beside.pages else Beside(number, others, found, beside.pages)
