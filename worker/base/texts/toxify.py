"""Synthetic toxification: a toxic version of neutral text.

The objective of restoring the neutral text teaches the model to copy everything except what makes a sentence toxic.
Every choice is drawn from the given random generator, so a seed determines the data.
"""

import random
from collections.abc import Sequence

from worker.base.texts.lexicon import Lexicon, Span
from worker.base.texts.rudeness import outburst, rude_words

_LEET = str.maketrans({"a": "@", "i": "1", "o": "0", "e": "3", "s": "$"})
_SHARE_SUBSTITUTED = 0.3
_SHARE_AFTER_NEIGHBOUR = 0.6


def disguise(word: str, rng: random.Random) -> str:
    """Write a word as people do to get past a filter: shouted, stretched, starred out or with digits."""
    trick = rng.randrange(4)
    if trick == 0 or len(word) < 3:
        return word.upper()
    inner = rng.randrange(1, len(word) - 1)
    if trick == 1:
        return word[:inner] + word[inner] * rng.randint(2, 4) + word[inner + 1 :]
    if trick == 2:
        stars = rng.randint(1, len(word) - 2)
        return word[0] + "*" * stars + word[1 + stars :]
    return word[0] + word[1:].translate(_LEET)


class Toxifier:
    """Adds toxic words to neutral text, in the places from which people's rewrites removed them."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def disguise_toxic(self, text: str, share: float, rng: random.Random) -> str:
        """Disguise this share of the text's toxic words."""
        words = text.split(" ")
        return " ".join(
            disguise(word, rng) if word.lower() in self._lexicon.words and rng.random() < share else word
            for word in words
        )

    def toxify(self, text: str, edits: int, rng: random.Random) -> str:
        """Return a toxic version of a neutral text, with this many spans substituted or inserted."""
        words = text.split(" ")
        for _ in range(edits):
            if rng.random() >= _SHARE_SUBSTITUTED or not self._substitute(words, rng):
                self._insert(words, rng)
        return self.disguise_toxic(" ".join(words), 0.08, rng)

    def toxify_sentence(self, text: str, rng: random.Random) -> str:
        """Return a toxic version of a whole sentence.

        It has toxic spans from the lexicon, words made rude by the grammar of insults, an outburst before or after it,
        or several of these.
        """
        kind = rng.random()
        toxic = text
        if kind < 0.35 or kind >= 0.9:
            toxic = self.toxify(toxic, rng.randint(1, 1 + min(3, len(text.split()) // 6)), rng)
        if 0.35 <= kind < 0.65 or kind >= 0.85:
            toxic = rude_words(toxic, rng)
        if 0.65 <= kind < 0.85 or toxic == text:
            toxic = outburst(toxic, rng)
        return toxic.upper() if rng.random() < 0.03 else toxic

    def _substitute(self, words: list[str], rng: random.Random) -> bool:
        """Replace one plain span by a toxic one in place; return False if none has a substitution."""
        lowered = [word.lower() for word in words]
        places = [
            (start, span)
            for start in range(len(words))
            for span in (tuple(lowered[start : start + 1]), tuple(lowered[start : start + 2]))
            if span in self._lexicon.substitutions
        ]
        if not places:
            return False
        start, span = rng.choice(places)
        words[start : start + len(span)] = rng.choice(self._lexicon.substitutions[span])
        return True

    def _insert(self, words: list[str], rng: random.Random) -> None:
        """Insert one toxic span in place, preferably after a word that it was seen to follow."""
        place = rng.randint(0, len(words))
        known: Sequence[Span] = ()
        if rng.random() < _SHARE_AFTER_NEIGHBOUR:
            known = self._lexicon.insertions_after.get(words[place - 1].lower() if place else "", ())
        words[place:place] = rng.choice(known or self._lexicon.insertions)
