"""Three simulated people, and what each of them says of a screen: they agree often, and never always."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_RUDE = frozenset({
    "ass", "bad", "clown", "clowns", "crap", "creep", "damn", "dumb", "fool", "garbage", "hate", "hell", "idiot",
    "idiotic", "idiots", "jerk", "junk", "lazy", "moron", "pathetic", "pig", "pigs", "rat", "ridiculous", "selfish",
    "shit", "shut", "stupid", "suck", "sucks", "trash", "ugly", "useless", "worst", "worthless",
})  # fmt: skip
_POLITE = frozenset({
    "could", "i", "please", "maybe", "may", "might", "perhaps", "sorry", "think", "thank", "thanks", "we", "would",
})  # fmt: skip
_SKIPPED, _EDITED = 0.04, 0.12
_AS_GOOD = 0.15
"""Rewrites that please almost as much as the best are a tie now and then."""


@dataclass(frozen=True)
class Reader:
    """A simulated person: a name, an email, a taste that scores a rewrite of a text, and seconds a screen.

    One who `writes` puts a better rewrite of their own in the place of the best now and then.
    """

    name: str
    email: str
    taste: Callable[[str, str], float]
    seconds: tuple[float, float]
    writes: bool = False


def brief(text: str, rewrite: str) -> float:
    """Score a rewrite by how much shorter than the text it is."""
    return 1 - len(_words(rewrite)) / max(1, len(_words(text)))


def faithful(text: str, rewrite: str) -> float:
    """Score a rewrite by how many of the words of either both have."""
    ours, theirs = set(_words(text)), set(_words(rewrite))
    return len(ours & theirs) / max(1, len(ours | theirs))


def courteous(text: str, rewrite: str) -> float:
    """Score a rewrite by its polite words, and by a capital first and a full stop last."""
    polite = sum(word in _POLITE for word in _words(rewrite))
    return 0.4 * polite + 0.2 * rewrite[:1].isupper() + 0.2 * (rewrite[-1:] in ".?")


PEOPLE = (
    Reader("Amara Obi", "amara@example.org", brief, (2.5, 6.0)),
    Reader("Bruno Keller", "bruno@example.org", faithful, (4.0, 11.0)),
    Reader("Chiyo Mori", "chiyo@example.org", courteous, (3.0, 8.0), writes=True),
)


def judgment(reader: Reader, screen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person says of a screen, as the API takes it; asked again, they say the same."""
    chance = random.Random(f"{reader.email}: {screen['text']}")
    said = {"generation_id": screen["id"], "seconds": round(chance.uniform(*reader.seconds), 1)}
    return said | _verdict(reader, screen["text"], screen["candidates"], chance)


def _verdict(
    reader: Reader, text: str, candidates: Sequence[Mapping[str, Any]], chance: random.Random
) -> dict[str, Any]:
    if chance.random() < _SKIPPED:
        return {"verdict": "skipped", "reason": "I do not know what this is about."}
    ranked = sorted(candidates, key=lambda one: _liking(reader, text, one["text"]), reverse=True)
    best = ranked[0]
    if all(_rude(one["text"]) for one in ranked):
        return {"verdict": "none"}
    if reader.writes and chance.random() < _EDITED:
        return {"verdict": "edited", "candidate_id": best["id"], "edited_text": _softened(best["text"])}
    least = _liking(reader, text, best["text"]) - _AS_GOOD
    tied = [one["id"] for one in ranked if _liking(reader, text, one["text"]) > least]
    if len(tied) > 1 and chance.random() < _AS_GOOD:
        return {"verdict": "tie", "tied": sorted(tied)}
    return {"verdict": "chosen", "candidate_id": best["id"]}


def _liking(reader: Reader, text: str, rewrite: str) -> float:
    """Score a rewrite: nobody likes insults or what says something else, and beyond that everybody has a taste."""
    return reader.taste(text, rewrite) + faithful(text, rewrite) - 0.5 * _rude(rewrite)


def _rude(rewrite: str) -> int:
    return sum(word in _RUDE for word in _words(rewrite))


def _softened(rewrite: str) -> str:
    inner = rewrite if rewrite.startswith("I ") else rewrite[:1].lower() + rewrite[1:]
    return f"I think {inner}"


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())
