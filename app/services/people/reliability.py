"""How reliable each person's clicks are, from the standing judgments; models/reliability.py does the arithmetic.

Of each person the LATEST judgments count, of the MOST_PEOPLE who judged most, whether they may still sign in or not;
what was imported counts if the file says who judged, and decisions of reviewers do not. All of it is computed anew only
after every so many judgments, up to the last of them, so that all processes come to the same figures. That takes
seconds, so whoever waits for a page or a screen is served the latest figures that the process knows, and a background
thread computes the new ones.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, null, or_, select
from sqlalchemy.orm import Session

from app.db import JUDGE, Candidate, Generation, Judgment, Prompt, User, Verdict
from app.schemas.kinds import LARGEST_ID
from app.services.people.statistics import PLACES, Positions
from app.services.prompts import attention_checks, studio_settings
from app.services.system import counts, marks
from app.services.system.cache import recalled, remembered
from app.words import gettext, number
from models.reliability import Answer, Check, Reliability
from models.reliability import reliabilities as of_answers
from models.reward.features import SIZE, Array, unpack
from models.shares import Share

LATEST = 200
MOST_PEOPLE = 50
MOST_NEW = 2_000
"""The latest new judgments that the Training page describes."""
QUICK_SECONDS = 1.0
IMPORTED = "imported:"
"""What JUDGE puts before a name in an imported file."""

_KEY = "reliability"
_LEAST_STEP, _MOST_STEP = 8, 64
_IDS_AT_ONCE = 500


@dataclass(frozen=True)
class News:
    """What is known of the latest judgments made here: `same` counts pairs of people who chose on the same screen."""

    judgments: int
    same: Share
    quick: Share
    positions: Positions
    checks: Share


class _Row(NamedTuple):
    judgment_id: int
    judge: str
    generation_id: int
    prompt_id: int
    verdict: str
    seconds: float | None
    is_check: bool
    chosen: int | None
    right: bool | None


class _Card(NamedTuple):
    id: int
    place: int
    digest: bytes
    features: bytes | None


class _Choice(NamedTuple):
    row: _Row
    cards: Sequence[_Card]
    chosen: int

    @property
    def screen(self) -> tuple[int | bytes, ...]:
        """Return what is equal on the screens of all who judged the same cards."""
        return self.row.prompt_id, *(card.digest for card in self.cards)


def weights(session: Session, *, at_once: bool = False) -> Mapping[str, float]:
    """Return the weight of each person's judgments, in (0, 1], by the text of JUDGE; who is not named weighs 1.

    With `at_once` they are the latest that this process knows.
    """
    if not studio_settings.settings(session).weigh_people:
        return {}
    found = latest(session) if at_once else reliabilities(session)
    return {judge: one.weight for judge, one in found.items() if one.weight < 1}


def reliabilities(session: Session) -> Mapping[str, Reliability]:
    """Return the reliability of each person by the text of JUDGE, as of the last judgments that it was computed for."""
    last = session.scalar(select(func.max(Judgment.id))) or 0
    step = min(_MOST_STEP, max(_LEAST_STEP, 1 << max(0, last.bit_length() - 5)))
    up_to = last - last % step
    stamp = up_to, marks.deletions(session)
    return remembered(session, _KEY, stamp, lambda: _reliabilities(session, up_to))


def latest(session: Session) -> Mapping[str, Reliability]:
    """Return the latest reliabilities that this process knows of those who judged, computed if it knows none."""
    known = recalled(session, _KEY)
    if known is None:
        return reliabilities(session)
    found: Mapping[str, Reliability]
    (_, before), found = known
    if before == marks.deletions(session):
        return found
    judges = {_judge(kind) for kind in counts.judgments(session)}
    return {judge: one for judge, one in found.items() if judge in judges}


def names(session: Session, judges: Iterable[str]) -> dict[str, str]:
    """Return what each of those who judged is called, by the text of JUDGE; an unknown user has no name."""
    asked = list(judges)
    short = [judge for judge in asked if len(judge) <= len(str(LARGEST_ID))]  # Python reads no number of 5,000 digits
    ids = [int(judge) for judge in short if judge.isascii() and judge.isdigit() and int(judge) <= LARGEST_ID]
    users = {str(user.id): user.name or user.email for user in session.scalars(select(User).where(User.id.in_(ids)))}
    imported = {
        judge: gettext("%(name)s, imported", name=judge.removeprefix(IMPORTED))
        for judge in asked
        if judge.startswith(IMPORTED)
    }
    return users | imported


def in_words(one: Reliability | None, *, weighed: bool) -> str:
    """Describe a person's reliability in plain words, with its interval."""
    if one is None:
        return gettext("Too few of their clicks can be compared with those of others to say anything of them.")
    lapse = gettext(
        "About %(share)s of 100 of their clicks say nothing (%(low)s to %(high)s), as far as %(choices)s choices and "
        "%(checks)s attention checks can tell.",
        share=number(100 * one.lapse),
        low=number(100 * one.low),
        high=number(100 * one.high),
        choices=number(one.answers),
        checks=number(one.checks),
    )
    if not one.told_apart:
        return " ".join((lapse, gettext("That is no sign that they are less reliable than others.")))
    by_chance = gettext("Their choices cannot be told from chance.")
    said = [by_chance if one.stands_out else gettext("Their choices say less than others’."), lapse]
    if weighed:
        said.append(gettext("Each counts as %(weight)s of a click.", weight=number(one.weight, 2)))
    return " ".join(said)


def news(session: Session, after: int) -> News:
    """Describe the latest judgments with ids above `after`, at most MOST_NEW of those made here."""
    latest = select(Judgment.id).where(Judgment.id > after, Judgment.undone_at.is_(None), Judgment.imported.is_(False))
    latest = latest.where(Judgment.decision.is_(False))
    rows = _rows(session, latest.order_by(Judgment.id.desc()).limit(MOST_NEW))
    cards = _cards(session, rows, null())
    timed = [row.seconds for row in rows if row.seconds is not None]
    places = Counter(
        card.place
        for row in rows
        if not row.is_check and len(cards[row.generation_id]) == PLACES
        for card in cards[row.generation_id]
        if card.id == row.chosen
    )
    checks = [check.passed for check in _checks(rows)]
    return News(
        judgments=len(rows),
        same=_same(_choices(rows, cards)),
        quick=Share(sum(seconds < QUICK_SECONDS for seconds in timed), len(timed)),
        positions=Positions(tuple(places[place] for place in range(PLACES))),
        checks=Share(sum(checks), len(checks)),
    )


def _reliabilities(session: Session, up_to: int) -> dict[str, Reliability]:
    judges: Counter[int | tuple[str]] = Counter()
    for kind, count in counts.judgments(session).items():
        if kind.annotator is not None:
            judges[(kind.annotator,)] += count
        elif not kind.imported:
            judges[kind.person] += count
    rows: list[_Row] = []
    for judge, _ in judges.most_common(MOST_PEOPLE):
        latest = select(Judgment.id).where(Judgment.id <= up_to, Judgment.undone_at.is_(None), *_made_by(judge))
        rows += _rows(session, latest.order_by(Judgment.created_at.desc()).limit(LATEST))
    rows.sort(key=lambda row: row.judgment_id)
    return of_answers(_answers(_choices(rows, _cards(session, rows, Candidate.features))), _checks(rows))


def _judge(kind: counts.Kind) -> str:
    """Return the text of JUDGE of judgments of that kind."""
    return str(kind.person) if kind.annotator is None else f"{IMPORTED}{kind.annotator}"


def _made_by(judge: int | tuple[str]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the judgments of a user, or of a person whom files name."""
    if isinstance(judge, tuple):
        return Judgment.annotator == judge[0], Judgment.decision.is_(False)
    here = Judgment.annotator.is_(None), Judgment.imported.is_(False), Judgment.decision.is_(False)
    return Judgment.user_id == judge, *here


def _rows(session: Session, latest: Select[int]) -> list[_Row]:
    """Return those of some judgments that choose a card or answer an attention check, the latest first."""
    judgments = latest.subquery()
    # A prompt that is no attention check any more does not count as one, and its screens say nothing of taste.
    is_check = and_(Generation.gold, Prompt.gold_answer.is_not(None))
    chooses = and_(Generation.gold.is_(False), Judgment.verdict == Verdict.CHOSEN)
    chosen: Any = (
        select(
            Judgment.id,
            JUDGE,
            Judgment.generation_id,
            Generation.prompt_id,
            Judgment.verdict,
            Judgment.seconds,
            is_check,
            Judgment.candidate_id,
            Candidate.right,
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
        .join(judgments, judgments.c.id == Judgment.id)
        .where(or_(is_check, chooses))
        .order_by(Judgment.id.desc())
    )
    return [_Row(*row) for row in session.execute(chosen)]


def _cards(session: Session, rows: Sequence[_Row], features: Any) -> dict[int, list[_Card]]:
    """Return the cards of each screen in the order of the hashes of their texts, which is the same for everybody.

    `features` is the column of their features, or NULL where nobody reads them: they are most of what is stored.
    """
    ids = sorted({row.generation_id for row in rows})
    found: dict[int, list[_Card]] = defaultdict(list)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = session.execute(
            select(Candidate.generation_id, Candidate.id, Candidate.position, Candidate.text, features).where(
                Candidate.generation_id.in_(ids[start : start + _IDS_AT_ONCE])
            )
        )
        for generation_id, card_id, place, text, measured in some:
            found[generation_id].append(_Card(card_id, place, hashlib.sha256(text.encode()).digest(), measured))
    for cards in found.values():
        cards.sort(key=lambda card: card.digest)
    return found


def _choices(rows: Iterable[_Row], cards: Mapping[int, Sequence[_Card]]) -> list[_Choice]:
    """Return the choices among several cards."""
    found = []
    for row in rows:
        shown = cards[row.generation_id]
        chosen = [number for number, card in enumerate(shown) if card.id == row.chosen]
        if not row.is_check and len(shown) > 1 and chosen:
            found.append(_Choice(row, shown, chosen[0]))
    return found


def _answers(made: Sequence[_Choice]) -> list[Answer]:
    """Return the choices with the features of the cards; cards without features are alike to a head."""
    found = []
    for one in made:
        quick = one.row.seconds is not None and one.row.seconds < QUICK_SECONDS
        place = one.cards[one.chosen].place
        found.append(Answer(one.row.judge, one.screen, _features(one.cards), one.chosen, place, quick))
    return found


def _features(cards: Sequence[_Card]) -> list[Array]:
    measured = [row for card in cards if (row := unpack(card.features)) is not None]
    return measured if len(measured) == len(cards) else [np.zeros(SIZE)] * len(cards)


def _checks(rows: Iterable[_Row]) -> list[Check]:
    passed = [(row.judge, attention_checks.passed(row.is_check, row.verdict, row.right)) for row in rows]
    return [Check(judge, right) for judge, right in passed if right is not None]


def _same(made: Iterable[_Choice]) -> Share:
    """Count the pairs of people who chose on the same screen, and those who chose the same card."""
    by_screen: dict[Any, dict[str, int]] = defaultdict(dict)
    for one in made:
        by_screen[one.screen].setdefault(one.row.judge, one.chosen)  # the latest comes first
    pairs = [one == other for chosen in by_screen.values() for one, other in combinations(chosen.values(), 2)]
    return Share(sum(pairs), len(pairs))
