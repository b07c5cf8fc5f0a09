"""A long text as pieces of the length the models were trained on, each of which can be rewritten by itself."""

from __future__ import annotations

import re
from collections.abc import Callable

# What a piece ends with: a sentence's marks, closing quotes and brackets and the space after them, or a line's end.
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*\s+|\n\s*|$)", re.DOTALL)
_CLAUSE = re.compile(r".+?(?:[,;:–—]\s+|$)", re.DOTALL)
_WORD = re.compile(r"\S*\s*", re.DOTALL)


def pieces(text: str, longest: int, length: Callable[[str], int]) -> list[str]:
    """The text cut into sentences; joined again they are the text.

    A text with a `length` of at most `longest` is one piece. A longer sentence is cut at clauses or, failing that,
    between words. A single word is never cut, however long.
    """
    if length(text) <= longest:
        return [text]
    found = _SENTENCE.findall(text)
    for finer in (_CLAUSE, _WORD):
        found = [part for piece in found for part in _cut(piece, finer, longest, length)]
    return found


def _cut(piece: str, finer: re.Pattern[str], longest: int, length: Callable[[str], int]) -> list[str]:
    """A piece that is too long, cut where `finer` says into as few parts as it takes."""
    if length(piece) <= longest:
        return [piece]
    parts: list[str] = []
    for part in filter(None, finer.findall(piece)):
        if parts and length(parts[-1] + part) <= longest:
            parts[-1] += part
        else:
            parts.append(part)
    return parts


def margins(piece: str) -> tuple[str, str, str]:
    """The space before a piece, its body and the space after it."""
    body = piece.strip()
    start = piece.index(body)
    return piece[:start], body, piece[start + len(body) :]
