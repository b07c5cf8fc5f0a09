"""A look before an export: which judgments hold personal details, or are of texts that versions are tested on.

So many judgments are looked at for one page, the newest ones first; the page says where to go on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Judgment
from app.schemas.kinds import RowId
from app.services.exchange import judged_screens
from app.services.exchange.judged_screens import JudgedScreen
from app.services.exchange.judgment_search import SCANNED, JudgmentFilter, JudgmentQuery
from app.services.exchange.outgoing.evaluation_texts import evaluation_texts
from app.services.exchange.outgoing.redaction import read
from app.services.prompts import metadata
from models.texts.near_duplicates import Likeness
from models.texts.personal_details import Kinds

PAGE = 25


class ReportQuery(JudgmentQuery, frozen=True):
    """A page of the findings among the judgments that are meant."""

    before: RowId | None = None
    page: RowId = 1


@dataclass(frozen=True)
class Finding:
    """A judgment with something to look at: texts that hold details, each with its masked form, and what it is like."""

    screen: JudgedScreen
    texts: list[tuple[str, str]]
    like: Likeness | None


@dataclass
class Report:
    """Tells what was found among `judgments`; unless it is None, those below the id `before` are still to be looked at.

    `holding` are the judgments with each kind of detail, `found` the ids of all with anything, the newest first, of
    which `findings` are one page.
    """

    judgments: int = 0
    with_details: int = 0
    holding: Kinds = field(default_factory=Counter)
    same: int = 0
    near: int = 0
    found: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    before: int | None = None

    @property
    def pages(self) -> int:
        """How many pages of findings there are."""
        return -(-len(self.found) // PAGE)


def report(session: Session, wanted: JudgmentFilter, before: int | None = None, page: int = 1) -> Report:
    """Look at the newest standing judgments that are meant, of those with an id below `before`, and show one page."""
    standing = replace(wanted, undone=False)
    tested = evaluation_texts(session)
    top = before if before is not None else (session.scalar(select(func.max(Judgment.id))) or 0) + 1
    bottom = max(0, top - SCANNED)
    made = Report(before=bottom or None)
    for screen in judged_screens.read(session, standing, Judgment.id < top, Judgment.id >= bottom):
        kinds, like = read(screen, whole=True).kinds, tested.like(screen.prompt)
        made.judgments += 1
        made.with_details += bool(kinds)
        made.holding.update(kinds.keys())
        made.same += like is not None and like.same
        made.near += like is not None and not like.same
        if kinds or like:
            made.found.append(screen.id)
    made.found.reverse()
    shown = made.found[(page - 1) * PAGE : page * PAGE]
    for screen in judged_screens.read(session, standing, Judgment.id.in_(shown)):
        made.findings.insert(0, Finding(screen, _with_details(screen), tested.like(screen.prompt)))
    return made


def _with_details(screen: JudgedScreen) -> list[tuple[str, str]]:
    reading = read(screen, whole=True)
    told, masked = metadata.as_text(screen.metadata), metadata.as_text(reading.metadata)
    texts = [*reading.texts.items(), (told, masked)]
    return [(text, other) for text, other in texts if text != other]
