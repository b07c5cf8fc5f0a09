"""Cards that several people chose among: how often each of them is right, and which card is, by one-coin Dawid–Skene.

Dawid and Skene (1979) find by expectation-maximisation what the answers have in common; with one coin (Zhang et al.
2016, section 2) a person is right with a probability of their own, and otherwise takes each of the other cards alike.
Every card is right with the same probability beforehand: their order says nothing of what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MOST_STEPS, _TOLERANCE = 200, 1e-9
_LEAST = 1e-6  # no skill is certain, so that no answer is impossible

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Overlap:
    """The skill of each person, (people,), and the probability of each card to be the right one, (screens, cards)."""

    skills: Array
    right: Array


def overlap(screens: Places, people: Places, chosen: Places, cards: int = 3) -> Overlap:
    """Fit the model to answers, (answers,) each: the number of the screen, of the person, and of the chosen card."""
    votes = np.zeros((int(screens.max()) + 1, cards))
    np.add.at(votes, (screens, chosen), 1.0)
    right = votes / votes.sum(1, keepdims=True)  # the majority, to begin with
    given = np.bincount(people)
    skills = np.full(len(given), np.nan)
    for _ in range(_MOST_STEPS):
        before, sums = skills, np.bincount(people, right[screens, chosen])
        skills = np.clip(
            np.divide(sums, given, out=np.full(len(given), 1 / cards), where=given > 0), _LEAST, 1 - _LEAST
        )
        said = np.zeros_like(votes)
        np.add.at(said, (screens, chosen), _evidence(skills, cards)[people])
        right = _shares(said)
        if np.abs(skills - before).max() < _TOLERANCE:
            break
    return Overlap(skills, right)


def of_others(found: Overlap, screens: Places, people: Places, chosen: Places) -> Array:
    """Return, for each answer, the probability of each card to be right by the other people's answers alone.

    It is (answers, cards), and the same for all cards where nobody else answered.
    """
    others = np.log(found.right[screens])
    others[np.arange(len(chosen)), chosen] -= _evidence(found.skills, found.right.shape[1])[people]
    return _shares(others)


def _evidence(skills: Array, cards: int) -> Array:
    """Return the logarithm of how much likelier a person chooses a card if it is right than if another one is."""
    found: Array = np.log(skills * (cards - 1) / (1 - skills))
    return found


def _shares(logs: Array) -> Array:
    found = np.exp(logs - logs.max(1, keepdims=True))
    shares: Array = found / found.sum(1, keepdims=True)
    return shares
