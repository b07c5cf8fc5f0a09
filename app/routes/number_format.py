"""Moments, sizes and shares in words, for the admin templates."""

from __future__ import annotations

from datetime import datetime

from app.db import now
from models.shares import Share

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_PREFIXES = ("kB", "MB", "GB", "TB")


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, in its largest unit: "3 minutes ago"."""
    seconds = (now() - moment).total_seconds()
    for length, name in _UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {name}{'' if number == 1 else 's'} ago"
    return "just now"


def size(number: float | None) -> str:
    """Return a number of bytes in the unit that fits, of 1000 each: "1.2 GB"; a dash for None."""
    if number is None:
        return "–"
    if number < 1000:
        return f"{number:.0f} bytes"
    for prefix in _PREFIXES:
        number /= 1000
        if number < 999.95 or prefix == _PREFIXES[-1]:
            break
    return f"{number:.1f} {prefix}"


def percent(share: Share | float | None) -> str:
    """Return a share as a whole percentage; a dash if there is none."""
    value = share.value if isinstance(share, Share) else share
    return "–" if value is None else f"{100 * value:.0f} %"


def between(share: Share) -> str:
    """Return the 95 % interval of a share: "61–75 %"; empty if there is none."""
    return f"{100 * share.low:.0f}–{100 * share.high:.0f} %" if share.whole else ""


WORDS = {"ago": ago, "size": size, "percent": percent, "between": between}
"""The functions that the templates get."""
