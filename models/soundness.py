"""Two ways in which a rewrite of an English text may be broken: an invented word, or a no where the text said yes.

The known words are those that occur in the corpora of the base checkpoint (worker/base/judging/known_words.py), as
sorted CRC-32 numbers: of a hundred thousand invented words about two are taken for known ones.
"""

from __future__ import annotations

import functools
import re
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from models.model_errors import LoadError

WORDS_FILE = Path(__file__).with_name("base") / "known_words.safetensors"
WORDS = "words"
"""The name of the numbers in WORDS_FILE."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_LETTERS_ALONE = 2
"""Words of so few letters are abbreviations as often as not."""
_SPACED = re.compile(r" +(?='t\b|n't\b)", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(would|could|should|will|can|did|do|does|have|has|had|was|were|are|is|ca|wo)(?:n'?t| not|not)\b", re.IGNORECASE
)
_FULL = {"ca": "can", "wo": "will"}
# A form of "be" is left out: "is not good" for "is bad" denies nothing.
_AUXILIARY = frozenset({"would", "could", "should", "will", "can", "did", "do", "does", "have", "has", "had"})
_NEGATIVE = re.compile(r"\b(?:not|no|never|nobody|nothing|none|nor|neither|without|ain'?t)\b", re.IGNORECASE)


# Cached, because the samples of a text are each compared with it.
@functools.lru_cache(maxsize=1024)
def words(text: str) -> frozenset[str]:
    """Return the different words of a text in lower case, apostrophes made plain."""
    return frozenset(_WORD.findall(_plain(text).lower()))


def invented(source: str, rewrite: str) -> frozenset[str]:
    """Return the words of a rewrite that its source does not have and nobody is known to use; raises LoadError.

    Of a source whose own words are mostly unknown, in another language say, nothing can be told.
    """
    own = words(source)
    if 2 * sum(map(_is_known, own)) < len(own):
        return frozenset()
    new = words(rewrite) - own
    return frozenset(word for word in new if len(word) > _LETTERS_ALONE and not _is_known(word))


def turned_round(source: str, rewrite: str) -> bool:
    """Return whether a rewrite denies what its source says, by an auxiliary verb, or denies nothing where it does."""
    before, after = _denied(source), _denied(rewrite)
    said = (words(source) & _AUXILIARY) - before
    if (after - before) & said:
        return True
    return bool(before or _NEGATIVE.search(source)) and not (after or _NEGATIVE.search(rewrite))


def number(word: str) -> int:
    """Return the number that stands for a word in WORDS_FILE."""
    return zlib.crc32(word.encode())


def _plain(text: str) -> str:
    return text.replace("’", "'")


@functools.lru_cache(maxsize=1024)
def _denied(text: str) -> frozenset[str]:
    """Return the auxiliary verbs that are denied in a text."""
    verbs = (found[1].lower() for found in _DENIED.finditer(_SPACED.sub("", _plain(text))))
    return frozenset(_FULL.get(verb, verb) for verb in verbs)


@functools.lru_cache(maxsize=4096)
def _is_known(word: str) -> bool:
    known, wanted = _known(), np.uint32(number(word))  # of the list's type: another would be a cast of all of it
    place = int(np.searchsorted(known, wanted))
    if place < len(known) and known[place] == wanted:
        return True
    return word.endswith("'s") and _is_known(word[:-2])


@functools.cache
def _known() -> npt.NDArray[np.uint32]:
    """Return the numbers of the known words, loaded once a process; raises LoadError."""
    try:
        numbers: npt.NDArray[np.uint32] = load_file(WORDS_FILE)[WORDS]
    except Exception as error:  # the library raises bare exceptions for damaged files
        raise LoadError(f"{WORDS_FILE} cannot be read as the list of known words: {error}") from error
    return numbers
