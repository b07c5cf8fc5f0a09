"""The figures of an evaluation: what each is called, what it means, and which way is better.

The worker measures them, the web shows them, and both speak of them by these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

VERSION, PARENT = "version", "parent"
"""What a version's report calls it and its parent; every other system in it is a baseline."""

Better = Literal["higher", "lower", "neither"]
Unit = Literal["share", "score", "nats"]


@dataclass(frozen=True)
class Figure:
    """`label` heads its row, `meaning` is one sentence for a person; a share runs from 0 to 1, a score to 100."""

    label: str
    meaning: str
    better: Better = "higher"
    unit: Unit = "share"

    @property
    def digits(self) -> int:
        """How many decimals it is shown with."""
        return 1 if self.unit == "score" else 3


FIGURES: dict[str, Figure] = {
    "j": Figure(
        "J", "neutral times alike, text by text: the one figure that punishes both an insult and a lost meaning"
    ),
    "j_fl": Figure("J with fluency", "the same times fluency, as in the ParaDetox paper"),
    "sta": Figure("Neutral (STA)", "the share of rewrites that the toxicity classifier calls neutral"),
    "sim": Figure("Alike (SIM)", "how near the rewrite's meaning is to the text's, by sentence embeddings"),
    "fl": Figure("Fluent (FL)", "how acceptable the rewrite is as a sentence, by a language model"),
    "copies": Figure("Copies", "the share of rewrites in the very words of the text", "neither"),
    "bleu": Figure("BLEU", "how many word sequences the rewrite shares with what people wrote", unit="score"),
    "chrf": Figure("chrF", "how many letter sequences the rewrite shares with what people wrote", unit="score"),
    "rouge_l": Figure("ROUGE-L", "how long a sequence of words the rewrite shares with what people wrote"),
    "distinct": Figure("Three different", "the share of texts whose three candidates all differ in their words"),
    "diversity": Figure("Diversity", "how far apart the three candidates are: one minus their mean chrF to each other"),
    "j_oracle": Figure("J of the best shown", "J of the best of the three, as a person who always finds it would get"),
    "j_single": Figure("J of one shown", "J of a candidate taken blindly from the three"),
    "j_worst": Figure("J of the worst shown", "J of the worst of the three; a place that stays empty counts as 0"),
}
"""Of texts. `j` leaves fluency out, since most published figures that it is compared with do."""

CLICK_FIGURES: dict[str, Figure] = {
    "preference_accuracy": Figure(
        "Agrees with held-out clicks", "the share of held-out pairs whose chosen text the version finds the likelier"
    ),
    "reward_margin": Figure(
        "Reward margin",
        "β times how much more the version's odds rose over its parent's for the chosen text than for the rejected one",
        unit="nats",
    ),
}
"""Of clicks that were kept out of training."""


def preference_in_words(preferred: Mapping[str, Any], parent: int | None) -> str:
    """What clicks say of a version, by what its manifest keeps under `preferred` (models/reward/crossfit.py)."""
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
    """In words, what a paired difference shows: better, worse, more, fewer, or nothing.

    `difference` has the `value`, and `differs`, which says that its interval excludes 0.
    """
    if not difference["differs"]:
        return "no difference shown"
    rose, better = difference["value"] > 0, (FIGURES | CLICK_FIGURES)[name].better
    if better == "neither":
        return "more" if rose else "fewer"
    return "better" if rose == (better == "higher") else "worse"
