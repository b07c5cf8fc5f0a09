"""The texts that come with the recipe: rude, typed as people type, and the same each time.

Where a studio has few texts that nobody clicked, the model's own samples of these are what the reward head labels. The
sentences were written for this and nothing is measured on them; the grammar of worker/base/texts/rudeness.py makes them
rude. As people's own comments do, they run from a few words to several sentences, and many have no capital, no full
stop or an apostrophe too few: else nothing could be learned from them of how texts look.
"""

from __future__ import annotations

import functools
import random
from pathlib import Path

from worker.base.texts.rudeness import outburst, remark, rude_words

SENTENCES_FILE = Path(__file__).with_name("sentences.txt")
_SEED = 20
_TURNS = 3
_TWO_SENTENCES = 0.35
_LOWER, _NO_STOP, _NO_APOSTROPHE, _SPACED, _LOUD = 0.5, 0.4, 0.5, 0.3, 0.15


@functools.cache
def shipped_texts() -> tuple[str, ...]:
    """Every sentence made rude in up to _TURNS ways, one turn after another."""
    chance = random.Random(_SEED)
    sentences = SENTENCES_FILE.read_text(encoding="utf-8").splitlines()
    found: dict[str, None] = {}
    for turn in range(_TURNS):
        for number, sentence in enumerate(sentences):
            words, burst = ((True, False), (False, True), (True, True))[(turn + number) % 3]
            rude = rude_words(sentence, chance) if words else sentence
            rude = outburst(rude, chance) if burst or rude == sentence else rude
            if chance.random() < _TWO_SENTENCES:
                rude = f"{rude} {chance.choice([chance.choice(sentences), remark(chance)[0]])}"
            found[_as_typed(rude, chance)] = None
    return tuple(found)


def _as_typed(text: str, chance: random.Random) -> str:
    """The text as somebody in a hurry types it."""
    if chance.random() < _LOWER:
        text = text.lower()
    if chance.random() < _NO_APOSTROPHE:
        text = text.replace("'", "")
    if chance.random() < _NO_STOP:
        text = text.rstrip(" .!")
    elif chance.random() < _LOUD:
        text = text.rstrip(" .") + "!" * chance.randint(1, 3)
    if chance.random() < _SPACED:
        for mark in ",.!?":
            text = text.replace(mark, f" {mark}")
    return " ".join(text.split())
