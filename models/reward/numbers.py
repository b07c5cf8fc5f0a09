"""Numbers counted in a rewrite or by comparing it with its source, and their descriptions in words.

Texts are compared word by word; a word is a run of letters and digits, with apostrophes inside it, case-folded. In
scripts without spaces a sentence is one long word: the numbers are computed all the same, and say less.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?…]+(?:[\s\"'”’)]|$)")
_APOSTROPHES = "'’"
_QUOTES = '"“”„«»'
_OTHER_MARKS = ";:()[]–—…*/"
_GROUP = 3


@dataclass(frozen=True)
class Number:
    """A feature's name, and descriptions of more and less of it."""

    name: str
    more: str
    less: str


NUMBERS = (
    Number("words", "longer", "shorter"),
    Number("word_length", "longer words", "shorter words"),
    Number("longest_word", "a long word in it", "no long word in it"),
    Number("overlap", "keeps the wording", "other words than the text"),
    Number("new_words", "brings new words", "brings no new words"),
    Number("dropped_words", "leaves words out", "leaves no word out"),
    Number("letters_kept", "keeps the spelling of the text", "differs from the text letter by letter"),
    Number("same_start", "begins as the text does", "begins differently from the text"),
    Number("same_end", "ends as the text does", "ends differently from the text"),
    Number("capital_first", "begins with a capital", "begins with a small letter"),
    Number("capitals", "more capitals", "fewer capitals"),
    Number("shouted_words", "words in capitals", "no words in capitals"),
    Number("ends_in_period", "a full stop at the end", "no full stop at the end"),
    Number("ends_in_question", "a question at the end", "no question at the end"),
    Number("ends_in_exclamation", "an exclamation mark at the end", "no exclamation mark at the end"),
    Number("exclamation_marks", "exclamation marks", "no exclamation marks"),
    Number("question_marks", "question marks", "no question marks"),
    Number("commas", "more commas", "fewer commas"),
    Number("apostrophes", "contractions and apostrophes", "no contractions or apostrophes"),
    Number("quotation_marks", "quotation marks", "no quotation marks"),
    Number("other_marks", "brackets, dashes and the like", "no brackets or dashes"),
    Number("digits", "more digits", "fewer digits"),
    Number("sentences", "more sentences", "fewer sentences"),
    Number("different_words", "no word twice", "words repeated"),
)
"""The numbers that `counted` returns, in its order."""


@dataclass(frozen=True)
class _Tokenised:
    """A tokenised text, cached because the same sources and samples come again."""

    words: tuple[str, ...]
    different: frozenset[str]
    groups: Counter[str]


@lru_cache(2048)
def _tokenised(text: str) -> _Tokenised:
    found = tuple(word.casefold() for word in _WORD.findall(text))
    marked = f" {text.casefold()} "
    groups = Counter(marked[start : start + _GROUP] for start in range(len(marked) - _GROUP + 1))
    return _Tokenised(found, frozenset(found), groups)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text in order, case-folded."""
    return _tokenised(text).words


def counted(source: str, rewrite: str) -> list[float]:
    """Return the NUMBERS of a rewrite: shares in 0 … 1, counts as log(1 + count)."""
    theirs, ours = _tokenised(source), _tokenised(rewrite)
    number = max(1, len(ours.words))
    raw = _WORD.findall(rewrite)
    letters = [letter for letter in rewrite if letter.isalpha()]
    last = rewrite.rstrip()[-1:]
    common, either = len(theirs.different & ours.different), len(theirs.different | ours.different)
    return [
        math.log1p(len(ours.words)),
        math.sqrt(sum(map(len, ours.words)) / number),
        math.log1p(max(map(len, ours.words), default=0)),
        common / max(1, either),
        1 - common / max(1, len(ours.different)),
        1 - common / max(1, len(theirs.different)),
        2 * (theirs.groups & ours.groups).total() / max(1, theirs.groups.total() + ours.groups.total()),
        _common_start(theirs.words, ours.words) / max(1, len(theirs.words)),
        _common_start(theirs.words[::-1], ours.words[::-1]) / max(1, len(theirs.words)),
        float(rewrite[:1].isupper()),
        sum(letter.isupper() for letter in letters) / max(1, len(letters)),
        math.log1p(sum(word.isupper() and len(word) > 1 for word in raw)),
        float(last == "."),
        float(last == "?"),
        float(last == "!"),
        math.log1p(rewrite.count("!")),
        math.log1p(rewrite.count("?")),
        math.log1p(rewrite.count(",")),
        math.log1p(_count(rewrite, _APOSTROPHES)),
        math.log1p(_count(rewrite, _QUOTES)),
        math.log1p(_count(rewrite, _OTHER_MARKS)),
        math.log1p(sum(letter.isdigit() for letter in rewrite)),
        math.log1p(len(_SENTENCE_END.findall(rewrite))),
        len(ours.different) / number,
    ]


def _common_start(left: Sequence[str], right: Sequence[str]) -> int:
    """Count the words that both begin with."""
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))))


def _count(text: str, marks: str) -> int:
    return sum(map(text.count, marks))
