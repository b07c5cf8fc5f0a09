"""Finding reviews, the most disagreeing first, and reading what was said of each: by whom, of which card, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import Generation, Judgment, Review, ReviewState, User, Verdict
from app.domain_errors import NotFound
from app.schemas.kinds import Limit, RowId, Search
from app.schemas.reading import Sent
from app.schemas.windows import in_order
from app.services.people import ratings
from app.words import N_, gettext

PAGE = 20
State = Literal["open", "sent_back", "decided"]


class ReviewQuery(Sent, frozen=True):
    """Filter of reviews; what is left out leaves it open."""

    state: Annotated[
        State,
        Meta(
            description="To be decided, waiting for one more opinion, or decided; to be decided unless given.",
            extra={"refusal": N_("{name} must be open, sent_back or decided.")},
        ),
    ] = "open"
    person: Annotated[RowId, Meta(description="The id of somebody who judged it.")] | None = None
    source: Annotated[Search, Meta(description="Where the prompt comes from.")] = ""


class ReviewPageQuery(ReviewQuery, frozen=True):
    """A page of the reviews that are meant."""

    limit: Limit | None = None
    after: Annotated[RowId, Meta(description="The last review of the page before.")] | None = None


@dataclass(frozen=True)
class ReviewFilter:
    """Filter of reviews; a field that is None or empty leaves it open."""

    state: str = ReviewState.OPEN
    person: int | None = None
    source: str = ""

    @classmethod
    def of(cls, query: ReviewQuery) -> ReviewFilter:
        """Return the filter of a query."""
        return cls(query.state, query.person, query.source.strip())

    def as_query(self) -> dict[str, str]:
        """Return the query that this filter is parsed from, without what has its default."""
        found = {name: str(value) for name, value in asdict(self).items() if value not in (None, "")}
        return {name: value for name, value in found.items() if (name, value) != ("state", ReviewState.OPEN)}

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the same as conditions on a Review."""
        wanted: list[ColumnElement[bool]] = [Review.state == self.state, Review.generation_id.is_not(None)]
        if self.source:
            wanted.append(Review.source == self.source)
        if self.person is not None:
            judged = select(Judgment.id).join(Generation, Generation.id == Judgment.generation_id)
            # Found by the prompt: by the index of the people, SQLite would walk all of theirs for each review.
            of_person = (Judgment.user_id + 0 == self.person, Judgment.undone_at.is_(None))
            said = (*of_person, Judgment.decision.is_(False))
            wanted.append(exists(judged.where(Generation.prompt_id == Review.prompt_id, *said).correlate(Review)))
        return wanted


@dataclass(frozen=True)
class Opinion:
    """What one person said: `best` are the places of cards, from 1, as they stand on the screen of the review."""

    judgment: Judgment
    person: str
    best: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A review with the screen that is shown, what people said of it, and the decision if there is one."""

    review: Review
    screen: Generation
    opinions: Sequence[Opinion]
    decision: Opinion | None

    def chosen_by(self, place: int) -> Sequence[Opinion]:
        """Return the opinions that have the card at that place among the best."""
        return [one for one in self.opinions if place in one.best]

    @property
    def others(self) -> Sequence[Opinion]:
        """Return the opinions that name no card."""
        return [one for one in self.opinions if not one.best]


@dataclass(frozen=True)
class Page:
    """Reviews, the most disagreeing first; there may be more after the id `after`, unless that is None."""

    cases: Sequence[Case]
    after: int | None


def page(session: Session, wanted: ReviewFilter, after: int | None = None, size: int = PAGE) -> Page:
    """Return the first reviews that are meant, of those that come after the one with that id."""
    ids = list(session.scalars(_in_order(session, wanted, after).limit(size + 1)))
    return Page(load(session, ids[:size]), ids[size - 1] if len(ids) > size else None)


def case(session: Session, review_id: int) -> Case:
    """Return one review; raises NotFound."""
    found = load(session, [review_id])
    if not found:
        raise NotFound(gettext("There is no review %(id)s.", id=review_id))
    return found[0]


def following(session: Session, wanted: ReviewFilter, after: int | None = None) -> int | None:
    """Return the id of the review that comes after another one, or else of the first; None if there is none."""
    found = session.scalar(_in_order(session, wanted, after).limit(1))
    return found if found is not None or after is None else following(session, wanted)


def numbers(session: Session) -> dict[str, int]:
    """Count the reviews by their state."""
    return dict(iter(session.execute(select(Review.state, func.count()).group_by(Review.state))))


def load(session: Session, ids: Sequence[int]) -> list[Case]:
    """Return reviews that can be shown, in the order of these ids."""
    shown = select(Review).where(Review.id.in_(ids), Review.generation_id.is_not(None))
    reviews: list[Review] = in_order(ids, session.scalars(shown))
    screens = _screens(session, [review.generation_id for review in reviews if review.generation_id is not None])
    said = _said(session, reviews)
    names = _names(session, said.values())
    found = []
    for review in reviews:
        screen = screens[review.generation_id or 0]
        opinions = [_opinion(one, screen, names) for one in said.get((review.prompt_id, review.texts_sha256), ())]
        decision = next((one for one in opinions if one.judgment.id == review.decision_id), None)
        found.append(Case(review, screen, [one for one in opinions if not one.judgment.decision], decision))
    return found


def _in_order(session: Session, wanted: ReviewFilter, after: int | None) -> Select[int]:
    """Select the ids in the order of the indexes, that one's included that another review stands before."""
    found = select(Review.id).where(*wanted.conditions()).order_by(Review.disagreement.desc(), Review.id.desc())
    last = session.get(Review, after) if after is not None else None
    if last is None:
        return found
    same = and_(Review.disagreement == last.disagreement, Review.id < last.id)
    return found.where(Review.disagreement <= last.disagreement, or_(Review.disagreement < last.disagreement, same))


def _screens(session: Session, ids: Iterable[int]) -> Mapping[int, Generation]:
    whole = (selectinload(Generation.candidates), selectinload(Generation.prompt))
    return {one.id: one for one in session.scalars(select(Generation).where(Generation.id.in_(ids)).options(*whole))}


def _said(session: Session, reviews: Sequence[Review]) -> Mapping[tuple[int, str], Sequence[Judgment]]:
    """Return the standing judgments of the prompts of some reviews, by prompt and rewrites, the earliest first."""
    prompts = [review.prompt_id for review in reviews]
    standing = (
        select(Judgment)
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(Generation.prompt_id.in_(prompts), Generation.gold.is_(False), Judgment.undone_at.is_(None))
        .options(selectinload(Judgment.generation).selectinload(Generation.candidates))
        .order_by(Judgment.id)
    )
    judgments = session.scalars(standing).all()
    screens = ratings.shown(session, [one.generation_id for one in judgments])
    found: defaultdict[tuple[int, str], list[Judgment]] = defaultdict(list)
    for one in judgments:
        found[one.generation.prompt_id, screens[one.generation_id].texts.hex()].append(one)
    return found


def _names(session: Session, said: Iterable[Sequence[Judgment]]) -> Mapping[int, str]:
    ids = {one.user_id for judgments in said for one in judgments}
    return {user.id: user.name or user.email for user in session.scalars(select(User).where(User.id.in_(ids)))}


def _opinion(judgment: Judgment, screen: Generation, names: Mapping[int, str]) -> Opinion:
    cards = judgment.generation.candidates
    named = {judgment.candidate_id, *(judgment.tied or ())} - {None}
    if judgment.verdict == Verdict.TIE and not judgment.tied:
        named = {card.id for card in cards}
    if judgment.verdict not in (Verdict.CHOSEN, Verdict.TIE):
        named = set()
    texts = [card.text for card in cards if card.id in named]
    best = []
    for place, card in enumerate(screen.candidates, start=1):
        if card.text in texts:
            texts.remove(card.text)
            best.append(place)
    person = names[judgment.user_id]
    if judgment.annotator is not None:
        person = gettext("%(name)s, imported", name=judgment.annotator)
    return Opinion(judgment, person, tuple(best))
