"""The rude texts that come with Mellow, written the way people type, the same in every run.

The reward head labels the model's own samples of them where a studio has few prompts that nobody has judged. No
evaluation uses these texts. The comments are rude as they stand; the grammar of worker/base/texts/rudeness.py makes the
sentences rude. Like real comments they run from a few words to several sentences, and many lack a capital, a full stop
or an apostrophe, so that training also covers such forms.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path

from worker.base.texts.rudeness import outburst, remark, rude_words

COMMENTS_FILE = Path(__file__).with_name("comments.txt")
SENTENCES_FILE = Path(__file__).with_name("sentences.txt")
_SEED = 20
_TWO_SENTENCES = 0.35
_LOWER, _NO_STOP, _NO_APOSTROPHE, _SPACED, _LOUD = 0.5, 0.4, 0.5, 0.3, 0.15


@functools.cache
def shipped_texts() -> tuple[str, ...]:
    """Return every comment, and every sentence made rude, in a random order."""
    chance = random.Random(_SEED)
    comments, sentences = (file.read_text(encoding="utf-8").splitlines() for file in (COMMENTS_FILE, SENTENCES_FILE))
    texts = [*comments, *(_rude(sentence, sentences, chance) for sentence in sentences)]
    chance.shuffle(texts)
    return tuple(dict.fromkeys(_as_typed(text, chance) for text in texts))


def _rude(sentence: str, sentences: Sequence[str], chance: random.Random) -> str:
    """Return the sentence with rude words, an outburst or both, sometimes with another sentence."""
    words, burst = chance.choice([(True, False), (False, True), (True, True)])
    rude = rude_words(sentence, chance) if words else sentence
    rude = outburst(rude, chance) if burst or rude == sentence else rude
    if chance.random() < _TWO_SENTENCES:
        rude = f"{rude} {chance.choice([chance.choice(sentences), remark(chance)[0]])}"
    return rude


def _as_typed(text: str, chance: random.Random) -> str:
    """Return the text as somebody in a hurry might type it."""
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
