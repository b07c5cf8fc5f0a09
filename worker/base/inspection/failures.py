"""Kinds of failure of a rewrite that a rule can find; all others are found by eye.

A word that is to be kept counts as lost where another word says the same, too.
"""

import re

from models.serving.generator import wording
from worker.base.texts.handmade import POLITE, Input

COPIED = "copied insult"
DOUBLED_SENTENCE, DOUBLED_WORD = "doubled sentence", "doubled word"
EMPTY, UNCHANGED, CHANGED = "empty", "unchanged", "changed though polite"
LOST_LINK, LOST_NAME, LOST_NUMBER = "lost link", "lost name", "lost number"
LOST_QUESTION, LOST_QUOTE, LOST_WORD = "lost question", "lost quote", "lost word"
FAILURES = (
    COPIED, UNCHANGED, CHANGED, EMPTY, DOUBLED_SENTENCE, DOUBLED_WORD, LOST_NAME, LOST_NUMBER, LOST_LINK, LOST_QUOTE,
    LOST_QUESTION, LOST_WORD,
)  # fmt: skip

_SENTENCE = re.compile(r"[^.!?]+")
_NUMBER = re.compile(r"[A-Z]*[\d.,:]+")
_LINK = re.compile(r"[/@\\#(]|\w\.\w")
_REPEATED = re.compile(r"\b([^\W\d_]+) \1\b", re.IGNORECASE)
_FEWEST_WORDS = 2


def failures(one: Input, rewrite: str) -> list[str]:
    """Return the kinds of failure of a rewrite, each once, in the order of FAILURES."""
    if not rewrite.strip():
        return [EMPTY]
    same, polite = wording(rewrite) == wording(one.text), one.kind == POLITE
    has = {
        COPIED: any(_has(rewrite, word) for word in one.loses),
        UNCHANGED: same and not polite,
        CHANGED: polite and not same,
        DOUBLED_SENTENCE: _says_twice(rewrite),
        DOUBLED_WORD: bool(_REPEATED.search(rewrite)) and not _REPEATED.search(one.text),
        **{_lost(word): True for word in one.keeps if not _has(rewrite, word)},
    }
    return [kind for kind in FAILURES if has.get(kind)]


def _has(text: str, word: str) -> bool:
    """Return whether a text has a word or phrase, whatever its case, and not as a part of another word."""
    before, after = (r"(?<!\w)" if word[0].isalnum() else ""), (r"(?!\w)" if word[-1].isalnum() else "")
    return re.search(before + re.escape(word) + after, text, re.IGNORECASE) is not None


def _lost(word: str) -> str:
    """Return the kind of failure that the loss of a word is."""
    if word == "?":
        return LOST_QUESTION
    if word[0] in "\"'":
        return LOST_QUOTE
    if _NUMBER.fullmatch(word):
        return LOST_NUMBER
    if _LINK.search(word):
        return LOST_LINK
    return LOST_NAME if word[0].isupper() else LOST_WORD


def _says_twice(text: str) -> bool:
    """Return whether a text has the same sentence twice."""
    sentences = [wording(sentence) for sentence in _SENTENCE.findall(text) if len(sentence.split()) >= _FEWEST_WORDS]
    return len(set(sentences)) < len(sentences)
