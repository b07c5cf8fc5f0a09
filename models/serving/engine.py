"""The loaded model: texts in, samples and log-probabilities out, for several requests in one call.

Serving needs CTranslate2 and a tokenizer only; torch is never imported here.

CTranslate2 takes one list of forbidden token sequences a call, so those who share a call share the union of theirs.
A word that is forbidden is rude beyond doubt, and no rewrite of another text has need of it, unless that text itself
holds it and may keep it (it is polite as a whole): such a text is never drawn beside one that forbids the word. What is
left is a sequence within another word ("ass" in "grass", where the tokenizer splits it so), which the rewrite of
another text then does without for once, as the text's own rewrites always do. Where there is a shortlist of tokens,
they share that too: each may use what stands in another's text.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
from tokenizers import Tokenizer

from models.errors import InputTooLong
from models.serving.batching import Batcher
from models.serving.shortlist import read_shortlist, writable

MAX_SOURCE_TOKENS = 512

# CTranslate2 sorts the whole vocabulary to find a nucleus, which takes longer than the model does. At temperature 0.9
# the 256 likeliest tokens of the embedded model hold 99.9 % of the mass, and the nucleus in 99.6 % of all steps.
NUCLEUS_WITHIN = 256

# Who share a call: no more texts than this, nor more tokens of source, padding included. A dozen rows are nearly enough
# to keep a core busy, so that more texts gain little and wait for each other; and every row of a call keeps the keys
# and values of its source in every layer.
_TEXTS_TOGETHER = 4
_TOKENS_TOGETHER = 1024

# A batch is as wide as its longest pair, and every position of it holds a probability for each word.
_SCORED_AT_ONCE = 32
_PAIRS_TOGETHER = 96

# The byte tokens can spell control characters: nobody sees them, PostgreSQL stores no NUL and a text field no return.
_UNSEEN = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}

_END = "</s>"
_SPECIAL_TOKENS = frozenset({_END, "<pad>"})
_SPACE = "▁"
_NO_PIECE = re.compile("<unk>|<0x[0-9A-F]{2}>")
_REMEMBERED = 2048

# ctranslate2.set_random_seed is one value for the whole process; hold it until the translator has taken it.
_seeding = threading.Lock()

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Sampling:
    """How to draw: softmax temperature, nucleus mass (1 = all), and the k likeliest tokens.

    `top_k` 0 means all, or as many as the nucleus needs, which is looked for among the NUCLEUS_WITHIN likeliest.
    """

    temperature: float = 0.9
    top_p: float = 0.95
    top_k: int = 0


@dataclass(frozen=True)
class Draw:
    """What to draw: `count` samples for a source at a temperature, none of which holds a forbidden sequence."""

    source: Tokens
    count: int
    temperature: float
    sampling: Sampling
    forbidden: frozenset[Tokens]
    request: int = 0
    """The number of the request: earlier ones come first, or whoever draws twice would wait twice."""


@dataclass(frozen=True)
class Sample:
    """A sampled text and what is known of log p(text | source) in nats, end of sequence included.

    It is at most `at_most` (probabilities are shared out anew where sequences are forbidden, or tokens left out), and
    exactly that if `exact`. `drawn` is the log-probability of the tokens as they were drawn, which may be other ones
    than those the text is encoded to.
    """

    text: str
    at_most: float
    exact: bool
    drawn: float = 0.0


@dataclass(frozen=True)
class Drawn:
    """The different samples of a Draw in the order drawn; which call of the model it was, and its place there."""

    samples: tuple[Sample, ...]
    call: int
    place: int


class Engine:
    """A CTranslate2 model and its tokenizer. All methods may be called from several threads."""

    def __init__(self, folder: Path, *, compute_type: str, threads: int, seed: int) -> None:
        """Load `folder` and draw once, which takes the seed; raises whatever the libraries raise."""
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # Neither holds the engine, whose memory goes with its last request.
        self.encode = functools.lru_cache(_REMEMBERED)(functools.partial(_encode, self._tokenizer))
        self._translator = ctranslate2.Translator(
            str(folder), device="auto", compute_type=compute_type, inter_threads=1, intra_threads=threads
        )
        self._shortlist = read_shortlist(folder)
        self._calls = 0
        self._draws = Batcher(self._draw_together, _may_be_drawn_together, lambda draw: draw.request)
        self._scores = Batcher(self._score_together, _may_be_scored_together)
        self._most_tokens = len(self._shortlist) or self._tokenizer.get_vocab_size()
        with _seeding:
            ctranslate2.set_random_seed(seed)
            self._draw_together([Draw((*self.encode("Good morning"), _END), 1, 1.0, Sampling(), frozenset())])

    def tokens(self, text: str) -> Tokens:
        """The text as tokens with the end of sequence last; raises InputTooLong."""
        tokens = (*self.encode(text), _END)
        if len(tokens) > MAX_SOURCE_TOKENS:
            raise InputTooLong(
                f"The text has {len(tokens)} tokens and the model reads {MAX_SOURCE_TOKENS}: shorten it a little."
            )
        return tokens

    def knows(self, tokens: Tokens) -> bool:
        """Whether all the tokens are in the vocabulary."""
        return all(self._tokenizer.token_to_id(token) is not None for token in tokens)

    def spells(self, word: str) -> bool:
        """Whether the vocabulary is made for a word: most of its tokens are neither single bytes nor unknown."""
        tokens = [token for token in self.encode(word) if token != _SPACE]
        pieces = sum(
            self._tokenizer.token_to_id(token) is not None and not _NO_PIECE.fullmatch(token) for token in tokens
        )
        return 2 * pieces >= len(tokens)

    def draw(self, draw: Draw) -> Drawn:
        """Samples for one source; drawn together with whatever else waits and fits."""
        return self._draws(draw)

    def log_probabilities(self, prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        """log p(completion | prompt) in nats, end of sequence included, one number a pair; raises InputTooLong."""
        if not prompts:
            return []
        pairs = zip(prompts, completions, strict=True)
        # score_batch adds the end of sequence itself.
        return self._scores([(self.tokens(prompt), self.encode(completion)) for prompt, completion in pairs])

    def search(self, source: Tokens, beam_size: int, forbidden: frozenset[Tokens]) -> tuple[Sample, ...]:
        """The different texts among the `beam_size` likeliest that beam search finds, the likeliest first."""
        [result] = self._translator.translate_batch(
            [list(source)],
            beam_size=beam_size,
            num_hypotheses=beam_size,
            use_vmap=bool(self._shortlist),
            suppress_sequences=self._suppressed(forbidden, [source]),
            max_input_length=0,
            max_decoding_length=_longest_rewrite(source),
            return_scores=True,
        )
        means = zip(result.hypotheses, result.scores, strict=True)
        scored = [(tokens, mean * (len(tokens) + 1)) for tokens, mean in means]  # the end counts
        return self._samples(source, scored, forbidden)

    def text(self, tokens: Sequence[str]) -> str:
        """The text that the tokens spell, without what nobody sees."""
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        text: str = self._tokenizer.decode([number for number in ids if number is not None])
        return text.translate(_UNSEEN).strip()

    def can_read(self, text: str) -> bool:
        """Whether the model could read its own rewrite: bytes that are no UTF-8 take more tokens than were drawn."""
        return len(self.encode(text)) < MAX_SOURCE_TOKENS

    def _draw_together(self, draws: Sequence[Draw]) -> list[Drawn]:
        """One call for all; they agree on all but the source, its length and what is forbidden."""
        self._calls += 1
        first, forbidden = draws[0], frozenset().union(*(draw.forbidden for draw in draws))
        sampling = first.sampling
        likeliest = sampling.top_k or (NUCLEUS_WITHIN if sampling.top_p < 1 else 0)
        results = self._translator.translate_batch(
            [list(draw.source) for draw in draws],
            beam_size=1,
            num_hypotheses=1 if sampling.top_k == 1 else first.count,  # the likeliest token is the same each time
            sampling_temperature=first.temperature,
            sampling_topp=sampling.top_p,
            sampling_topk=min(likeliest, self._most_tokens),
            use_vmap=bool(self._shortlist),
            suppress_sequences=self._suppressed(forbidden, [draw.source for draw in draws]),
            max_input_length=0,
            max_decoding_length=max(_longest_rewrite(draw.source) for draw in draws),
            return_scores=True,
            length_penalty=0,  # or the scores would be means
        )
        return [
            Drawn(
                self._samples(draw.source, zip(result.hypotheses, result.scores, strict=True), forbidden),
                self._calls,
                place,
            )
            for place, (draw, result) in enumerate(zip(draws, results, strict=True))
        ]

    def _suppressed(self, forbidden: frozenset[Tokens], sources: Sequence[Tokens]) -> list[list[str]] | None:
        found = writable(forbidden, self._shortlist, sources) if self._shortlist else forbidden
        return [list(sequence) for sequence in sorted(found)] or None

    def _samples(
        self, source: Tokens, scored: Iterable[tuple[Sequence[str], float]], forbidden: frozenset[Tokens]
    ) -> tuple[Sample, ...]:
        """What can be read of the tokens, each text once. One that takes other tokens than were found is unscored."""
        longest, free = _longest_rewrite(source), not forbidden and not self._shortlist
        scores = {tuple(tokens): score for tokens, score in scored}
        samples: dict[str, Sample] = {}
        for tokens, score in scores.items():
            text = self.text(tokens[:longest])
            if text and text not in samples and self.can_read(text):
                known = len(tokens) < longest and self.encode(text) == tokens
                samples[text] = Sample(text, score if known else 0.0, exact=known and free, drawn=score)
        return tuple(samples.values())

    def _score_together(self, requests: Sequence[Sequence[tuple[Tokens, Tokens]]]) -> list[list[float]]:
        """One call for all; the scores of each request's pairs."""
        pairs = [pair for request in requests for pair in request]
        results = self._translator.score_batch(
            [list(source) for source, _ in pairs],
            [list(target) for _, target in pairs],
            max_batch_size=_SCORED_AT_ONCE,
            max_input_length=0,
        )
        scores = iter(results)
        return [[float(sum(next(scores).log_probs)) for _ in request] for request in requests]


def _encode(tokenizer: Tokenizer, text: str) -> Tokens:
    """The text as tokens, without an end; a text that spells a special token must not end itself."""
    encoded = tokenizer.encode(text, add_special_tokens=False).tokens
    return tuple(token for token in encoded if token not in _SPECIAL_TOKENS)


def _longest_rewrite(source: Sequence[str]) -> int:
    """In tokens: a rewrite may be longer than its source, but not without end."""
    return min(MAX_SOURCE_TOKENS - 1, 2 * len(source) + 16)


def _may_be_drawn_together(draws: Sequence[Draw], another: Draw) -> bool:
    first = draws[0]
    longest = max(len(draw.source) for draw in (*draws, another))
    return (
        (first.count, first.temperature, first.sampling) == (another.count, another.temperature, another.sampling)
        and len(draws) < _TEXTS_TOGETHER
        and (len(draws) + 1) * longest <= _TOKENS_TOGETHER
        and not any(_takes_from(draw, another) or _takes_from(another, draw) for draw in draws)
    )


def _takes_from(one: Draw, other: Draw) -> bool:
    """Whether what `one` forbids stands in the source of `other`, which may keep it."""
    present = set(other.source)
    return any(
        sequence[0] in present and _occurs(sequence, other.source) for sequence in one.forbidden - other.forbidden
    )


def _occurs(sequence: Tokens, tokens: Tokens) -> bool:
    size = len(sequence)
    return any(tokens[start : start + size] == sequence for start in range(len(tokens) - size + 1))


def _may_be_scored_together(requests: Sequence[Sequence[object]], another: Sequence[object]) -> bool:
    return sum(map(len, requests)) + len(another) <= _PAIRS_TOGETHER
