"""Judgments with all that was on their screens and who made them, for exports that are more than pairs."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from app.db import ANSWERING, Candidate, Generation, Judgment, Prompt, User, Verdict, mine, task_of
from app.services.exchange import identity
from app.services.exchange.judgment_search import JudgmentFilter
from models.formats import Message
from models.formats.schemas.conversation import before, said_by_user
from models.texts.personal_details import masked

_ROWS_AT_ONCE = 500
_LARGEST_NUMBER = 2**31
_NAMESPACE = UUID("7c1d8f7e-2b0a-4f0e-9a53-61f0a3c2be4d")
_decision = aliased(Judgment)
_COLUMNS = (
    Judgment.id,
    Judgment.client_key,
    Judgment.user_id,
    Judgment.annotator,
    Judgment.created_at,
    Judgment.seconds,
    Judgment.verdict,
    Judgment.candidate_id,
    Judgment.tied,
    Judgment.edited_text,
    Judgment.reason,
    Judgment.flagged,
    Judgment.ranking,
    Judgment.remarks,
    Judgment.comment,
    Judgment.decision,
    _decision.client_key.label("decided_by"),
    Generation.id.label("screen_id"),
    Generation.gold,
    Prompt.id.label("prompt_id"),
    Prompt.text.label("prompt"),
    Prompt.source,
    Prompt.metadata_.label("metadata"),
    Prompt.turns,
    Generation.sampling,
    Candidate.id.label("card_id"),
    Candidate.text.label("card"),
    Candidate.version_number,
)
_judgment_id = itemgetter(0)

Who = int | str
"""Who judged: the id of a user, or the name that an imported file gives."""


class Card(NamedTuple):
    """A rewrite as it was shown: its text, the version that wrote it, and whether it was said to be best.

    `place` is that in a ranking, counted from 1; None if the cards were not ranked.
    """

    text: str
    version: int | None
    best: bool
    place: int | None = None
    rating: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedScreen:
    """One judgment, its cards in the order shown.

    `key` is the identity that the judgment has in files, and `metadata` are those of its prompt. Of a tie all tied
    cards are best. `edited` is the text that is better than all cards: the one that was written, or the prompt where
    that is fine as it is; then no card is best. `decision` says that a reviewer decided so, and `decided_by` is the key
    of the decision that counts instead. `turns` are the messages before the prompt and `system` the system
    message before them; without either in a rewriting project, where `turns` are None.
    """

    id: int
    key: str
    who: Who
    created_at: datetime
    seconds: float | None
    verdict: str
    edited: str | None
    reason: str | None
    flagged: bool
    screen_id: int
    gold: bool
    prompt_id: int
    prompt: str
    source: str
    cards: tuple[Card, ...]
    metadata: Mapping[str, Any] | None = None
    comment: str | None = None
    decision: bool = False
    decided_by: str | None = None
    turns: Sequence[Message] | None = None
    system: str = ""

    @property
    def conversation(self) -> list[Message] | None:
        """Return what was asked, with all that came before; None in a rewriting project."""
        return None if self.turns is None else [*before(self.turns, self.system), *said_by_user(self.prompt)]


def read(session: Session, wanted: JudgmentFilter, *conditions: ColumnElement[bool]) -> Iterator[JudgedScreen]:
    """Yield the judgments in the order in which they were made; memory holds a few hundred rows."""
    return _read(session, wanted, [Judgment.id], *conditions)


def read_by_prompt(session: Session, wanted: JudgmentFilter) -> Iterator[JudgedScreen]:
    """Yield the judgments of a prompt one after the other, without attention checks, which tell of the person."""
    return _read(session, wanted, [Generation.prompt_id, Judgment.id], Generation.gold.is_(False))


class Person(NamedTuple):
    """Who judged, in the forms that files ask for."""

    name: str
    number: int
    uuid: UUID


class People:
    """Everybody, as an export names them; under pseudonyms that are drawn anew for each export.

    A drawn pseudonym says nothing of the person, so that nobody finds out who it is by trying names. With `private`
    those have one who would be called by a personal detail, such as their email.
    """

    def __init__(self, session: Session, pseudonyms: bool, private: bool = False) -> None:
        users = session.execute(select(User.id, User.name, User.email)).all()
        self._users = {one.id: (one.name or one.email, one.email) for one in users}
        self._pseudonyms = pseudonyms
        self._private = private
        self._known: dict[Who, Person] = {}
        self._drawn: set[int] = set()
        self._secret = secrets.token_bytes(32)

    def key(self, key: str) -> str:
        """Return the key of a judgment as the export names it; under pseudonyms it betrays no name."""
        return identity.blinded(key, self._secret) if self._pseudonyms else key

    def __getitem__(self, who: Who) -> Person:
        """Return a person, the same one throughout the export."""
        if who not in self._known:
            named = self._named(who)
            drawn = self._pseudonyms or (self._private and masked(named.name)[1])
            self._known[who] = self._draw() if drawn else named
        return self._known[who]

    def _named(self, who: Who) -> Person:
        if isinstance(who, int):
            name, email = self._users[who]
            return Person(name, who, uuid5(_NAMESPACE, email))
        uuid = uuid5(_NAMESPACE, f"imported: {who}")
        return Person(who, uuid.int % _LARGEST_NUMBER, uuid)

    def _draw(self) -> Person:
        number = secrets.randbelow(_LARGEST_NUMBER)
        while number in self._drawn:
            number = secrets.randbelow(_LARGEST_NUMBER)
        self._drawn.add(number)
        return Person(f"person-{number}", number, uuid4())


def _read(session: Session, wanted: JudgmentFilter, order: Sequence[Any], *conditions: Any) -> Iterator[JudgedScreen]:
    found = session.connection().execute(
        select(*_COLUMNS)
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .join(Candidate, Candidate.generation_id == Generation.id)
        .outerjoin(_decision, _decision.id == Judgment.decided_by)
        .where(*mine(session, Judgment), *wanted.conditions(), *conditions)
        .order_by(*order, Candidate.position),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    answering = task_of(session) == ANSWERING
    return (_judged(list(rows), answering) for _, rows in groupby(found, key=_judgment_id))


def _judged(rows: Sequence[Any], answering: bool) -> JudgedScreen:
    first = rows[0]
    best = _best(first.verdict, first.candidate_id, first.tied, (row.card_id for row in rows))
    return JudgedScreen(
        first.id,
        first.client_key,
        first.annotator or first.user_id,
        first.created_at,
        first.seconds,
        first.verdict,
        first.prompt if first.verdict == Verdict.FINE else first.edited_text,
        first.reason,
        first.flagged,
        first.screen_id,
        first.gold,
        first.prompt_id,
        first.prompt,
        first.source,
        tuple(_card(row, best) for row in rows),
        first.metadata,
        first.comment,
        first.decision,
        first.decided_by,
        (first.turns or []) if answering else None,
        (first.sampling.get("system") or "") if answering else "",
    )


def _card(row: Any, best: Collection[int]) -> Card:
    ranking = row.ranking or []
    place = ranking.index(row.card_id) + 1 if row.card_id in ranking else None
    said: dict[str, Any] = next((one for one in row.remarks or () if one["candidate_id"] == row.card_id), {})
    tags = tuple(said.get("tags", ()))
    return Card(row.card, row.version_number, row.card_id in best, place, said.get("rating"), tags)


def _best(verdict: str, candidate: int | None, tied: Sequence[int] | None, cards: Iterable[int]) -> set[int]:
    if verdict == Verdict.TIE:
        return set(tied or cards)  # a tie of all names none of them
    return {candidate} if verdict == Verdict.CHOSEN and candidate is not None else set()
