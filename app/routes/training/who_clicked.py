"""The box on the Training page that says who clicked, and how reliable their clicks are, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.services.people import reliability
from app.services.people.reliability import News
from app.services.prompts import studio_settings
from app.words import gettext, number


@dataclass(frozen=True)
class Clicker:
    """A person who may be left out: who judged, as JUDGE has it, their name, and what is said of them."""

    judge: str
    name: str
    sentence: str
    left_out: bool


@dataclass(frozen=True)
class Box:
    """Holds what the box shows: the new judgments, of which the latest `most` are described, people, and the rules."""

    news: News
    people: list[Clicker]
    rule: str
    most: int = reliability.MOST_NEW


def box(session: Session, since: int, without: Collection[str]) -> Box:
    """Return the box for judgments after `since`, with the people to leave out ticked."""
    studio, found = studio_settings.settings(session), reliability.latest(session)
    apart = [judge for judge, one in found.items() if one.told_apart]
    judges = sorted({*apart, *without}, key=lambda judge: -(found[judge].lapse if judge in found else 0))
    names = reliability.names(session, judges)
    people = [
        Clicker(
            judge, names[judge], reliability.in_words(found.get(judge), weighed=studio.weigh_people), judge in without
        )
        for judge in judges
        if judge in names
    ]
    return Box(reliability.news(session, since), people, _rule(studio.weigh_people, studio.least_seconds))


def _rule(weighed: bool, least_seconds: float) -> str:
    said = gettext("Less reliable clicks count less.") if weighed else gettext("Everybody’s clicks count the same.")
    return f"{said} {_quick_ones(least_seconds)}"


def _quick_ones(least_seconds: float) -> str:
    if not least_seconds:
        return gettext("Answers count however quickly they came.")
    if least_seconds == 1:
        return gettext("Answers given in less than one second are left out.")
    seconds = number(least_seconds, 0 if least_seconds.is_integer() else 1)
    return gettext("Answers given in less than %(seconds)s seconds are left out.", seconds=seconds)
