"""Short names of browsers, by which people recognise their sessions."""

from __future__ import annotations

_BROWSERS = (  # most of them also name those below
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_LONGEST = 30


def browser_name(user_agent: str) -> str:
    """Return the name of a browser and its system, such as "Firefox on Linux", from its User-Agent header.

    A program that is none of the known browsers is called by the first word of its header.
    """
    browser = _first(_BROWSERS, user_agent) or _first_word(user_agent) or "An unknown browser"
    system = _first(_SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in names if mark in user_agent), None)


def _first_word(user_agent: str) -> str:
    word = user_agent.strip().partition("/")[0].partition(" ")[0]
    return "".join(letter for letter in word if letter.isprintable())[:_LONGEST]
