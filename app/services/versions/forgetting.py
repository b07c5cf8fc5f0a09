"""Forgetting: what is to be forgotten, and the versions that learned from it, by themselves or from their ancestors.

A version is never changed. Forgetting makes new versions without what is forgotten
(app/services/training/rebuilds/forgetting_runs.py), after which the old ones can be deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import Session, undefer

from app.db import (
    DeletedJudgment,
    FileImport,
    Forgetting,
    ForgettingKind,
    Generation,
    Judgment,
    LabelledPair,
    Project,
    Prompt,
    TrainingRun,
    User,
    Version,
    everything,
    project_of,
)
from app.domain_errors import Invalid, NotFound
from app.services.system.authorship import typed_by, written_by
from app.services.versions import learned
from app.services.versions.learned import Ids
from app.words import N_, gettext

_WITHOUT: Mapping[ForgettingKind, str] = {
    ForgettingKind.PERSON: N_("without what one person said"),
    ForgettingKind.PROMPT: N_("without one prompt"),
    ForgettingKind.IMPORT: N_("without one import"),
    ForgettingKind.DELETED: N_("without the judgments that were deleted"),
}
_TABLES: Mapping[ForgettingKind, type[User | Prompt | FileImport]] = {
    ForgettingKind.PERSON: User,
    ForgettingKind.PROMPT: Prompt,
    ForgettingKind.IMPORT: FileImport,
}
_WHICH: Mapping[ForgettingKind, str] = {
    ForgettingKind.PERSON: N_("Say which user is to be forgotten: give its number."),
    ForgettingKind.PROMPT: N_("Say which prompt is to be forgotten: give its number."),
    ForgettingKind.IMPORT: N_("Say which import is to be forgotten: give its number."),
}
_UNKNOWN: Mapping[ForgettingKind, str] = {
    ForgettingKind.PERSON: N_("There is no user %(id)s."),
    ForgettingKind.PROMPT: N_("There is no prompt %(id)s."),
    ForgettingKind.IMPORT: N_("There is no import %(id)s."),
}


@dataclass(frozen=True)
class Forgotten:
    """What is forgotten: a person, a prompt or an import by its id, or all judgments that were deleted.

    Of a person it is what they judged and the texts that they typed, of a prompt all that was said of it, of an import
    its judgments and all that was said of its texts.
    """

    kind: ForgettingKind
    number: int | None = None

    @property
    def words(self) -> str:
        """Say what is left out, without saying whose it was, in English: notes of versions keep it."""
        return _WITHOUT[self.kind]

    def judgments(self) -> ColumnElement[bool]:
        """Return the condition of the judgments that are forgotten and still there."""
        if self.number is None:
            return false()
        if self.kind == ForgettingKind.PERSON:
            return written_by(self.number)
        screens = select(Generation.id).join(Prompt, Prompt.id == Generation.prompt_id).where(self.prompts())
        of_prompts = Judgment.generation_id.in_(screens)
        return or_(Judgment.import_id == self.number, of_prompts) if self.kind == ForgettingKind.IMPORT else of_prompts

    def prompts(self) -> ColumnElement[bool]:
        """Return the condition of the prompts whose texts are forgotten."""
        if self.number is None:
            return false()
        if self.kind == ForgettingKind.PERSON:
            return typed_by(self.number)
        return (Prompt.id if self.kind == ForgettingKind.PROMPT else Prompt.import_id) == self.number

    def spared(self) -> ColumnElement[bool]:
        """Return the condition of the judgments that are not forgotten."""
        return Judgment.id.not_in(select(Judgment.id).where(self.judgments()).correlate(None))

    def spared_prompts(self) -> ColumnElement[bool]:
        """Return the condition of the prompts whose texts are not forgotten."""
        return Prompt.id.not_in(select(Prompt.id).where(self.prompts()).correlate(None))


@dataclass(frozen=True)
class Learner:
    """A version that learned from what is forgotten.

    Its own training read `judgments` of it (with `at_most`: or fewer, since an earlier release did not keep what it
    read) and `pairs` of rewrites of its texts; with `inherited` a version that it comes from learned from it.
    """

    version: Version
    judgments: int
    pairs: int
    inherited: bool
    at_most: bool


class Elsewhere(NamedTuple):
    """Another project: how many judgments it has of what is forgotten, and its versions that learned from it."""

    id: int
    slug: str
    name: str
    judgments: int
    versions: tuple[int, ...]


def forgotten(session: Session, kind: str, number: int | None) -> Forgotten:
    """Return what is to be forgotten; raises Invalid, or NotFound if there is no such thing."""
    if kind not in list(ForgettingKind):
        raise Invalid(gettext("kind must be one of %(kinds)s.", kinds=", ".join(ForgettingKind)))
    meant = ForgettingKind(kind)
    if meant == ForgettingKind.DELETED:
        return Forgotten(meant)
    if number is None:
        raise Invalid(gettext(_WHICH[meant]))
    if session.get(_TABLES[meant], number) is None:
        raise NotFound(gettext(_UNKNOWN[meant], id=number))
    return Forgotten(meant, number)


def of_run(session: Session, run: TrainingRun) -> Forgotten | None:
    """Return what a run is to forget, None if it is no part of a forgetting."""
    if run.forgetting_id is None:
        return None
    found = session.get_one(Forgetting, run.forgetting_id)
    return Forgotten(ForgettingKind(found.kind), found.number)


def learners(session: Session, meant: Forgotten) -> list[Learner]:
    """Return the versions that learned from it, the oldest first.

    A project's first version may be a copy of one of another project, which is looked at for it.
    """
    project = project_of(session)
    with everything(session):
        found = _learners(session, meant)
    return [one for one in found if project in (one.version.project_id, None)]


def elsewhere(session: Session, meant: Forgotten) -> list[Elsewhere]:
    """Return the other projects that have judgments of it, or versions that learned from it."""
    learned_in: defaultdict[int, list[int]] = defaultdict(list)
    with everything(session):
        for one in _learners(session, meant):
            learned_in[one.version.project_id].append(one.version.number)
        counted = select(Judgment.project_id, func.count()).where(meant.judgments()).group_by(Judgment.project_id)
        judgments: dict[int, int] = dict(iter(session.execute(counted)))
    found = select(Project.id, Project.slug, Project.name).where(Project.id.in_({*learned_in, *judgments}))
    others = session.execute(found.where(Project.id != project_of(session)).order_by(Project.id))
    return [
        Elsewhere(number, slug, name, judgments.get(number, 0), tuple(learned_in[number]))
        for number, slug, name in others
    ]


def _learners(session: Session, meant: Forgotten) -> list[Learner]:
    ids, pairs = _judgments(session, meant), _labelled(session, meant)
    found: dict[int | None, Learner] = {}
    every = session.execute(
        select(Version, TrainingRun)
        .outerjoin(TrainingRun, TrainingRun.id == Version.run_id)
        .options(undefer(TrainingRun.judgments))
        .order_by(Version.number)
    )
    for version, run in every:
        own = len(learned.read_by(run, ids)) if run is not None else 0
        labelled = pairs.get(version.run_id, 0)
        inherited = version.parent_number in found
        if own or labelled or inherited:
            unsure = own > 0 and run.judgments is None
            found[version.number] = Learner(version, own, labelled, inherited, unsure)
    return list(found.values())


def note(session: Session, run: TrainingRun) -> str:
    """Return the note of the version that a run of a forgetting makes: it names nobody."""
    meant = of_run(session, run)
    return f"Version {run.rebuilds}, made again {meant.words}." if meant else ""


def _judgments(session: Session, meant: Forgotten) -> Ids:
    if meant.kind == ForgettingKind.DELETED:
        ids = session.scalars(select(DeletedJudgment.id).order_by(DeletedJudgment.id)).all()
    else:
        ids = session.scalars(select(Judgment.id).where(meant.judgments()).order_by(Judgment.id)).all()
    return np.array(ids, np.int64)


def _labelled(session: Session, meant: Forgotten) -> dict[int | None, int]:
    """Count the pairs of texts that are forgotten, by the run that they were labelled for."""
    counted = select(LabelledPair.run_id, func.count()).join(Prompt, Prompt.id == LabelledPair.prompt_id)
    return dict(session.execute(counted.where(meant.prompts()).group_by(LabelledPair.run_id)).all())
