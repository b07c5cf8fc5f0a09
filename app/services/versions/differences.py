"""Two versions' rewrites of the same held-out texts, side by side, where they differ most.

The worker keeps what each version wrote when it is measured (models/store/rewrites.py); here nothing is generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Version
from app.words import gettext
from models.model_errors import StoreError
from models.store.rewrites import REWRITES_FILE, Rewrites
from models.store.store import CheckpointStore

MOST_SHOWN = 50


@dataclass(frozen=True)
class Piece:
    """Some words of a rewrite, and whether they are missing in the other one."""

    words: str
    differs: bool


@dataclass(frozen=True)
class Pair:
    """A text, and what each of two versions made of it; `distance` is 0 for equal words and 1 for none in common."""

    text: str
    ours: tuple[Piece, ...]
    theirs: tuple[Piece, ...]
    distance: float


@dataclass(frozen=True)
class Differences:
    """The texts that two versions rewrote differently, the most different first; `texts` counts all that both read.

    If `problem` is not empty, it says why there are none to show.
    """

    pairs: tuple[Pair, ...] = ()
    different: int = 0
    texts: int = 0
    problem: str = ""


def between(session: Session, store: CheckpointStore, ours: Version, theirs: Version) -> Differences:
    """Return the texts, at most `MOST_SHOWN`, that two versions rewrote most differently."""
    found = []
    for version in (ours, theirs):
        try:
            rewrites = _rewrites(session, store, version)
        except StoreError as error:
            return Differences(problem=str(error))
        if not rewrites:
            return Differences(problem=_nothing_kept(version))
        found.append(rewrites)
    return _compared(*found)


def _compared(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Differences:
    shared = [text for text in ours if text in theirs]
    if not shared:
        return Differences(problem=gettext("They were measured on different texts, so no text has a rewrite of both."))
    pairs = [pair(text, ours[text], theirs[text]) for text in shared]
    different = sorted((one for one in pairs if one.distance), key=lambda one: one.distance, reverse=True)
    return Differences(tuple(different[:MOST_SHOWN]), len(different), len(shared))


def pair(text: str, ours: str, theirs: str) -> Pair:
    """Return a text with two rewrites of it, split into words that they share and words that they do not."""
    left, right = ours.split(), theirs.split()
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    changes = matcher.get_opcodes()
    return Pair(
        text,
        _pieces(left, [(kind != "equal", start, end) for kind, start, end, _, _ in changes]),
        _pieces(right, [(kind != "equal", start, end) for kind, _, _, start, end in changes]),
        1 - matcher.ratio(),
    )


def _pieces(words: Sequence[str], parts: Sequence[tuple[bool, int, int]]) -> tuple[Piece, ...]:
    return tuple(Piece(" ".join(words[start:end]), differs) for differs, start, end in parts if end > start)


def _rewrites(session: Session, store: CheckpointStore, version: Version) -> Mapping[str, str]:
    """Return a version's rewrites by their texts: those that it kept, or else those that a child kept of it.

    Empty if there are none. Raises StoreError.
    """
    if version.deleted_at is None:
        kept = _kept(store, version.number)
        if kept is not None:
            return kept.version
    children = select(Version.number).where(Version.parent_number == version.number, Version.deleted_at.is_(None))
    for child in session.scalars(children.order_by(Version.number.desc())):
        kept = _kept(store, child)
        if kept is not None and kept.parent:
            return kept.parent
    return {}


def _kept(store: CheckpointStore, number: int) -> Rewrites | None:
    """Return what a version kept, None if it kept nothing, without fetching the rest of it; raises StoreError."""
    content = store.read(store.manifest(number), REWRITES_FILE)
    return None if content is None else Rewrites.parse(content, number)


def _nothing_kept(version: Version) -> str:
    if version.deleted_at is not None:
        return gettext("Version %(number)s was deleted, and its rewrites with it.", number=version.number)
    return gettext(
        "No rewrites of version %(number)s are kept: an earlier release measured it, or nothing has yet. "
        "The next training that starts from it keeps them.",
        number=version.number,
    )
