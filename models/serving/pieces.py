"""A text as pieces that a model can rewrite by themselves: sentences, without what is no prose.

Mark-up and links are never rewritten. What is inside a long text stands by itself, sentence by sentence, since small
models lose their way in anything longer than what they were trained on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_INLINE = r"</?(?:a|b|i|u|s|em|strong|span|small|mark|font|sub|sup|code)\b[^<>]*>"
_LINK = r"\b(?:https?://|www\.)[^\s<>]*[^\s<>.,!?;:)\]]"
_NO_PROSE = re.compile(rf"(?P<inline>{_INLINE})|</?[A-Za-z][^<>]*>|<!--.*?-->|{_LINK}", re.DOTALL)
_TAG = re.compile(_INLINE)
_WRAPPED = re.compile(r"(<(\w+)\b[^<>]*>\s*)(.*?)(\s*</\2>)", re.DOTALL)

# What a piece ends with: a sentence's marks, closing quotes and brackets and the space after them, or a line's end.
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*\s+|\n\s*|$)", re.DOTALL)
_CLAUSE = re.compile(r".+?(?:[,;:–—]\s+|$)", re.DOTALL)
_WORD = re.compile(r"\S*\s*", re.DOTALL)

_SPELT = re.compile(r"(?<!\w)(?:[^\W\d_] ){2,}[^\W\d_](?!\w)")
_SHOUTED = 0.8
_FEWEST_LETTERS = 6


def pieces(text: str, longest: int, length: Callable[[str], int]) -> list[str]:
    """The text cut at tags and links and, where its `length` is more than `longest`, into sentences.

    Joined again the pieces are the text. A longer sentence is cut at clauses or, failing that, between words. A single
    word is never cut, however long.
    """
    found = list(_prose_and_other(text))
    for finer in (_SENTENCE, _CLAUSE, _WORD):
        found = [part for piece in found for part in _cut(piece, finer, longest, length)]
    return found or [text]


def _prose_and_other(text: str) -> Iterator[str]:
    """The text cut before and after what is no prose; tags within a sentence stay in it."""
    start = 0
    for other in _NO_PROSE.finditer(text):
        if other["inline"] is None:
            yield from filter(None, (text[start : other.start()], other[0]))
            start = other.end()
    if start < len(text):
        yield text[start:]


def _is_prose(piece: str) -> bool:
    other = _NO_PROSE.fullmatch(piece)
    return other is None or other["inline"] is not None


def _cut(piece: str, finer: re.Pattern[str], longest: int, length: Callable[[str], int]) -> list[str]:
    """A piece that is too long, cut where `finer` says; sentences stay single, their parts become as few as can be."""
    if length(piece) <= longest or not _is_prose(piece):
        return [piece]
    parts: list[str] = []
    for part in filter(None, finer.findall(piece)):
        if finer is not _SENTENCE and parts and length(parts[-1] + part) <= longest:
            parts[-1] += part
        else:
            parts.append(part)
    return parts


def margins(piece: str) -> tuple[str, str, str]:
    """What stays as it is before a piece, its body, and what stays after it: space, and tags around the whole.

    The body of a piece that is a tag or a link is empty.
    """
    if not _is_prose(piece):
        return piece, "", ""
    body = piece.strip()
    start = piece.index(body)
    before, after = piece[:start], piece[start + len(body) :]
    while (wrapped := _WRAPPED.fullmatch(body)) and f"</{wrapped[2]}>" not in wrapped[3]:
        before, body, after = before + wrapped[1], wrapped[3], wrapped[4] + after
    return before, body, after


def plain(body: str) -> str:
    """The body as models are trained to read it: without tags, shouting and words spelt letter by letter."""
    text = _SPELT.sub(lambda spelt: spelt[0].replace(" ", ""), _TAG.sub("", body))
    letters = [character for character in text if character.isalpha()]
    shouted = sum(map(str.isupper, letters)) > _SHOUTED * len(letters)
    if shouted and len(letters) >= _FEWEST_LETTERS and " " in text:
        return text[:1] + text[1:].lower()
    return text
