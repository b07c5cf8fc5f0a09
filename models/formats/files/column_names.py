"""The names by which columns are known, in lower case: what tells a header from a row, and the text from the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TEXT_NAMES = ("text", "prompt", "toxic", "source", "sentence", "comment", "question", "instruction", "input")
"""Columns that hold the text to rewrite, the surest first."""
OPTION_NAMES: Mapping[str, Sequence[str]] = {
    "priority": ("priority",),
    "gold": ("gold", "gold_answer", "right rewrite", "right answer"),
    "gold_wrong": ("gold_wrong", "wrong", "wrong rewrites", "wrong answers"),
    "overlap": ("overlap",),
}
"""Columns that say more of a text, by what they say."""
_OTHERS = (
    *("chosen", "rejected", "completion", "label", "output", "target", "rewrite", "reference", "neutral"),
    *("en_toxic_comment", "en_neutral_comment", "history", "human_ref_a", "human_ref_b", "labels"),
    *("messages", "conversations", "accepted", "response", "responses", "scores", "objective"),
)
_KNOWN = frozenset((*TEXT_NAMES, *_OTHERS, *(name for names in OPTION_NAMES.values() for name in names)))


def is_known(name: str) -> bool:
    """Return whether a cell is the name of a column that is known, such as `Prompt` or `neutral2`."""
    folded = name.strip().casefold()
    return folded in _KNOWN or folded.rstrip("0123456789").rstrip("_") in ("neutral", "rewrite", "reference", "target")
