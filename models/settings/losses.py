"""The losses of DPO, and which of them smooth the labels."""

from __future__ import annotations

from collections.abc import Sequence

from models.model_errors import RecipeError

LISTWISE = "listwise"

LOSS_TYPES = (
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
    LISTWISE,
)
"""TRL 1.16's loss types, and `listwise`, which is ours: the chosen text against all rejected ones of its click at once.

`sigmoid` is DPO itself; `sft` is the negative log-likelihood a token of the chosen text.
"""

SMOOTHED = ("robust", "exo_pair", "aot", "aot_unpaired")
"""The losses that TRL 1.16 reads `label_smoothing` in."""


def check_label_smoothing(loss_type: Sequence[str], label_smoothing: float) -> None:
    """Raise `RecipeError` where `label_smoothing` would be ignored, or is missing."""
    if "exo_pair" in loss_type and label_smoothing == 0:
        raise RecipeError("label_smoothing must be above 0 with loss_type exo_pair; its paper suggests 0.001.")
    if label_smoothing and not set(loss_type) & set(SMOOTHED):
        raise RecipeError(f"label_smoothing has a meaning for the losses {', '.join(SMOOTHED)} only.")
