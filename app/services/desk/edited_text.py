"""Texts that people write themselves: whether one reads like another, and what only a model would read in it."""

from __future__ import annotations

import re
import unicodedata

from app.domain_errors import Invalid
from app.services.prompts import prompts
from app.words import gettext

_SPECIAL_TOKEN = re.compile(r"</s>|<pad>|<unk>|<extra_id_\d+>")
"""The special tokens of T5-like models. In a prompt they count as mark-up, which no model is given."""
_END, _STRUCK = "</s>", "<s>"
# Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark: none takes place in a line. Joiners
# shape letters and stay.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))


def check_edited(text: str, longest: int) -> str:
    """Return the text without white space around it; raises Invalid as `check_text`, and for a special token.

    What closes a passage that is struck through (`<s>`) is no such token.
    """
    checked = prompts.check_text(text, longest)
    for found in _SPECIAL_TOKEN.finditer(checked):
        token = found[0]
        if token != _END or checked.count(_STRUCK) < checked.count(_END):
            raise Invalid(
                gettext(
                    "The edited text holds %(sign)s, which the model takes for a sign of its own: leave it out.",
                    sign=token,
                )
            )
    return checked


def reads_like(one: str, other: str) -> bool:
    """Return whether two texts look the same: they may differ in kinds of spaces and in what takes no place."""
    return one == other or _as_seen(one) == _as_seen(other)


def _as_seen(text: str) -> str:
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_UNSEEN))
    return "".join(" " if unicodedata.category(one) == "Zs" else one for one in plain).strip()
