"""The figures of an evaluation: label, meaning, unit, and which direction is better.

The worker measures them and the web side shows them, both by these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.words import N_

VERSION, PARENT = "version", "parent"
"""Names of a version and of its parent in the version's report; every other system in it is a baseline."""

Better = Literal["higher", "lower", "neither"]
Unit = Literal["share", "score", "cosine", "nats"]
_LIMITS = {"share": (0.0, 1.0), "score": (0.0, 100.0), "cosine": (-1.0, 1.0)}


@dataclass(frozen=True)
class Figure:
    """A figure: `label` heads its row, `meaning` explains it in a sentence; shares are in 0 … 1, scores in 0 … 100."""

    label: str
    meaning: str
    better: Better = "higher"
    unit: Unit = "share"

    @property
    def digits(self) -> int:
        """Return the number of decimals that it is shown with."""
        return 1 if self.unit == "score" else 3

    @property
    def limits(self) -> tuple[float, float] | None:
        """Return the least and the greatest value that it can have; None if there are none."""
        return _LIMITS.get(self.unit)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the same where texts do score as little or as much now and then, which those of a cosine do not."""
        return None if self.unit == "cosine" else self.limits


FIGURES: dict[str, Figure] = {
    "j": Figure(
        N_("J"),
        N_("neutral times meaning kept, text by text: the one figure that punishes both an insult and a lost meaning"),
    ),
    "j_fl": Figure(N_("J with fluency"), N_("the same times fluency, as in the ParaDetox paper")),
    "sta": Figure(N_("Neutral (STA)"), N_("the share of rewrites that the toxicity classifier calls neutral")),
    "sim": Figure(
        N_("Meaning kept (SIM)"),
        N_("how near the rewrite's meaning is to the text's, by sentence embeddings"),
        unit="cosine",
    ),
    "fl": Figure(N_("Fluent (FL)"), N_("how acceptable the rewrite is as a sentence, by a language model")),
    "copies": Figure(N_("Copies"), N_("the share of rewrites in the very words of the text"), "neither"),
    "bleu": Figure(N_("BLEU"), N_("how many word sequences the rewrite shares with what people wrote"), unit="score"),
    "chrf": Figure(N_("chrF"), N_("how many letter sequences the rewrite shares with what people wrote"), unit="score"),
    "rouge_l": Figure(N_("ROUGE-L"), N_("how long a sequence of words the rewrite shares with what people wrote")),
    "sari": Figure(
        N_("SARI"),
        N_("how well the rewrite adds, keeps and deletes the words of the text that people added, kept and deleted"),
        unit="score",
    ),
    "distinct": Figure(
        N_("Three different"), N_("the share of texts whose three candidates all differ in their words")
    ),
    "diversity": Figure(
        N_("Diversity"), N_("how far apart the three candidates are: one minus their mean chrF to each other")
    ),
    "j_oracle": Figure(
        N_("J of the best shown"), N_("J of the best of the three, as a person who always finds it would get")
    ),
    "j_single": Figure(N_("J of one shown"), N_("J of a candidate taken blindly from the three")),
    "j_worst": Figure(
        N_("J of the worst shown"), N_("J of the worst of the three; a place that stays empty counts as 0")
    ),
}
"""Figures of texts. `j` leaves fluency out, since most published figures that it is compared with do."""

CLICK_FIGURES: dict[str, Figure] = {
    "preference_accuracy": Figure(
        N_("Agrees with held-out clicks"),
        N_("the share of held-out pairs whose chosen text the version finds the likelier"),
    ),
    "reward_margin": Figure(
        N_("Reward margin"),
        N_("β times how much more the odds of the chosen text than of the rejected one rose over the parent's"),
        unit="nats",
    ),
}
"""Figures of judgments that were held out of training."""


TOO_FEW = N_("too few texts to tell")
NO_DIFFERENCE = N_("no difference shown")


def preference_in_words(preferred: Mapping[str, Any], parent: int | None) -> str:
    """Describe the predicted win rate that a manifest holds under `preferred` (models/reward/crossfit.py)."""
    if not preferred:
        return "No click says which of two texts is better, so nothing is known of what people will prefer."
    if not preferred["shown"]:
        return "No change that these clicks could show."
    often, low, high = (round(100 * preferred[name]) for name in ("value", "low", "high"))
    clicks = "1 click" if preferred["clicks"] == 1 else f"{preferred['clicks']:,} clicks"
    return (
        f"On texts nobody clicked, it is preferred to version {parent} in {often} of 100 cases ({low} to {high}), "
        f"judged by {clicks}."
    )


def verdict(name: str, difference: Mapping[str, Any]) -> str:
    """Describe a paired difference in words: better, worse, more, fewer, no difference shown, or too few texts.

    `difference` has the `value`, `differs`, which is True if its interval excludes 0, and, unless an older release
    stored it, `too_few`, which is True if no difference can show on so few texts.
    """
    if difference.get("too_few"):
        return TOO_FEW
    if not difference["differs"]:
        return NO_DIFFERENCE
    rose, better = difference["value"] > 0, (FIGURES | CLICK_FIGURES)[name].better
    if better == "neither":
        return N_("more") if rose else N_("fewer")
    return N_("better") if rose == (better == "higher") else N_("worse")
