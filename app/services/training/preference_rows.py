"""The preference pairs that a run would train on: reading them, counting them, and counting the new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.db import COUNTS, JUDGE, Generation, Judgment, Preference, RunStatus, TrainingRun, User, Verdict
from app.services.prompts import studio_settings
from app.services.system import counts
from app.services.training import kto_rows
from app.services.training.rebuilds.readings import Reading, conditions
from app.services.training.selection import EVERYTHING, Selection, hurried, unhurried

MOST_SOURCES = 50
COUNTED_AT_ONCE = 50_000
"""Up to this number of judgments are counted before a page is shown; more are counted once it is shown."""


@dataclass(frozen=True)
class Amount:
    """Size of a selection: judgments that yield pairs, their pairs and prompts, and the people who made them.

    `none_good` counts the judgments that only a method on single texts learns from, `hurried` those with pairs that
    were given too quickly and are left out.
    """

    judgments: int
    pairs: int
    prompts: int
    people: int
    none_good: int
    hurried: int

    def as_dict(self) -> dict[str, int]:
        """Return every number by its name."""
        return asdict(self)


@dataclass(frozen=True)
class NewClicks:
    """The judgments that came after the last run that ended well, without attention checks.

    `judgments` of them have pairs, by so many `people`, and are counted by verdict; `silent` counts the others by
    verdict. `hurried` were given too quickly, and are among neither. `since_judgment` is the
    last judgment that was known before.
    """

    judgments: int
    people: int
    verdicts: Mapping[str, int]
    silent: Mapping[str, int]
    hurried: int
    since_judgment: int
    since_run: int | None
    since: datetime | None


def preference_rows(
    session: Session, last_judgment_id: int, selection: Reading = EVERYTHING
) -> list[tuple[str, str, str, int, bool, float]]:
    """Return every pair of the selected judgments up to that one, in the order they were made.

    Each is (prompt, chosen, rejected, judgment id, whether the person wrote the chosen text, weight among the pairs of
    its judgment).
    """
    rows = session.execute(
        select(
            Preference.prompt,
            Preference.chosen,
            Preference.rejected,
            Preference.judgment_id,
            Judgment.verdict == Verdict.EDITED,
            Preference.weight,
        )
        .join(Judgment)
        .where(*conditions(session, selection, last_judgment_id))
        .order_by(Preference.id)
    )
    return [
        (prompt, chosen, rejected, judgment, edited, weight)
        for prompt, chosen, rejected, judgment, edited, weight in rows
    ]


def last_judgment(session: Session, method: str) -> int:
    """Return the id of the last standing judgment that `method` can learn from, 0 if there is none.

    A decision that nothing is learned from is one of them if something was decided by it: it is known to the run.
    """
    last = session.scalar(
        select(func.max(Judgment.id))
        .join(Preference, Preference.judgment_id == Judgment.id)
        .where(*COUNTS, *unhurried(session))
    )
    marked = kto_rows.last_marked(session) if method == kto_rows.UNPAIRED_METHOD else None
    decision = session.scalar(select(func.max(Judgment.decided_by)).where(Judgment.undone_at.is_(None)))
    return max(last or 0, marked or 0, decision or 0)


def many(session: Session) -> bool:
    """Return whether there are too many judgments to count them before a page is shown."""
    return (session.scalar(select(func.max(Judgment.id))) or 0) > COUNTED_AT_ONCE


def count_pairs(session: Session, last_judgment_id: int, selection: Reading = EVERYTHING) -> int:
    """Count the preference pairs that a run would train on."""
    read = conditions(session, selection, last_judgment_id)
    return _count(session, _pairs(func.count(Preference.id)).where(*read))


def amount(session: Session, method: str, selection: Selection = EVERYTHING) -> Amount:
    """Count what a run requested now would learn from."""
    last = last_judgment(session, method)
    read = conditions(session, selection, last)
    judged = (
        select(Judgment.id, JUDGE.label("judge"), Judgment.generation_id)
        .where(*read, Judgment.id.in_(select(Preference.judgment_id)))
        .subquery()
    )
    judgments, people, prompts = session.execute(
        select(
            func.count(judged.c.id),
            func.count(func.distinct(judged.c.judge)),
            func.count(func.distinct(Generation.prompt_id)),
        )
        .select_from(judged)
        .join(Generation, Generation.id == judged.c.generation_id)
    ).one()
    none_good = 0
    if method == kto_rows.UNPAIRED_METHOD:
        bad = select(func.count(Judgment.id)).join(Generation).where(Generation.gold.is_(False))
        none_good = _count(session, bad.where(*read, Judgment.verdict == Verdict.NONE))
    left_out = count_hurried(session, last, selection)
    return Amount(judgments, count_pairs(session, last, selection), prompts, people, none_good, left_out)


def count_hurried(session: Session, last_judgment_id: int, selection: Selection = EVERYTHING) -> int:
    """Count the judgments that a run would train on, had they not been given too quickly."""
    paired = Judgment.id.in_(select(Preference.judgment_id))
    of = select(func.count(Judgment.id)).where(*selection.conditions(last_judgment_id), hurried(session), paired)
    return _count(session, of)


def new_clicks(session: Session) -> NewClicks:
    """Count the judgments since the last run on clicks that succeeded."""
    run = session.scalar(
        select(TrainingRun)
        .where(TrainingRun.status == RunStatus.SUCCEEDED, TrainingRun.last_judgment_id > 0)
        .order_by(TrainingRun.last_judgment_id.desc(), TrainingRun.id.desc())
        .limit(1)
    )
    last = run.last_judgment_id if run else 0
    verdicts: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    people = set()
    least = studio_settings.settings(session).least_seconds
    too_quick = _counting(session, last, least) if least else counts.Tally()
    for kind, made in _counting(session, last).items():
        count = made - too_quick[kind]
        if not count:
            continue
        if kind.pairs:
            verdicts[kind.verdict] += count
            people.add(kind.judge)
        elif not kind.gold:
            silent[kind.verdict] += count
    return NewClicks(
        verdicts.total(),
        len(people),
        verdicts,
        silent,
        sum(count for kind, count in too_quick.items() if not kind.gold),
        last,
        run.id if run else None,
        run.finished_at if run else None,
    )


def _counting(session: Session, since: int, under: float = 0.0) -> counts.Tally:
    """Count the judgments with ids above `since`, but for those instead of which a decision counts."""
    return counts.judgments(session, since, under) - counts.decided(session, since, under)


def people(session: Session) -> list[User]:
    """Return everyone who has judged something, by name."""
    judged = select(Judgment.id).where(Judgment.user_id == User.id).exists()
    return list(session.scalars(select(User).where(judged).order_by(User.name, User.email)))


def sources(session: Session) -> list[str]:
    """Return the sources of the prompts, the most frequent first, at most `MOST_SOURCES`."""
    counted = counts.sources(session)
    return sorted(counted, key=lambda source: (-counted[source], source))[:MOST_SOURCES]


def _pairs(of: Any) -> Select[Any]:
    return select(of).select_from(Preference).join(Judgment, Preference.judgment_id == Judgment.id)


def _count(session: Session, query: Select[Any]) -> int:
    return int(session.scalar(query) or 0)
