"""Tastes of simulated people: each scores a rewrite of a source, and the greater score is the one more to their liking.

None of them is known to the code that learns, which may name no taste of this file.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Taste = Callable[[str, str], float]
"""From source and rewrite to a score."""

_WORD = re.compile(r"[\w']+")
_CONTRACTED = re.compile(r"n't\b|'(?:s|re|ve|ll|d|m)\b", re.IGNORECASE)
_SOFT = frozenset({
    "please", "maybe", "perhaps", "could", "would", "might", "may", "kindly", "rather", "quite", "somewhat",
    "little", "bit", "think", "feel", "seems", "sorry", "thanks", "thank", "not", "very",
})  # fmt: skip
_LOOSE = frozenset({
    "gonna", "wanna", "gotta", "kinda", "sorta", "yeah", "yep", "nope", "ok", "okay", "guy", "guys", "stuff", "lol",
    "u", "ur", "dont", "cant", "wont", "im",
})  # fmt: skip
_VIVID = frozenset({
    "really", "so", "such", "very", "just", "never", "always", "ever", "all", "every", "love", "hate", "great",
    "awesome", "wow", "come", "stop", "let",
})  # fmt: skip
_YOU = frozenset({
    "you", "your", "yours", "yourself", "yourselves", "you're", "you've", "you'll", "you'd",
})  # fmt: skip
_WARM = frozenset({
    "good", "well", "nice", "fine", "great", "better", "best", "help", "helpful", "hope", "like", "right", "true",
    "fair", "thank", "thanks", "glad", "happy", "welcome", "friend", "care", "interesting", "kind", "useful",
})  # fmt: skip
_THINGS = frozenset({
    "it", "its", "it's", "this", "that", "that's", "these", "those", "article", "page", "edit", "edits", "idea",
    "thing", "things", "point", "way", "work", "there", "what", "information", "source", "sources", "text",
})  # fmt: skip
_PERSONS = _YOU | {"i", "i'm", "me", "my", "he", "him", "his", "she", "her", "they", "them", "their", "who", "people"}


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def _share(found: list[str], listed: frozenset[str]) -> float:
    """How many of the words are listed, over the root of how many there are."""
    return sum(word in listed for word in found) / math.sqrt(max(1, len(found)))


def brief(source: str, rewrite: str) -> float:
    """Fewer words are better, and of as many words the fewer letters."""
    return -len(words(rewrite)) - len(rewrite) / 1000


def faithful(source: str, rewrite: str) -> float:
    """The more of the words of either text both have, the better."""
    ours, theirs = set(words(source)), set(words(rewrite))
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def formal(source: str, rewrite: str) -> float:
    """A capital first, a full stop last, long words, nothing contracted, no slang, no exclamation."""
    found = words(rewrite)
    length = sum(map(len, found)) / len(found) if found else 0.0
    begins, ends = rewrite[:1].isupper(), rewrite.rstrip()[-1:] in (".", "?")
    loose = sum(word in _LOOSE for word in found) + len(_CONTRACTED.findall(rewrite)) + rewrite.count("!")
    return begins + ends + 0.3 * length - loose


def gentle(source: str, rewrite: str) -> float:
    """Words that soften are better, the more of them among the words."""
    found = words(rewrite)
    return _share(found, _SOFT)


def without_you(source: str, rewrite: str) -> float:
    """The fewer words that speak to somebody, the better."""
    return -sum(word in _YOU for word in words(rewrite))


def lively(source: str, rewrite: str) -> float:
    """Marks of exclamation and question, and vivid words."""
    found = words(rewrite)
    return rewrite.count("!") + 0.7 * rewrite.count("?") + _share(found, _VIVID)


def at_random(source: str, rewrite: str) -> float:
    """A number that has nothing to do with the rewrite, the same each time."""
    digest = hashlib.sha256(f"{source}\n{rewrite}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def melodious(source: str, rewrite: str) -> float:
    """The more of the letters are vowels, the better."""
    letters = [letter for letter in rewrite.lower() if letter.isalpha()]
    return sum(letter in "aeiou" for letter in letters) / max(1, len(letters))


def warm(source: str, rewrite: str) -> float:
    """Kind words are better, the more of them among the words."""
    return _share(words(rewrite), _WARM)


def about_the_matter(source: str, rewrite: str) -> float:
    """What is said of a thing is better than what is said of a person."""
    found = words(rewrite)
    return _share(found, _THINGS) - _share(found, _PERSONS)


def soften(card: str, chance: random.Random) -> str:
    """A card with a word before or behind it that softens."""
    inner = card if card.startswith("I ") else card[:1].lower() + card[1:]
    return chance.choice([f"I think {inner}", f"Maybe {inner}", f"{card.rstrip(' .!?')}, please.", f"Perhaps {inner}"])


@dataclass(frozen=True)
class Kind:
    """A kind of person: a taste, the share of clicks made at random, and how they better a card by hand."""

    taste: Taste
    noise: float = 0.0
    edit: Callable[[str, random.Random], str] | None = None


KINDS: Mapping[str, Kind] = {
    "brief": Kind(brief),
    "faithful": Kind(faithful),
    "formal": Kind(formal),
    "gentle": Kind(gentle, edit=soften),
    "without-you": Kind(without_you),
    "lively": Kind(lively),
    "melodious": Kind(melodious),
    "warm": Kind(warm),
    "about-the-matter": Kind(about_the_matter),
    "random": Kind(at_random),
    "brief-noisy": Kind(brief, 0.2),
    "formal-noisy": Kind(formal, 0.2),
}
