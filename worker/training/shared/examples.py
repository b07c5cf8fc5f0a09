"""What training on clicks learns from: preference pairs, or texts that are marked good or bad."""

from dataclasses import dataclass, field
from typing import NamedTuple

WEIGHT = "weight"
"""The column with the weight of a training row; a row without it weighs 1."""


@dataclass(frozen=True)
class PreferenceExample:
    """One preference pair of plain texts: a person preferred `chosen` to `rejected` for `prompt`.

    `click` is the id of the judgment it came from, if known; the pairs of one click form one list for the listwise
    loss. `written` is true if the person wrote the chosen text, which is then also trained on by its likelihood.
    `weight` is how much the pair counts in the loss.
    """

    prompt: str
    chosen: str
    rejected: str
    click: int | None = field(default=None, compare=False)
    written: bool = field(default=False, compare=False)
    weight: float = field(default=1.0, compare=False)


class MarkedText(NamedTuple):
    """A text of a prompt that a judgment, named by its id, marks good or bad; `weight` is how much it counts."""

    prompt: str
    text: str
    good: bool
    judgment: int
    weight: float = 1.0
