"""Moments, sizes and shares in words, for the admin templates."""

from __future__ import annotations

from datetime import datetime

from app.db import now
from app.words import gettext, ngettext, number
from models.shares import Share

_PREFIXES = ("kB", "MB", "GB", "TB")


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, in its largest unit: "3 minutes ago"."""
    minutes = int((now() - moment).total_seconds() // 60)
    if minutes >= 24 * 60:
        return ngettext("%(num)d day ago", "%(num)d days ago", minutes // (24 * 60))
    if minutes >= 60:
        return ngettext("%(num)d hour ago", "%(num)d hours ago", minutes // 60)
    if minutes >= 1:
        return ngettext("%(num)d minute ago", "%(num)d minutes ago", minutes)
    return gettext("just now")


def size(count: float | None) -> str:
    """Return a number of bytes in the unit that fits, of 1000 each: "1.2 GB"; a dash for None."""
    if count is None:
        return "–"
    if count < 1000:
        return gettext("%(number)s bytes", number=round(count))
    for prefix in _PREFIXES:
        count /= 1000
        if count < 999.95 or prefix == _PREFIXES[-1]:
            break
    return f"{number(count, 1)} {prefix}"


def percent(share: Share | float | None) -> str:
    """Return a share as a whole percentage; a dash if there is none."""
    value = share.value if isinstance(share, Share) else share
    return "–" if value is None else f"{number(100 * value)} %"


def between(share: Share) -> str:
    """Return the 95 % interval of a share: "61–75 %"; empty if there is none."""
    return f"{100 * share.low:.0f}–{100 * share.high:.0f} %" if share.whole else ""


WORDS = {"ago": ago, "size": size, "percent": percent, "between": between}
"""The functions that the templates get."""
