"""Preference accuracy and reward margin of a version on held-out clicks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.store.evaluation_figures import CLICK_FIGURES, PARENT, VERSION
from worker.evaluation.systems import System
from worker.measures.intervals import difference, estimate
from worker.measures.statistic import Array, Statistic, ratio_of
from worker.training.shared.examples import PreferenceExample


@dataclass(frozen=True)
class PairLogProbs:
    """log p(text | prompt), in nats, of the chosen and the rejected text of each pair, (pairs)."""

    chosen: Array
    rejected: Array

    @property
    def ratio(self) -> Array:
        """Return log p(chosen) - log p(rejected) of each pair, (pairs)."""
        return self.chosen - self.rejected


def pair_log_probs(system: System, examples: Sequence[PreferenceExample]) -> PairLogProbs:
    """Return a system's log-probabilities of both texts of each pair."""
    prompts = [example.prompt for example in examples]
    return PairLogProbs(
        np.array(system.log_probabilities(prompts, [example.chosen for example in examples])),
        np.array(system.log_probabilities(prompts, [example.rejected for example in examples])),
    )


def click_figures(
    examples: Sequence[PreferenceExample], ours: PairLogProbs, parents: PairLogProbs, beta: float
) -> dict[str, Any]:
    """Return preference accuracy and reward margin on held-out pairs, with intervals over prompts.

    Accuracy: the share of pairs whose chosen text is the more probable. Margin: β [log π(w|x) − log π_ref(w|x) − log
    π(l|x) + log π_ref(l|x)], whose log-sigmoid is DPO's loss (Rafailov et al. 2023, equation 7), with the parent as
    π_ref.
    """
    prompts = [example.prompt for example in examples]
    accuracy, before = (_by_prompt(prompts, who.ratio > 0) for who in (ours, parents))
    margin = _by_prompt(prompts, beta * (ours.ratio - parents.ratio))
    share = CLICK_FIGURES["preference_accuracy"].bounds
    return {
        "pairs": len(prompts),
        "prompts": len(set(prompts)),
        VERSION: {
            "preference_accuracy": estimate(accuracy, share).as_dict(),
            "reward_margin": estimate(margin).as_dict(),
        },
        PARENT: {"preference_accuracy": estimate(before, share).as_dict()},
        "comparison": {"preference_accuracy": difference(accuracy, before).as_dict()},
    }


def _by_prompt(prompts: Sequence[str], values: npt.ArrayLike) -> Statistic:
    """Return the mean over pairs, summed by prompt because the pairs of one prompt are not independent."""
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    rows = np.array([numbers[prompt] for prompt in prompts])
    weights = np.asarray(values, dtype=np.float64)
    return ratio_of(np.bincount(rows, weights=weights), np.bincount(rows))
