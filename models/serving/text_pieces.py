"""Splitting a text into pieces that a model rewrites one by one: sentences, without mark-up and links.

Mark-up and links are never rewritten, nor are words too long to be any and marks repeated without end: a model can say
nothing of them, and takes many times as long over it. A long text is rewritten sentence by sentence, since small models
are poor on anything longer than what they were trained on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_INLINE = r"</?(?:a|b|i|u|s|em|strong|span|small|mark|font|sub|sup|code)\b[^<>]*>"
_LINK = r"\b(?:https?://|www\.)[^\s<>]*[^\s<>.,!?;:)\]]"
# The longest word of English dictionaries has 45 letters. Scripts without spaces between words are not meant: Thai to
# Burmese, Khmer, and from the radicals of Chinese on.
_LETTER = r"[^\s<>\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u2E80-\uFFEF\U00020000-\U0003FFFF]"
_MARKS = r"(?P<mark>[^\w\s<>])(?P=mark){15,}"
_NO_WORD = rf"(?:(?!(?P<run>[^\w\s<>])(?P=run){{15}}){_LETTER}){{46,}}"
_NO_PROSE = re.compile(rf"(?P<inline>{_INLINE})|</?[A-Za-z][^<>]*>|<!--.*?-->|{_LINK}|{_MARKS}|{_NO_WORD}", re.DOTALL)
_TAG = re.compile(_INLINE)
_WRAPPED = re.compile(r"(<(\w+)\b[^<>]*>\s*)(.*?)(\s*</\2>)", re.DOTALL)

# A piece ends with a sentence's marks, closing quotes and brackets and the space after them, or with a line's end.
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*\s+|[。！？]+[」』”’]*\s*|\n\s*|$)", re.DOTALL)
_CLAUSE = re.compile(r".+?(?:[,;:–—]\s+|[、，；：]\s*|$)", re.DOTALL)
_WORD = re.compile(r"\S*\s*", re.DOTALL)
_CHARACTER = re.compile(r".", re.DOTALL)

_SPELT = re.compile(r"(?<!\w)(?:[^\W\d_] ){2,}[^\W\d_](?!\w)")
_PUNCTUATION = re.compile(r"[\W_]+")
_SHOUTED = 0.8
_FEWEST_LETTERS = 6


@dataclass(frozen=True)
class Cut:
    """A text in pieces: of each, what comes before, the body, and what comes after it; and which are rewritten."""

    text: str
    parts: tuple[tuple[str, str, str], ...]
    rewritten: frozenset[int]

    @property
    def is_whole(self) -> bool:
        """Return whether the text is one piece that models read just as it is."""
        return self.parts == (("", self.text, ""),) and plain(self.text) == self.text

    @property
    def bodies(self) -> list[str]:
        """Return the body of each piece."""
        return [body for _, body, _ in self.parts]

    def joined(self, bodies: Sequence[str]) -> str:
        """Return the text with other bodies in its pieces."""
        return "".join(f"{before}{body}{after}" for body, (before, _, after) in zip(bodies, self.parts, strict=True))


def pieces(text: str, longest: int, length: Callable[[str], int]) -> list[str]:
    """Split the text at tags and links and, where its `length` is more than `longest`, into sentences.

    Joined, the pieces are the text again. A longer sentence is split at clauses or, failing that, between words, and
    what has no spaces anywhere.
    """
    found = list(_prose_and_other(text))
    for finer in (_SENTENCE, _CLAUSE, _WORD, _CHARACTER):
        found = [part for piece in found for part in _cut(piece, finer, longest, length)]
    return found or [text]


def _prose_and_other(text: str) -> Iterator[str]:
    """Split the text before and after tags and links; inline tags stay in their sentence."""
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
    """Split a piece that is too long at `finer`; sentences stay single, other parts are joined up to `longest`."""
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
    """Return the text before a piece's body, the body, and the text after it: space, and tags around the whole.

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
    """Return the body as models are trained to read it: no tags, no shouting, no words spelt letter by letter."""
    text = _SPELT.sub(lambda spelt: spelt[0].replace(" ", ""), _TAG.sub("", body))
    letters = [character for character in text if character.isalpha()]
    shouted = sum(map(str.isupper, letters)) > _SHOUTED * len(letters)
    if shouted and len(letters) >= _FEWEST_LETTERS and " " in text:
        return text[:1] + text[1:].lower()
    return text


@lru_cache(1024)
def wording(text: str) -> str:
    """Return a text without case, punctuation and spacing; texts of equal wording count as one rewrite."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _PUNCTUATION.sub(" ", folded).strip() or folded.strip()


def as_typed(rewrites: Sequence[str], body: str) -> list[str]:
    """Return the rewrites of a piece; one of equal wording is replaced by the piece itself."""
    return [body if wording(rewrite) == wording(body) else rewrite for rewrite in rewrites]
