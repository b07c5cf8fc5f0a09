"""Drawing the cards of a screen: by the version that serves, or, in a live comparison, by both of its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from app.services.training.reward.heads import Chooser
from models.serving.generator import CANDIDATES, Generator, Sampling, Screen
from models.serving.mixed import mixed
from models.serving.screen import Gone


@dataclass(frozen=True)
class Beside:
    """The version that takes part in a live comparison and does not serve."""

    comparison_id: int
    generator: Generator


@dataclass(frozen=True)
class Drawn:
    """A screen that is not stored yet: `versions` wrote its candidates, one each, and `chooser` chose them, if any."""

    screen: Screen
    versions: tuple[int, ...]
    serving: int
    chooser: Chooser | None
    comparison_id: int | None = None

    @classmethod
    def of_one(cls, screen: Screen, version: int, chooser: Chooser | None) -> Self:
        """Return a screen that one version alone wrote."""
        return cls(screen, (version,) * len(screen.candidates), version, chooser)


def draw(
    text: str,
    generator: Generator,
    beside: Beside | None,
    sampling: Sampling,
    chooser: Chooser | None,
    gone: Gone,
    wanted: int = CANDIDATES,
) -> Drawn:
    """Draw a screen of `wanted` cards for `text`; of both versions, if there is another and the cards can differ.

    Raises InputTooLong, and NoLongerWanted as soon as `gone` tells so.
    """
    head = chooser.head if chooser else None
    if beside is not None:
        both = mixed(text, generator, beside.generator, sampling, head, gone, wanted)
        if both is not None:
            versions = tuple(card.version for card in both.candidates)
            return Drawn(both, versions, generator.version, chooser, beside.comparison_id)
    return Drawn.of_one(generator.generate(text, sampling, wanted, head, gone), generator.version, chooser)
