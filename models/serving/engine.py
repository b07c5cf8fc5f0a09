"""The loaded model: from texts to samples and log-probabilities, for several requests in one call.

Serving needs CTranslate2 and a tokenizer only; torch is never imported here.

CTranslate2 takes one list of suppressed token sequences per call, so requests that share a call share the union of
theirs. A forbidden word is certainly rude, and no rewrite of another text needs it, unless that text itself holds it
and may keep it (it is polite as a whole): such a text is never sampled together with one that forbids the word. The
other case is a sequence within another word ("ass" in "grass", where the tokenizer splits it so), which the rewrites of
the other text then cannot use, just as the rewrites of the text that forbids it. Where there is a shortlist of tokens,
requests share that too: each may use tokens of another's text.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import WeakMethod

import ctranslate2
from tokenizers import Tokenizer

from models.manners import PLAIN, read_manners
from models.model_errors import InputTooLong
from models.serving.batching import Batcher
from models.serving.neutrality import words
from models.serving.shortlist import read_shortlist, writable

MAX_SOURCE_TOKENS = 512

# CTranslate2 sorts the whole vocabulary to find a nucleus, which takes longer than the model does; to find 256 tokens
# still takes a fifth of a draw. What the 64 likeliest hold, and that rewrites are as good: docs/performance.md.
NUCLEUS_WITHIN = 64

# Most texts, and most source tokens, padding included, of one call. A dozen rows are nearly enough to keep a core busy,
# so more texts gain little and wait for each other; and every row of a call holds the keys and values of its source in
# every layer.
_TEXTS_TOGETHER = 4
_TOKENS_TOGETHER = 1024

# A batch is as wide as its longest pair, and every position of it holds a probability for each word.
_SCORED_AT_ONCE = 32
_PAIRS_TOGETHER = 96

# The byte tokens can spell control characters: they are invisible, PostgreSQL stores no NUL and a text field no return.
_CONTROL_CHARACTERS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}

# CTranslate2's default rules the end out as first token, and all others share its probability: scores would be too
# high. Empty samples are left aside.
_MAY_BE_EMPTY = 0

_END = "</s>"
_SPECIAL_TOKENS = frozenset({_END, "<pad>"})
_SPACE = "▁"
_NO_PIECE = re.compile("<unk>|<0x[0-9A-F]{2}>")
_CACHED_TEXTS = 2048

# ctranslate2.set_random_seed is global to the process; hold this lock until the translator has read it.
_seeding = threading.Lock()

Tokens = tuple[str, ...]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters: softmax temperature, nucleus mass (1 = all), and the k likeliest tokens.

    `top_k` 0 means all, or, with a nucleus, the NUCLEUS_WITHIN likeliest.
    """

    temperature: float = 0.9
    top_p: float = 0.95
    top_k: int = 0


@dataclass(frozen=True)
class Draw:
    """A request for `count` samples of a source at a temperature, none of which holds a forbidden sequence.

    It may ask for several `sets` of so many, drawn in one call and independent of each other. The samples of a set are
    divided evenly among its `manners`, whose number divides `count`.
    """

    source: Tokens
    count: int
    temperature: float
    sampling: Sampling
    forbidden: frozenset[Tokens]
    request: int = 0
    """The number of the request: earlier ones come first, or a request that samples twice would wait twice."""
    sets: int = 1
    manners: tuple[str, ...] = (PLAIN,)


@dataclass(frozen=True)
class Sample:
    """A sampled text, the manner in which it was written, and its log-probability in nats.

    The log-probability is that of all tokens as they were sampled, at temperature 1, in that manner: where sequences
    are forbidden or tokens left out, the others share their probability. The end of sequence is included, unless the
    length limit came before it; then tokens beyond the end of the text may count, too.
    """

    text: str
    log_probability: float
    manner: str = PLAIN


@dataclass(frozen=True)
class Drawn:
    """The different samples of each set of a Draw in the order sampled, the number of the call, and the place in it."""

    sets: tuple[tuple[Sample, ...], ...]
    call: int
    place: int

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Return the samples of the first set, which is the only one of most draws."""
        return self.sets[0]


class Engine:
    """A CTranslate2 model and its tokenizer. All methods may be called from several threads."""

    def __init__(self, folder: Path, *, compute_type: str, threads: int, seed: int) -> None:
        """Load `folder` and sample once, which fixes the seed; raises whatever the libraries raise."""
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # Neither this nor the batchers refer to the engine, so that its memory is freed with its last request.
        self.encode = functools.lru_cache(_CACHED_TEXTS)(functools.partial(_encode, self._tokenizer))
        self._translator = ctranslate2.Translator(
            str(folder), device="auto", compute_type=compute_type, inter_threads=1, intra_threads=threads
        )
        self._shortlist = read_shortlist(folder)
        self._manners = read_manners(folder)
        self._calls = 0
        self._draws = Batcher(_borrowed(self._draw_together), _may_be_drawn_together, lambda draw: draw.request)
        self._scores = Batcher(_borrowed(self._score_together), _may_be_scored_together)
        self._largest_top_k = len(self._shortlist) or self._tokenizer.get_vocab_size()
        with _seeding:
            ctranslate2.set_random_seed(seed)
            self._draw_together([Draw((*self.encode("Good morning"), _END), 1, 1.0, Sampling(), frozenset())])

    @property
    def manners(self) -> tuple[str, ...]:
        """Return the names of the manners beside the plain one."""
        return tuple(self._manners)

    def tokens(self, text: str) -> Tokens:
        """Return the text as tokens with the end of sequence last; raises InputTooLong."""
        tokens = (*self.encode(text), _END)
        if len(tokens) > MAX_SOURCE_TOKENS:
            raise InputTooLong(
                f"The text has {len(tokens)} tokens and the model reads {MAX_SOURCE_TOKENS}: shorten it a little."
            )
        return tokens

    def knows(self, tokens: Tokens) -> bool:
        """Return whether all the tokens are in the vocabulary."""
        return all(self._tokenizer.token_to_id(token) is not None for token in tokens)

    def can_rewrite(self, text: str) -> bool:
        """Return whether a text has words and the vocabulary covers most of them."""
        spelt = [self.spells(word) for word in words(text)]
        return 2 * sum(spelt) >= len(spelt) > 0

    def spells(self, word: str) -> bool:
        """Return whether the vocabulary covers a word: most of its tokens are neither single bytes nor unknown."""
        tokens = [token for token in self.encode(word) if token != _SPACE]
        pieces = sum(
            self._tokenizer.token_to_id(token) is not None and not _NO_PIECE.fullmatch(token) for token in tokens
        )
        return 2 * pieces >= len(tokens)

    def forms(self, found: Iterable[str]) -> frozenset[Tokens]:
        """Return the token sequences of the words, at the start of a word and within one."""
        forms = set()
        for word in found:
            for form in (word, word.capitalize(), word.upper()):
                first, *rest = self.encode(form)
                forms |= {(first, *rest), (first.removeprefix(_SPACE), *rest)}
        return frozenset(row for row in forms if self.knows(row))

    def length(self, text: str) -> int:
        """Return the length in tokens, the end of sequence included."""
        return len(self.encode(text)) + 1

    def draw(self, draw: Draw) -> Drawn:
        """Sample for one source, batched with other waiting requests that fit."""
        return self._draws(draw)

    def log_probabilities(self, prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        """Return log p(completion | prompt) of each pair in nats, end of sequence included; raises InputTooLong."""
        if not prompts:
            return []
        pairs = zip(prompts, completions, strict=True)
        # score_batch adds the end of sequence itself.
        return self._scores([(self.tokens(prompt), self.encode(completion)) for prompt, completion in pairs])

    def search(self, source: Tokens, beam_size: int, forbidden: frozenset[Tokens]) -> tuple[Sample, ...]:
        """Return the different texts among the `beam_size` likeliest that beam search finds, the likeliest first."""
        [result] = self._translator.translate_batch(
            [list(source)],
            beam_size=beam_size,
            num_hypotheses=beam_size,
            use_vmap=bool(self._shortlist),
            suppress_sequences=self._suppressed(forbidden, [source]),
            max_input_length=0,
            max_decoding_length=_longest_rewrite(source),
            min_decoding_length=_MAY_BE_EMPTY,
            return_scores=True,
        )
        means = zip(result.hypotheses, result.scores, strict=True)
        scored = [(tokens, mean * (len(tokens) + 1)) for tokens, mean in means]  # + 1: the end of sequence
        return self._samples(source, scored)

    def text(self, tokens: Sequence[str]) -> str:
        """Return the text that the tokens spell, without control characters."""
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        text: str = self._tokenizer.decode([number for number in ids if number is not None])
        return text.translate(_CONTROL_CHARACTERS).strip()

    def can_read(self, text: str) -> bool:
        """Return whether a text fits into the model again; invalid UTF-8 takes more tokens than were sampled."""
        return len(self.encode(text)) < MAX_SOURCE_TOKENS

    def _draw_together(self, draws: Sequence[Draw]) -> list[Drawn]:
        """Sample for all requests in one call; they may differ in source, request number and forbidden sequences."""
        self._calls += 1
        first, forbidden = draws[0], frozenset().union(*(draw.forbidden for draw in draws))
        sampling = first.sampling
        likeliest = sampling.top_k or (NUCLEUS_WITHIN if sampling.top_p < 1 else 0)
        rows = [(draw.source, manner) for draw in draws for _ in range(draw.sets) for manner in draw.manners]
        in_each = first.count // len(first.manners)
        results = self._translator.translate_batch(
            [list(source) for source, _ in rows],
            target_prefix=[self._code(manner) for _, manner in rows] if self._manners else None,
            beam_size=1,
            num_hypotheses=1 if sampling.top_k == 1 else in_each,  # the likeliest token is the same each time
            sampling_temperature=first.temperature,
            sampling_topp=sampling.top_p,
            sampling_topk=min(likeliest, self._largest_top_k),
            use_vmap=bool(self._shortlist),
            suppress_sequences=self._suppressed(forbidden, [draw.source for draw in draws]),
            max_input_length=0,
            max_decoding_length=max(_longest_rewrite(draw.source) for draw in draws),
            min_decoding_length=_MAY_BE_EMPTY,
            return_scores=True,
            length_penalty=0,  # or the scores would be means
        )
        waiting = iter(results)

        def next_set(draw: Draw) -> tuple[Sample, ...]:
            found: dict[str, Sample] = {}
            for manner, result in zip(draw.manners, waiting, strict=False):
                scored = zip(result.hypotheses, result.scores, strict=True)
                for sample in self._samples(draw.source, scored, manner):
                    found.setdefault(sample.text, sample)
            return tuple(found.values())

        return [
            Drawn(tuple(next_set(draw) for _ in range(draw.sets)), self._calls, place)
            for place, draw in enumerate(draws)
        ]

    def _code(self, manner: str) -> list[str]:
        """Return the tokens with which every rewrite in a manner begins."""
        return [] if manner == PLAIN else [self._manners[manner]]

    def _suppressed(self, forbidden: frozenset[Tokens], sources: Sequence[Tokens]) -> list[list[str]] | None:
        found = writable(forbidden, self._shortlist, sources) if self._shortlist else forbidden
        return [list(sequence) for sequence in sorted(found)] or None

    def _samples(
        self, source: Tokens, scored: Iterable[tuple[Sequence[str], float]], manner: str = PLAIN
    ) -> tuple[Sample, ...]:
        """Decode the tokens, each text once; `scored` are tokens with their log-probabilities."""
        longest, before = _longest_rewrite(source), len(self._code(manner))
        samples: dict[str, Sample] = {}
        for tokens, score in {tuple(tokens[before:]): score for tokens, score in scored}.items():
            text = self.text(tokens[:longest])
            if text and text not in samples and self.can_read(text):
                samples[text] = Sample(text, score, manner)
        return tuple(samples.values())

    def _score_together(self, requests: Sequence[Sequence[tuple[Tokens, Tokens]]]) -> list[list[float]]:
        """Score all pairs in one call; returns the scores of each request's pairs."""
        pairs = [pair for request in requests for pair in request]
        results = self._translator.score_batch(
            [list(source) for source, _ in pairs],
            [list(target) for _, target in pairs],
            max_batch_size=_SCORED_AT_ONCE,
            max_input_length=0,
        )
        scores = iter(results)
        return [[float(sum(next(scores).log_probs)) for _ in request] for request in requests]


def _borrowed(method: Callable[[Sequence[Item]], list[Result]]) -> Callable[[Sequence[Item]], list[Result]]:
    """Return a method as a function that does not keep its object in memory; its callers must hold the object, or
    get a ReferenceError."""
    held = WeakMethod(method)

    def call(items: Sequence[Item]) -> list[Result]:
        bound = held()
        if bound is None:
            raise ReferenceError("The model was removed from memory while it was in use.")
        return bound(items)

    return call


def _encode(tokenizer: Tokenizer, text: str) -> Tokens:
    """Return the text as tokens without the end; drops special tokens, so that a text cannot end itself."""
    encoded = tokenizer.encode(text, add_special_tokens=False).tokens
    return tuple(token for token in encoded if token not in _SPECIAL_TOKENS)


def _longest_rewrite(source: Sequence[str]) -> int:
    """Return the most tokens of a rewrite, which may be longer than its source but not without limit."""
    return min(MAX_SOURCE_TOKENS - 1, 2 * len(source) + 16)


def _may_be_drawn_together(draws: Sequence[Draw], another: Draw) -> bool:
    first = draws[0]
    together = (*draws, another)
    longest, sets = max(len(draw.source) for draw in together), sum(draw.sets for draw in together)
    return (
        (first.count, first.temperature, first.sampling) == (another.count, another.temperature, another.sampling)
        and len(first.manners) == len(another.manners)
        and sets <= _TEXTS_TOGETHER
        and sets * len(first.manners) * longest <= _TOKENS_TOGETHER
        and not any(_forbids_words_of(draw, another) or _forbids_words_of(another, draw) for draw in draws)
    )


def _forbids_words_of(one: Draw, other: Draw) -> bool:
    """Return whether a sequence that `one` forbids is in the source of `other`, which may keep it."""
    present = set(other.source)
    return any(
        sequence[0] in present and _occurs(sequence, other.source) for sequence in one.forbidden - other.forbidden
    )


def _occurs(sequence: Tokens, tokens: Tokens) -> bool:
    size = len(sequence)
    return any(tokens[start : start + size] == sequence for start in range(len(tokens) - size + 1))


def _may_be_scored_together(requests: Sequence[Sequence[object]], another: Sequence[object]) -> bool:
    return sum(map(len, requests)) + len(another) <= _PAIRS_TOGETHER
