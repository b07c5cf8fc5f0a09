"""Settings of the whole studio that admins change, with defaults for those that were never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import FIRST, StudioSetting, insert_new, now, project_of, write_transaction
from app.domain_errors import Invalid
from app.services.prompts import retirement
from app.services.system import audit, marks
from app.words import gettext
from models.formats.annotations import LONGEST_TAG, MOST_TAGS
from models.serving.generator import CANDIDATES

MOST_TEXT = 20_000
MOST_SYSTEM = 4_000
_SWITCHES = frozenset(
    {
        "blur",
        "learn_at_once",
        "only_if_better",
        "compare_live",
        "prove_first",
        "second_factor_of_admins",
        "retrain_by_itself",
        "weigh_people",
        "only_english",
        "ask_rating",
        "ask_comment",
    }
)
_BOUNDS = {
    "overlap": (1, 20),
    "most_skips": (1, 20),
    "gold_every": (0, 1000),
    "break_minutes": (0, 480),
    "retrain_after_clicks": (1, 100_000),
    "retrain_above": (50, 99),
    "retrain_from_hour": (0, 23),
    "retrain_to_hour": (0, 23),
    "retrain_hours_apart": (1, 720),
    "answer_tokens": (16, 1024),
}
_OF_THE_STUDIO = frozenset({"second_factor_of_admins"})
"""The settings that hold for all projects."""
BEST_OF_THREE, BEST_OF_TWO, RANKING = QUESTIONS = ("best_of_three", "best_of_two", "ranking")
_CHOICES = {"retrain_when": ("clicks", "forecast", "either", "both"), "question": QUESTIONS}
MOST_SECONDS = 10.0

DEFAULT_GUIDELINES = """\
# What makes a rewrite good

1. **It means the same.** What the person wanted to say is still there.
2. **It insults nobody.** No slur, no swearing, no contempt.
3. **It reads well.** Somebody could have written it.

If two are good, take the one that keeps more of the meaning. If none is, say so, or write a better one.
"""

OF_ANSWERING: Mapping[str, Any] = {
    "guidelines": """\
# What makes an answer good

1. **It is right.** Nothing in it is made up.
2. **It helps.** It answers what was asked, and says so where it cannot.
3. **It is as short as it can be.** No preface, and nothing twice.
4. **It is friendly.**

If two are good, take the shorter one. If none is, say so, or write a better one.
""",
    "only_english": False,
}
"""The settings with which a project that answers begins."""


@dataclass(frozen=True)
class StudioSettings:
    """The settings of the whole studio.

    `guidelines` is Markdown. `overlap` is how many people judge each prompt of the queue; one that `most_skips` people
    skipped is served to nobody else. One screen in `gold_every` is an attention check while there are any (0: none).
    `blur` hides toxic texts until they are asked for, unless a person decides otherwise. With `only_english` the desk
    says so before it shows the rewrites of a text that is surely not English. After `break_minutes` of work a break is
    suggested (0: never). With `learn_at_once` every click moves what is shown next; without, only a training does. With
    `only_if_better` a version that was retrained serves only if the clicks show that it is preferred to the one it was
    trained from. With `compare_live` a retrained version is compared with what served before, on the same screens,
    until the clicks decide; with `prove_first` the earlier one serves meanwhile. With `second_factor_of_admins` every
    admin must have a second factor. With `weigh_people` the judgments of people whose clicks say less count less.
    Answers given within less than `least_seconds` teach nothing (0: all do).

    `question` is what people are asked: which of three rewrites is the best, which of two, or in which order all come.
    With `ask_rating` they may rate each rewrite from 1 to 5, with `ask_comment` leave a comment for colleagues; `tags`
    are the names that they may put on a rewrite.

    Of a project that answers, `system_message` comes before every conversation, if it is not empty, and an answer has
    at most `answer_tokens` tokens.

    With `retrain_by_itself` a run is requested by nobody (app/services/training/by_itself/rule.py) when there are
    `retrain_after_clicks` new clicks, or when the lower end of the forecast is above `retrain_above` of 100, or either
    or both, as `retrain_when` says; between two hours of the day in UTC, if they differ, and `retrain_hours_apart` at
    least after the last run that began by itself.
    """

    guidelines: str = DEFAULT_GUIDELINES
    overlap: int = 1
    most_skips: int = 3
    gold_every: int = 20
    blur: bool = False
    break_minutes: int = 45
    learn_at_once: bool = True
    only_if_better: bool = False
    compare_live: bool = True
    prove_first: bool = False
    second_factor_of_admins: bool = False
    retrain_by_itself: bool = False
    retrain_when: str = "clicks"
    retrain_after_clicks: int = 50
    retrain_above: int = 55
    retrain_from_hour: int = 0
    retrain_to_hour: int = 0
    retrain_hours_apart: int = 24
    weigh_people: bool = True
    only_english: bool = True
    least_seconds: float = 1.0
    question: str = BEST_OF_THREE
    ask_rating: bool = False
    tags: tuple[str, ...] = ()
    ask_comment: bool = False
    system_message: str = ""
    answer_tokens: int = 256

    @property
    def cards(self) -> int:
        """Return how many rewrites a screen is to have."""
        return 2 if self.question == BEST_OF_TWO else CANDIDATES


def settings(session: Session) -> StudioSettings:
    """Return the present settings; the mark of the queue, which is wanted next, is read along with them."""
    known = {row_name(session, field.name): field.name for field in fields(StudioSettings)}
    wanted = select(StudioSetting.name, StudioSetting.value).where(StudioSetting.name.in_({*known, marks.QUEUE}))
    stored: dict[str, dict[str, Any]] = dict(session.connection().execute(wanted).all())
    marks.remember(session, marks.QUEUE, stored.pop(marks.QUEUE, None))
    values: dict[str, Any] = {known[name]: value["value"] for name, value in stored.items()}
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    return StudioSettings(**values)


def row_name(session: Session, setting: str) -> str:
    """Return the name of the row that holds a setting for the session's project."""
    project = project_of(session)
    return setting if project == FIRST or setting in _OF_THE_STUDIO else f"{project}/{setting}"


def change(session: Session, by: int, values: Mapping[str, Any]) -> StudioSettings:
    """Store those settings; raises Invalid for a wrong one, and then stores none."""
    check(values)
    with write_transaction(session):
        store(session, by, values)
    return settings(session)


def check(values: Mapping[str, Any]) -> None:
    """Raise Invalid if one of those settings does not exist or cannot have its value."""
    for name, value in values.items():
        _check(name, value)


def store(session: Session, by: int, values: Mapping[str, Any]) -> None:
    """Store settings that were checked, within the running transaction."""
    for name, value in values.items():
        new = {"value": {"value": value}, "changed_by": by, "changed_at": now()}
        row = row_name(session, name)
        insert_new(session, StudioSetting, [{"name": row, **new}], StudioSetting.name)
        session.execute(update(StudioSetting).where(StudioSetting.name == row).values(**new))
    session.flush()
    if "overlap" in values:
        retirement.bring_back(session, settings(session))
    chosen = {name: value for name, value in values.items() if name in _SWITCHES or name in _CHOICES}
    audit.record(session, by, "studio.changed", "studio", settings=sorted(values), **chosen)


def _check(name: str, value: object) -> None:
    if name == "guidelines":
        if not isinstance(value, str) or len(value) > MOST_TEXT or "\x00" in value:
            raise Invalid(gettext("The guidelines must be a text of at most %(most)s characters.", most=MOST_TEXT))
    elif name == "system_message":
        if not isinstance(value, str) or len(value) > MOST_SYSTEM or "\x00" in value:
            raise Invalid(
                gettext("The system message must be a text of at most %(most)s characters.", most=MOST_SYSTEM)
            )
    elif name == "tags":
        _check_tags(value)
    elif name in _SWITCHES:
        if not isinstance(value, bool):
            raise Invalid(gettext("%(name)s must be true or false.", name=name))
    elif name == "least_seconds":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MOST_SECONDS:
            raise Invalid(gettext("least_seconds must be a number from 0 to %(most)s.", most=round(MOST_SECONDS)))
    elif name in _BOUNDS:
        least, most = _BOUNDS[name]
        if type(value) is not int or not least <= value <= most:
            raise Invalid(
                gettext(
                    "%(name)s must be a whole number from %(least)s to %(most)s.", name=name, least=least, most=most
                )
            )
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            raise Invalid(gettext("%(name)s must be one of %(choices)s.", name=name, choices=", ".join(_CHOICES[name])))
    else:
        raise Invalid(gettext("There is no setting %(name)s.", name=repr(name)))


def _check_tags(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Invalid(gettext("The tags must be a list of names."))
    if len(value) > MOST_TAGS or len({one.casefold() for one in value}) < len(value):
        raise Invalid(gettext("There may be at most %(most)s tags, each with a name of its own.", most=MOST_TAGS))
    for name in value:
        if name != name.strip() or not 0 < len(name) <= LONGEST_TAG or not name.isprintable():
            raise Invalid(
                gettext("A tag must have 1 to %(most)s characters: “%(name)s”.", most=LONGEST_TAG, name=name[:60])
            )
