"""One loaded version: text → candidates with their log-probabilities.

Serving needs CTranslate2 and a tokenizer only; torch is never imported here.

Randomness: CTranslate2 starts the random generator of a translator's thread once, at that thread's first draw, and
cannot start it again. A Generator therefore has one seed, set while it warms up, and numbers its draws: the same seed
and the same draws give the same candidates. Not covered: making one draw again without those before it.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ctranslate2
from tokenizers import Tokenizer

from models import choosing
from models.errors import InputTooLong, LoadError
from models.pieces import margins, pieces, plain

CANDIDATES = 3
MAX_SOURCE_TOKENS = 512
_WARM_UP_TEXT = "Good morning, how are you?"

# More than are shown, to choose from; then again, and wider, if too few of them differ and are neutral.
_ROUNDS = ((12, 1.0), (16, 1.25), (24, 1.6))

# In tokens. The embedded model was trained on texts of a sentence or two; it loses its way in longer ones.
_LONGEST_PIECE = 64

# A batch is as wide as its longest pair, and every position of it holds a probability for each word.
_SCORED_AT_ONCE = 32

# The byte tokens can spell control characters: nobody sees them, PostgreSQL stores no NUL and a text field no return.
_UNSEEN = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}

_END = "</s>"
_SPECIAL_TOKENS = frozenset({_END, "<pad>"})

# ctranslate2.set_random_seed is one value for the whole process; hold it until the translator has taken it.
_seeding = threading.Lock()


@dataclass(frozen=True)
class Sampling:
    """How to draw: softmax temperature, nucleus mass (1 = all), and the k likeliest tokens (0 = all)."""

    temperature: float = 0.9
    top_p: float = 0.95
    top_k: int = 0


@dataclass(frozen=True)
class ScoredText:
    """A rewrite and the log-probability, in nats, that the model itself (temperature 1) gives to all its tokens."""

    text: str
    log_probability: float


@dataclass(frozen=True)
class Screen:
    """The outcome of one draw: distinct candidates in the order drawn, and what it takes to draw them again.

    `exhausted` says that the model could not write as many different rewrites as were wanted.
    """

    candidates: tuple[ScoredText, ...]
    exhausted: bool
    sampling: dict[str, Any]
    seed: int
    milliseconds: float


def wording(text: str) -> str:
    """What is left of a text when case, punctuation and spacing do not count: equal wordings are one rewrite."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in folded).split()
    return " ".join(words) or folded.strip()


class Generator:
    """A version in memory. All methods may be called from several threads."""

    def __init__(
        self, folder: Path, version: int, *, compute_type: str = "float32", threads: int = 0, seed: int | None = None
    ) -> None:
        """Load the CTranslate2 model and tokenizer.json in `folder` and draw once; raises LoadError.

        `threads` is the number of cores one draw uses (0 lets CTranslate2 choose).
        """
        self.version = version
        self.seed = secrets.randbits(31) | 1 if seed is None else seed
        self._drawing = threading.Lock()
        self._draws = 0
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._translator = ctranslate2.Translator(
                str(folder), device="auto", compute_type=compute_type, inter_threads=1, intra_threads=threads
            )
            with _seeding:
                ctranslate2.set_random_seed(self.seed)
                self.generate(_WARM_UP_TEXT, Sampling())
        except Exception as error:  # the libraries raise bare exceptions for damaged files
            raise LoadError(f"Version {version} cannot be loaded: {error}") from error

    def generate(self, text: str, sampling: Sampling, wanted: int = CANDIDATES) -> Screen:
        """Draw rewrites of `text` and choose up to `wanted` that differ in wording, in no particular order.

        A copy of the text itself is let through only if the text is polite or if there are too few others. Of a text
        of many sentences the rude ones are rewritten, each by itself. Raises InputTooLong.
        """
        self.tokens(text)
        started = time.perf_counter()
        rounds: list[dict[str, float]] = []
        with self._drawing:
            self._draws += 1
            draw = self._draws
            chosen = self._by_pieces(text, lambda piece: self._draw(piece, sampling, wanted, rounds), wanted)
        scores = self.log_probabilities([text] * len(chosen), chosen)
        candidates = [ScoredText(rewrite, score) for rewrite, score in zip(chosen, scores, strict=True)]
        copied = wording(text) in map(wording, chosen)
        random.Random(f"{self.seed}:{draw}").shuffle(candidates)  # or the first card would always be the best
        return Screen(
            candidates=tuple(candidates),
            exhausted=len(chosen) < wanted or (copied and not choosing.is_polite(text)),
            sampling={**asdict(sampling), "rounds": rounds, "draw": draw},
            seed=self.seed,
            milliseconds=(time.perf_counter() - started) * 1000,
        )

    def log_probabilities(self, prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        """log p(completion | prompt) in nats, end of sequence included, one number a pair."""
        if not prompts:
            return []
        # score_batch adds the end of sequence itself.
        targets = [self._encode(completion) for completion in completions]
        sources = [self.tokens(prompt) for prompt in prompts]
        results = self._translator.score_batch(sources, targets, max_batch_size=_SCORED_AT_ONCE, max_input_length=0)
        return [float(sum(result.log_probs)) for result in results]

    def best(self, text: str, beam_size: int = 8) -> str:
        """The best rewrite of `text` among the `beam_size` likeliest that beam search finds; raises InputTooLong."""
        self.tokens(text)
        return self._by_pieces(text, lambda piece: self._search(piece, beam_size), 1)[0]

    def _by_pieces(self, text: str, rewrites_of: Callable[[str], list[str]], wanted: int) -> list[str]:
        """Up to `wanted` rewrites of different wording, put together from those of the pieces of a long text.

        Pieces that are polite stay; if all are, the least polite one is rewritten.
        """
        parts = [margins(piece) for piece in pieces(text, _LONGEST_PIECE, lambda piece: len(self._encode(piece)))]
        if parts == [("", text, "")] and plain(text) == text:
            return _as_typed(rewrites_of(text), text)
        rude = choosing.rude_places([plain(body) for _, body, _ in parts])
        options = [
            (_as_typed(rewrites_of(plain(body)), body) if place in rude else []) or [body]
            for place, (_, body, _) in enumerate(parts)
        ]
        together: dict[str, str] = {}
        for turn in range(wanted):
            bodies = [some[turn % len(some)] for some in options]
            whole = "".join(f"{before}{body}{after}" for body, (before, _, after) in zip(bodies, parts, strict=True))
            if self._can_be_read(whole):
                together.setdefault(wording(whole), whole)
        return list(together.values()) or [text]

    def _draw(self, text: str, sampling: Sampling, wanted: int, rounds: list[dict[str, float]]) -> list[str]:
        """Up to `wanted` sampled rewrites of `text`, the best one first; adds to `rounds` what it took.

        A polite text that the model would leave as it is is not pressed for others.
        """
        source, forbidden, polite = self.tokens(text), self._forbidden(text), choosing.is_polite(text)
        drawn: dict[str, str] = {}
        for count, widening in _ROUNDS:
            temperature = sampling.temperature * widening
            rounds.append({"samples": count, "temperature": temperature})
            for rewrite in self._sample(source, count, temperature, sampling, forbidden):
                drawn.setdefault(wording(rewrite), rewrite)
            others = [rewrite for key, rewrite in drawn.items() if key != wording(text)]
            if choosing.enough(text, others, wanted) or (polite and len(others) < len(drawn)):
                break
        copy = drawn.pop(wording(text), None)
        if copy is not None and (len(drawn) < wanted or polite):
            drawn[wording(text)] = copy
        return self._chosen(text, list(drawn.values()), wanted)

    def _search(self, text: str, beam_size: int) -> list[str]:
        """The best of the likeliest rewrites of `text`."""
        source = self.tokens(text)
        result = self._translator.translate_batch(
            [source],
            beam_size=beam_size,
            num_hypotheses=beam_size,
            suppress_sequences=self._forbidden(text),
            max_input_length=0,
            max_decoding_length=_longest_rewrite(source),
        )
        return self._chosen(text, list(dict.fromkeys(map(self._text, result[0].hypotheses))), 1)

    def _chosen(self, text: str, texts: Sequence[str], wanted: int) -> list[str]:
        """The rewrites to show, the best one first."""
        scores = self.log_probabilities([text] * len(texts), texts)
        lengths = [len(self._encode(rewrite)) + 1 for rewrite in texts]
        rewrites = [
            choosing.Rewrite(rewrite, score / length)
            for rewrite, score, length in zip(texts, scores, lengths, strict=True)
        ]
        return [texts[place] for place in choosing.choose(text, rewrites, wanted)]

    def tokens(self, text: str) -> list[str]:
        """The text as tokens with the end of sequence last; raises InputTooLong."""
        tokens = [*self._encode(text), _END]
        if len(tokens) > MAX_SOURCE_TOKENS:
            raise InputTooLong(
                f"The text has {len(tokens)} tokens and the model reads {MAX_SOURCE_TOKENS}: shorten it a little."
            )
        return tokens

    def _encode(self, text: str) -> list[str]:
        """The text as tokens, without an end; a text that spells a special token must not end itself."""
        encoded = self._tokenizer.encode(text, add_special_tokens=False).tokens
        return [token for token in encoded if token not in _SPECIAL_TOKENS]

    def _forbidden(self, text: str) -> list[list[str]] | None:
        """The rude words of a text as tokens, at the start of a word and within one; None if there are none."""
        found = []
        for word in choosing.rude_words(text):
            for form in (word, word.capitalize(), word.upper()):
                first, *rest = self._encode(form)
                found += [[first, *rest], [first.removeprefix("▁"), *rest]]
        known = [row for row in found if all(self._tokenizer.token_to_id(token) is not None for token in row)]
        return known or None

    def _sample(
        self, source: list[str], count: int, temperature: float, sampling: Sampling, forbidden: list[list[str]] | None
    ) -> list[str]:
        result = self._translator.translate_batch(
            [source],
            beam_size=1,
            num_hypotheses=1 if sampling.top_k == 1 else count,  # the likeliest token is one and the same each time
            sampling_temperature=temperature,
            sampling_topp=sampling.top_p,
            sampling_topk=sampling.top_k,
            suppress_sequences=forbidden,
            max_input_length=0,
            max_decoding_length=_longest_rewrite(source),
        )
        texts = [self._text(hypothesis) for hypothesis in result[0].hypotheses]
        return [text for text in texts if text and self._can_be_read(text)]

    def _text(self, tokens: Sequence[str]) -> str:
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        text: str = self._tokenizer.decode([number for number in ids if number is not None])
        return text.translate(_UNSEEN).strip()

    def _can_be_read(self, text: str) -> bool:
        """Whether the model could read its own rewrite: bytes that are no UTF-8 take more tokens than were drawn."""
        try:
            self.tokens(text)
        except InputTooLong:
            return False
        return True


def _longest_rewrite(source: Sequence[str]) -> int:
    """In tokens: a rewrite may be longer than its source, but not without end."""
    return min(MAX_SOURCE_TOKENS - 1, 2 * len(source) + 16)


def _as_typed(rewrites: Sequence[str], body: str) -> list[str]:
    """The rewrites of a piece, of which one in the same words is the piece itself."""
    return [body if wording(rewrite) == wording(body) else rewrite for rewrite in rewrites]
