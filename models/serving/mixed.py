"""One screen from two versions: three cards that cannot be told apart when the versions are equally good."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.reward.head import Head
from models.serving.generator import Generator, Sampling
from models.serving.screen import Gone, Screen, Shown, never


@dataclass(frozen=True)
class Written(Shown):
    """A rewrite that is shown, and the version that wrote it."""

    version: int = field(kw_only=True)


@dataclass(frozen=True)
class MixedScreen(Screen):
    """A screen whose candidates were written by two versions. It has no pool: its cards are never chosen again."""

    candidates: tuple[Written, ...]


def mixed(
    text: str,
    serving: Generator,
    other: Generator,
    sampling: Sampling,
    head: Head | None = None,
    gone: Gone = never,
) -> MixedScreen | None:
    """Draw and choose three cards for a text, two by one of the versions and one by the other, in a random order.

    Returns None if the two cannot fill three different cards. Raises InputTooLong, and NoLongerWanted as soon as `gone`
    tells so, which is asked before each call of a model.
    """
    raise NotImplementedError
