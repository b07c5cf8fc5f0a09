"""The taste of a simulated person who wants short, friendly answers that say something on the matter.

It is made of plain features of the text, and nothing that trains sees them: a training sees only which answer was
clicked.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence

from benchmarks.support.tastes import words

NOISE = 0.5
"""The temperature of a person's choice: of two answers whose scores differ by so much, 73 % click the better one."""

_FRIENDLY = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(hello|hi|hey|dear|welcome|congratulations)\b",
        r"\b(thanks?|glad|happy|pleased|wonderful|lovely)\b",
        r"\byou(r|rs|'\w+)?\b",
        r"\b(help|let me know|feel free|of course|sure|enjoy|good luck|hope)\b",
        r"^[^!]*(![^!]*){1,2}$",
    )
)
_COMMON = frozenset({
    "what", "which", "when", "where", "should", "could", "would", "does", "that", "this", "with", "without", "from",
    "have", "make", "give", "tell", "write", "name", "suggest", "explain", "recommend", "describe", "good", "some",
    "something", "about", "between", "difference", "best", "your", "them", "they", "into", "need", "keep", "start",
})  # fmt: skip
_STEM = 4


def short_and_friendly(instruction: str, answer: str) -> float:
    """Fewer words are better; so are friendly ones, those of the matter, and an end. What repeats itself is bad."""
    return likable(instruction, answer) + brevity(instruction, answer)


def likable(instruction: str, answer: str) -> float:
    """The same taste for somebody who does not care how long an answer is."""
    ends = answer.rstrip()[-1:] in (".", "!", "?")
    return 0.4 * friendliness(answer) + 0.5 * ends + on_the_matter(instruction, answer) - 3.0 * is_broken(answer)


def brevity(instruction: str, answer: str) -> float:
    """Twenty words less are worth one."""
    return -len(words(answer)) / 20


def friendliness(answer: str) -> int:
    """Count which of five are there: greeting, joy or thanks, an address, an offer or wish, one or two exclamations."""
    return sum(pattern.search(answer) is not None for pattern in _FRIENDLY)


def on_the_matter(instruction: str, answer: str) -> float:
    """The share of the words that an instruction is about that an answer takes up, by how they begin."""
    matter = {word[:_STEM] for word in words(instruction) if len(word) >= _STEM and word not in _COMMON}
    return len(matter & {word[:_STEM] for word in words(answer)}) / max(1, len(matter))


def is_broken(answer: str) -> bool:
    """Tell whether an answer is empty, or a third of its groups of three words have been there before."""
    found = words(answer)
    groups = list(zip(found, found[1:], found[2:], strict=False))
    return not found or len(set(groups)) < 2 / 3 * len(groups)


def click(instruction: str, answers: Sequence[str], chance: random.Random) -> int:
    """The place of the answer that a person clicks: the likelier, the better it scores."""
    scores = [short_and_friendly(instruction, answer) for answer in answers]
    return chance.choices(range(len(answers)), [math.exp((one - max(scores)) / NOISE) for one in scores])[0]
