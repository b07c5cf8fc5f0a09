"""Annotations: each is one person's judgment of the candidates of a text, whatever tool it was made in.

Formats that hold annotations are read into a Record; from formats of pairs, `read_origin` tells who made a row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from models.formats.files.problems import UNSTORABLE
from models.formats.rows import BadRow, Fields, Row, Text, messages_in
from models.formats.schemas.conversation import preference
from models.formats.schemas.trl import number, ranked

CHOSEN, EDITED, FINE, TIE, NONE, SKIPPED = VERDICTS = ("chosen", "edited", "fine", "tie", "none", "skipped")
WORST_RATING, BEST_RATING = 1, 5
LEAST_RANKED = 3
"""An order of two says no more than which is the best."""
LONGEST_TAG, MOST_TAGS = 40, 20
"""The most characters of a tag, and the most tags of a candidate."""
OPINION, DECISION = "opinion", "decision"
"""Kinds of judgments: of one of several people, or of a reviewer who decides what they disagree on."""
PERSON_NAMES = ("person", "annotator", "annotator_id", "annotator_name", "rater", "labeler", "worker_id", "user_id")
"""Fields that say who made a row, the surest first."""
_TIME_NAMES = ("created_at", "annotated_at", "timestamp")
_SECONDS_NAMES = ("seconds", "lead_time")
ORIGIN_NAMES = frozenset((*PERSON_NAMES, *_TIME_NAMES, *_SECONDS_NAMES))
"""Fields that say who made a row, when, and how long it took."""
_KEY = re.compile(r"[ij]-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_PERSON = 200  # as the table of judgments has it
_TOO_LONG = f"the name of the person has more than {_LONGEST_PERSON} characters"
_NAMES = ("first_name", "last_name")
_NAMES_OF_ACCOUNTS = ("username", "email", "id")
_IN_MILLISECONDS = 1e11
"""A number of seconds since 1970 is below this for three thousand years, one of milliseconds since 1973 above it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who judged, when, how long it took, and the key by which the studio knows it; empty where nothing is said."""

    person: str = ""
    at: datetime | None = None
    seconds: float | None = None
    key: str = ""


NOWHERE = Origin()
"""The origin of which nothing is known."""


@dataclass(frozen=True, slots=True)
class TextRemark:
    """What was said of one candidate beside the verdict: a rating from 1 to 5, if any, and tags."""

    text: str
    rating: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotation:
    """One person's judgment of the candidates of a text.

    `better` holds the best candidates (of an edit, the text that was written; of a prompt that is fine, the prompt),
    `worse` those below them. Of a tie of all, all are better; if none is good, all are worse; of a skip, `worse` holds
    what was shown. `ranks` has a rank for each of `better` and `worse`, the lowest being the best, where they were
    ranked. `ranking` has `better` and `worse` in one order without ties, the best first, if there are three or more.
    `unused` says what of it cannot be used, and why. A `decision` is a reviewer's.
    """

    verdict: str
    better: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    ranks: tuple[float, ...] = ()
    unused: tuple[str, ...] = ()
    reason: str = ""
    flagged: bool = False
    origin: Origin = NOWHERE
    ranking: tuple[str, ...] = ()
    remarks: tuple[TextRemark, ...] = ()
    comment: str = ""
    decision: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A prompt, None if the record has none, and what each person said; a text says why an annotation is unusable."""

    prompt: object
    annotations: list[Annotation | str]


def sided(better: Iterable[str], worse: Iterable[str], verdict: str = "", origin: Origin = NOWHERE) -> Annotation:
    """Return the annotation that two sides are, each text of which stands for a candidate; raises BadRow.

    Without a verdict the sides tell it. What is on both sides says nothing and is left out of the lower one.
    """
    best, below = tuple(dict.fromkeys(better)), tuple(worse)
    others = tuple(text for text in below if text not in best)
    same = len(below) - len(others)
    unused = ("a rejected text is the chosen one itself, of which nothing is learned",) if same else ()
    if not best and not others:
        raise BadRow("nothing is ranked")
    found = verdict or (NONE if not best else CHOSEN if len(best) == 1 else TIE)
    if found in (CHOSEN, EDITED, FINE) and not others:
        raise BadRow("chosen and rejected are the same" if same else "nothing was ranked above anything")
    fits = {CHOSEN: len(best) == 1, EDITED: len(best) == 1, FINE: len(best) == 1, TIE: len(best) > 1, NONE: not best}
    if not fits.get(found, False):
        raise BadRow(f"its verdict {found[:40]!r} does not go with {len(best)} chosen and {len(others)} rejected texts")
    return Annotation(found, best, others, unused=unused, origin=origin)


def by_rank(places: Iterable[tuple[str, float]], origin: Origin = NOWHERE) -> Annotation:
    """Return the annotation that texts with their ranks are, of which the lowest is the best; raises BadRow."""
    ordered = sorted(places, key=lambda place: place[1])
    if len(ordered) < 2:
        raise BadRow("there are fewer than two answers to rank")
    best = [text for text, rank in ordered if rank == ordered[0][1]]
    found = sided(best, [text for text, _ in ordered[len(best) :]], origin=origin)
    whole = len(ordered) == len(found.better) + len(found.worse)  # no text stands there twice
    if not whole:
        return found
    ranks = tuple(rank for _, rank in ordered)
    strict = len(ranks) >= LEAST_RANKED and len(set(ranks)) == len(ranks)
    return replace(found, ranks=ranks, ranking=tuple(text for text, _ in ordered) if strict else ())


def pairs(prompt: object, annotation: Annotation) -> list[Row]:
    """Return the rows that training learns from; raises BadRow if there are none to learn from."""
    by = f" by {annotation.origin.person}" if annotation.origin.person else ""
    if annotation.verdict == SKIPPED:
        raise BadRow(f"it was skipped{by}")
    if annotation.verdict == NONE:
        raise BadRow(f"none of its answers was found good{by}")
    if not annotation.worse:
        raise BadRow("all its answers have the same score")
    if annotation.ranks:
        texts = (*annotation.better, *annotation.worse)
        return [ranked(prompt, texts, [-rank for rank in annotation.ranks])]
    return [preference(prompt, good, bad) for good in annotation.better for bad in annotation.worse]


def read_origin(fields: Fields) -> Origin:
    """Return what a row says of its origin, in fields of the usual names.

    Other tools may mean something else by them: what is no time or number of seconds is taken for none. Raises BadRow
    if a person's name cannot be stored.
    """
    seconds = next((fields[name] for name in _SECONDS_NAMES if name in fields), None)
    try:
        long = read_seconds(seconds, "seconds")
    except BadRow:
        long = None
    try:
        at = read_time(next((fields[name] for name in _TIME_NAMES if name in fields), None), "created_at")
    except BadRow:
        at = None
    person = next((found for name in PERSON_NAMES if (found := read_person(fields.get(name)))), "")
    return Origin(person, at, long, read_key(fields.get("judgment")))


def read_person(value: object) -> str:
    """Return the name of a person: a text, a number that stands for one, or an object with a name; else nothing.

    Raises BadRow if the name is too long or cannot be stored: a part of it might be the name of somebody else.
    """
    found = _name_in(value) if isinstance(value, Mapping) else _name_of(value)
    if UNSTORABLE.search(found):
        raise BadRow("the name of the person holds characters that cannot be stored")
    if len(found) > _LONGEST_PERSON:
        raise BadRow(_TOO_LONG)
    return found


def read_reason(value: object) -> str:
    """Return why somebody judged so, in their words; empty if it is no text. Raises BadRow if it cannot be stored."""
    found = value if isinstance(value, str) else ""
    if UNSTORABLE.search(found):
        raise BadRow("the reason holds characters that cannot be stored")
    return found


def read_remark(text: str, rating: object, tags: object) -> TextRemark:
    """Return what was said of one candidate; raises BadRow for a rating or a tag that is none."""
    if rating is not None and (type(rating) is not int or not WORST_RATING <= rating <= BEST_RATING):
        raise BadRow(f"a rating is {str(rating)[:20]!r}, and not from {WORST_RATING} to {BEST_RATING}")
    names = tags if isinstance(tags, list) else [] if tags is None else [None]
    if len(names) > MOST_TAGS or not all(map(_is_tag, names)):
        raise BadRow(f"its tags are not at most {MOST_TAGS} names of at most {LONGEST_TAG} characters")
    return TextRemark(text, rating if isinstance(rating, int) else None, tuple(map(str, names)))


def read_remarks(value: object, texts: Mapping[str, str]) -> tuple[TextRemark, ...]:
    """Return a list of remarks on candidates, of which `texts` has those by their names; raises BadRow."""
    listed = value if isinstance(value, list) else []
    if not all(isinstance(one, Mapping) and str(one.get("candidate")) in texts for one in listed):
        raise BadRow("a remark is on none of the candidates")
    return tuple(read_remark(texts[str(one["candidate"])], one.get("rating"), one.get("tags")) for one in listed)


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_TAG and not UNSTORABLE.search(value)


def _name_in(fields: Mapping[str, object]) -> str:
    """Return the name that an object has, in one of the ways in which tools write it; empty if it has none."""
    named = _name_of(" ".join(str(fields[name]) for name in _NAMES if isinstance(fields.get(name), str)))
    return named or next((found for name in _NAMES_OF_ACCOUNTS if (found := _name_of(fields.get(name) or None))), "")


def _name_of(value: object) -> str:
    """Return the name that a text or a number is; empty if it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        digits = _digits(value)
        return f"annotator {digits}" if digits else ""
    found = " ".join(value.split()) if isinstance(value, str) else ""
    return f"annotator {found}" if found.isdecimal() else found


def _digits(value: float) -> str:
    """Return a number with all its digits, in which the ids of two people may differ; empty if it is not finite."""
    if isinstance(value, float) and not value.is_integer():
        return str(value) if math.isfinite(value) else ""
    if abs(value) >= 10**_LONGEST_PERSON:  # before it is written out, which Python refuses from some length on
        raise BadRow(_TOO_LONG)
    return str(int(value))


def read_key(value: object) -> str:
    """Return the key by which the studio knows a judgment; empty for anything that is none."""
    return value if isinstance(value, str) and _KEY.fullmatch(value) else ""


def read_seconds(value: object, name: str) -> float | None:
    """Return how long something took, None if nothing is said; raises BadRow."""
    if value in (None, ""):
        return None
    found = number(value, name)
    if found < 0:
        raise BadRow(f"{name} is negative")
    return found


def read_time(value: object, name: str) -> datetime | None:
    """Return a moment: ISO 8601, in UTC unless it says otherwise, or seconds since 1970; None if nothing is said.

    Raises BadRow for anything else.
    """
    if value in (None, ""):
        return None
    try:
        if isinstance(value, datetime):
            found = value
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found = datetime.fromtimestamp(value / 1000 if abs(value) > _IN_MILLISECONDS else value, UTC)
        else:
            found = datetime.fromisoformat(str(value).strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRow(f"{name} is not a time") from None


PROMPT_MESSAGES = "prompt_messages"
"""What exports for tools that show texts call the conversation that the shown prompt is of, a list or its JSON."""


def prompt_of(values: Mapping[str, Any], names: Iterable[str]) -> Text | None:
    """Return the conversation that the prompt is of, or else the first of the named values; None if there is none."""
    conversation = messages_in(values.get(PROMPT_MESSAGES))
    if isinstance(conversation, list):
        return conversation
    return next((values[name] for name in names if values.get(name)), None)
