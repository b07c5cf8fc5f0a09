"""Personal details in texts: e-mail addresses, telephone numbers, handles, IBANs, payment cards, internet addresses.

What a form and a check digit can tell is found; names of people and postal addresses are not. Every expression is
linear in the length of a text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from models.texts.checked_numbers import Span, cards, ibans, ip_addresses
from models.texts.telephone_numbers import telephone_numbers
from models.words import N_

RULES = 1
"""The version of the rules of this folder, which manifests name; raise it when other texts are found than before."""

Kind = Literal["email", "phone", "handle", "iban", "card", "ip"]
Kinds = Counter[Kind]
"""How often each kind of detail was found."""

KINDS: Mapping[Kind, str] = {
    "email": N_("an e-mail address"),
    "phone": N_("a telephone number"),
    "handle": N_("a handle or the link of a profile"),
    "iban": N_("an IBAN"),
    "card": N_("the number of a payment card"),
    "ip": N_("an internet address"),
}
"""Each kind, as a sentence names it."""

_MAY_HOLD = re.compile(r"[@/0-9]|[(\[{]\s?at\s?[)\]}]", re.IGNORECASE)
_AT = r"(?:@|\s?[(\[{]\s?at\s?[)\]}]\s?)"
_DOT = r"(?:\.|\s?[(\[{]\s?dot\s?[)\]}]\s?)"
_EMAIL = re.compile(
    rf"(?<![\w.+%'-])[\w.+%'-]++{_AT}(?:[\w-]++{_DOT})+[^\W\d_]{{2,24}}+(?![\w-])",
    re.IGNORECASE,
)
_FEDIVERSE = re.compile(r"(?<![\w@.])@[\w.-]+@(?:[\w-]++\.)+[^\W\d_]{2,24}+(?![\w-])")
_HANDLE = re.compile(
    r"(?<![\w@.])@(?=[\w.-]*?[^\W\d_])\w[\w.-]{1,38}(?<=\w)(?![\w@/])|(?<![\w/])/?u/[\w-]{3,20}(?![\w/-])"
)
# Words with @ for a, which are written so that no filter finds them, and the name that masked data sets have for all.
_NO_HANDLE = re.compile(
    r"@(?:ss(?:e[sd]|(?:hole|hat|wipe|clown|face|kiss|lick|bag)\w*)?|n[dy]|ll|re|nal|nus|rse\w*|bout|user)",
    re.IGNORECASE,
)
_PROFILE = re.compile(
    r"(?<![\w.-])(?:https?://)?(?:www\.|m\.|mobile\.)?"
    r"(?:(?:twitter|x|instagram|facebook|fb)\.com/(?!(?:search|explore|hashtag|home|share|watch|groups|events|p|reel)\b)"
    r"|(?:tiktok\.com|youtube\.com|threads\.net|threads\.com|medium\.com)/@|youtube\.com/(?:user|c|channel)/"
    r"|linkedin\.com/in/|bsky\.app/profile/|reddit\.com/u(?:ser)?/|t\.me/(?!joinchat)|wa\.me/"
    r"|github\.com/(?=[\w-]+/?(?![\w/-])))"
    r"@?[\w%-][\w.%+-]*(?:/[\w.%+=?&-]*)*(?<![.?&-])",
    re.IGNORECASE,
)


def _handles(text: str) -> Iterator[Span]:
    for found in _HANDLE.finditer(text):
        if not _NO_HANDLE.fullmatch(found[0]):
            yield found.span()


def _spans_of(pattern: re.Pattern[str]) -> Callable[[str], Iterator[Span]]:
    return lambda text: (found.span() for found in pattern.finditer(text))


# In this order, since a handle of the fediverse holds what reads like an e-mail address, and a card what could be a
# telephone number.
_FINDERS: tuple[tuple[Kind, Callable[[str], Iterator[Span]]], ...] = (
    ("handle", _spans_of(_PROFILE)),
    ("handle", _spans_of(_FEDIVERSE)),
    ("email", _spans_of(_EMAIL)),
    ("handle", _handles),
    ("iban", ibans),
    ("card", cards),
    ("ip", ip_addresses),
    ("phone", telephone_numbers),
)


def masked(text: str) -> tuple[str, Kinds]:
    """Return a text with `[email]`, `[phone]` and so on in the place of personal details, and how many of each kind.

    The same text is masked in the same way wherever it stands, and what is masked holds nothing more to mask.
    """
    kinds: Kinds = Counter()
    while _MAY_HOLD.search(text):
        before = text
        for kind, spans in _FINDERS:
            text = _without(text, kind, spans, kinds)
        if text == before:
            break
    return text, kinds


def masked_value(value: Any) -> tuple[Any, Kinds]:
    """Return a JSON value with its texts masked, names of fields and whole numbers among them, and how many of each.

    A whole number that is a detail, such as that of a card, becomes the text that masks it.
    """
    if isinstance(value, str):
        return masked(value)
    kinds: Kinds = Counter()
    if isinstance(value, int) and not isinstance(value, bool):
        text, kinds = masked(str(value))
        return (text if kinds else value), kinds
    if isinstance(value, list):
        made = [masked_value(one) for one in value]
        return [one for one, _ in made], sum((found for _, found in made), kinds)
    if not isinstance(value, Mapping):
        return value, kinds
    named: dict[str, Any] = {}
    for name, one in value.items():
        (short, in_name), (made_of, in_value) = masked(name), masked_value(one)
        named[_free(short, named)] = made_of
        kinds += in_name + in_value
    return named, kinds


def _without(text: str, kind: Kind, spans: Callable[[str], Iterator[Span]], kinds: Kinds) -> str:
    pieces, done = [], 0
    for start, end in spans(text):
        pieces += [text[done:start], f"[{kind}]"]
        done = end
        kinds[kind] += 1
    return "".join([*pieces, text[done:]]) if done else text


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Return the name, or with a number if another field has it already."""
    number, free = 1, name
    while free in taken:
        number, free = number + 1, f"{name} {number + 1}"
    return free
