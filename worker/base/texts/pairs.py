"""Training pairs of input and target text, for both phases.

The first phase restores toxified fragments. The second is ParaDetox, mixed with whole toxified sentences, short insults
and plain copies so that polite text is still returned unchanged.
"""

import random
import re
from collections.abc import Callable, Sequence
from functools import partial

from worker.base.build.curriculum import SHORTEST, WHOLE_SENTENCE
from worker.base.texts.corpus import Corpus, Row
from worker.base.texts.held_out import Pair, unmeasured
from worker.base.texts.lexicon import Lexicon
from worker.base.texts.phrases import short_insult
from worker.base.texts.rudeness import remark
from worker.base.texts.tidy import tidy
from worker.base.texts.toxify import Toxifier

_SHARE_COPIED = 0.1
_SHARE_DECORATED = 0.07
_LONGEST_SENTENCE = 50
_FACES = range(0x1F600, 0x1F650)
# Accented Latin, Greek, Cyrillic, kana and Chinese characters.
_LETTERS = [range(0xC0, 0x180), range(0x391, 0x3CA), range(0x410, 0x450), range(0x3041, 0x3097), range(0x4E00, 0x9FA6)]
_HEARTS = ["❤️", "💔", "🎉", "🔥", "💩", "👏🏽", "🙄", "👍"]
_SPACED_MARK = re.compile(r"\s+([,.!?;:)])")
_SPLIT_CONTRACTION = re.compile(r"\b(\w+) (n't|'(?:s|re|m|ll|ve|d))\b", re.IGNORECASE)
_LONE_I = re.compile(r"\bi\b(?=[ '])")


def typed(text: str) -> str:
    """Return corpus text as people type it: no space before a mark, sentence case."""
    text = _SPLIT_CONTRACTION.sub(r"\1\2", _SPACED_MARK.sub(r"\1", text))
    text = _LONE_I.sub("I", text)
    return text[:1].upper() + text[1:]


def with_rare_characters(pair: Pair, rng: random.Random) -> Pair:
    """Append the same emoji or foreign letters to both sides: they are spelt in bytes, which take practice to copy."""
    kind = rng.random()
    if kind < 0.4:
        rare = chr(rng.choice(_FACES)) * rng.choice([1, 1, 2, 3])
    elif kind < 0.6:
        rare = rng.choice(_HEARTS)
    else:
        letters = rng.choice(_LETTERS)
        rare = "".join(chr(rng.choice(letters)) for _ in range(rng.randint(1, 6)))
    tail = rng.choice([" ", " ", "", "\n"]) + rare
    return pair[0] + tail, pair[1] + tail


_MARKUP = [
    "<p>{text}</p>", "<b>{text}</b>", "<div>{text}</div>", "<li>{text}</li>", "<h1>{text}</h1>", "<em>{text}</em>",
    '{text} <a href="https://{name}.com/{number}">{name}</a>', "{text} https://www.{name}.org/wiki?id={number}",
    "https://{name}.io/a/{number} {text}", 'print("{text}")', "# {text}", "// {text}", "return '{text}';",
    '{{"{name}": "{text}"}}', "if {name} == {number}: {name}()", "for (int i = 0; i < {number}; i++) {{ {name}[i]; }}",
    "def {name}(x): return x + {number}", "SELECT {name} FROM t;", "/{name}/src/{number}.py {text}", "$ cat {name}.txt",
]  # fmt: skip


def marked_up(text: str, rng: random.Random) -> str:
    """Return the text with or replaced by something that is not prose: HTML, a link, a path, a line of code."""
    name = rng.choice(text.split(" ")).strip(".,!?'\"{}") or "item"
    return rng.choice(_MARKUP).format(text=text, name=name, number=rng.randint(0, 999))


def detox_pairs(rows: Sequence[Row], lexicon: Lexicon) -> list[Pair]:
    """Pair every source with each rewrite that is no copy and, if any such exists, is free of toxic words."""
    pairs: list[Pair] = []
    for row in rows:
        changed = [text for text in row.rewrites if text.casefold() != row.toxic.casefold()]
        clean = [text for text in changed if not lexicon.is_toxic(text)]
        pairs.extend((row.toxic, text) for text in clean or changed)
    return pairs


class PairSource:
    """Draws training pairs from the corpus, with the caller's random generator alone."""

    def __init__(self, corpus: Corpus, lexicon: Lexicon, selected: Sequence[Pair] = ()) -> None:
        """Prepare the mixture; `selected` are rewrites of an earlier model that the selection kept (see `select`)."""
        self._toxifier = Toxifier(lexicon)
        self._selected = list(selected)
        self._detox = detox_pairs(corpus.train, lexicon)
        rewrites = [polite for _, polite in self._detox]
        self._neutral = [
            text
            for text in dict.fromkeys([*corpus.neutral, *rewrites])
            if SHORTEST <= len(text.split()) <= _LONGEST_SENTENCE and not lexicon.is_toxic(text)
        ]
        self._mixture: list[tuple[float, Callable[[random.Random], Pair]]] = [
            (0.55 if selected else 0.0, self._rewrite_as_selected),
            (0.08 if selected else 0.42, self._rewrite),
            (0.08 if selected else 0.26, self._restore_sentence),
            (0.12, self._copy),
            (0.05, self._rewrite_in_context),
            (0.05, short_insult),
            (0.06, self._remark),
        ]

    def fragment(self, length: int, rng: random.Random) -> Pair:
        """Draw a fragment of at most this many words: mostly to restore, sometimes to copy."""
        return unmeasured(partial(self._fragment, length), rng)

    def mixed(self, rng: random.Random) -> Pair:
        """Draw a pair for the second phase."""
        return unmeasured(self._mixed, rng)

    def _fragment(self, length: int, rng: random.Random) -> Pair:
        text = typed(rng.choice(self._neutral)) if rng.random() < 0.3 else rng.choice(self._neutral)
        words = text.split(" ")
        if length < WHOLE_SENTENCE:
            size = min(rng.randint(SHORTEST, length), len(words))
            start = rng.randint(0, len(words) - size)
            text = " ".join(words[start : start + size])
        toxic = text if rng.random() < _SHARE_COPIED else self._toxifier.toxify_sentence(text, rng)
        return self._decorated((toxic, text), rng)

    def _mixed(self, rng: random.Random) -> Pair:
        weights = [weight for weight, _ in self._mixture]
        draw = rng.choices([draw for _, draw in self._mixture], weights)[0]
        return self._decorated(draw(rng), rng)

    def _decorated(self, pair: Pair, rng: random.Random) -> Pair:
        return with_rare_characters(pair, rng) if rng.random() < _SHARE_DECORATED else pair

    def _rewrite(self, rng: random.Random) -> Pair:
        toxic, polite = rng.choice(self._detox)
        polite = tidy(polite) or polite
        if rng.random() < 0.4:
            toxic = typed(toxic)
        if rng.random() < 0.03:
            return toxic.upper(), polite
        return self._toxifier.disguise_toxic(toxic, 0.04, rng), polite

    def _rewrite_as_selected(self, rng: random.Random) -> Pair:
        toxic, polite = rng.choice(self._selected)
        polite = tidy(polite) or polite
        kind = rng.random()
        if kind < 0.3:
            return typed(toxic), polite
        if kind < 0.33:
            return toxic.upper(), polite
        return self._toxifier.disguise_toxic(toxic, 0.04, rng), polite

    def _remark(self, rng: random.Random) -> Pair:
        """Draw a rude remark about somebody, alone or beside a polite sentence."""
        toxic, polite = remark(rng)
        if rng.random() >= 0.3:
            return toxic, polite
        beside = self._polite(rng)
        if rng.random() < 0.5:
            return f"{toxic} {beside}", f"{polite} {beside}"
        return f"{beside} {toxic}", f"{beside} {polite}"

    def _restore_sentence(self, rng: random.Random) -> Pair:
        text = self._polite(rng)
        return self._toxifier.toxify_sentence(text, rng), text

    def _copy(self, rng: random.Random) -> Pair:
        text = self._polite(rng)
        if rng.random() < 0.15:
            text = " ".join(text.split(" ")[: rng.randint(0, 3)])
        elif rng.random() < 0.05:
            text = text.upper()
        elif rng.random() < 0.1:
            text = marked_up(text, rng)
        return text, text

    def _rewrite_in_context(self, rng: random.Random) -> Pair:
        """Draw a toxic sentence beside a polite one, which must stay unchanged."""
        rewrite = self._rewrite_as_selected if self._selected else self._rewrite
        toxic, polite = short_insult(rng) if rng.random() < 0.3 else rewrite(rng)
        beside, joint = typed(self._polite(rng)), rng.choice([" ", " ", "\n", "\n\n"])
        if rng.random() < 0.5:
            return f"{beside}{joint}{toxic}", f"{beside}{joint}{polite}"
        return f"{toxic}{joint}{beside}", f"{polite}{joint}{beside}"

    def _polite(self, rng: random.Random) -> str:
        text = rng.choice(self._neutral)
        return typed(text) if rng.random() < 0.4 else text
