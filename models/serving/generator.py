"""One loaded version: from a text to candidates with their log-probabilities.

Randomness: CTranslate2 seeds the random generator of a translator's thread once, at that thread's first sampling, and
cannot seed it again. A Generator therefore has one seed, set while it loads, and numbers its screens and the calls of
the model: the same seed and the same calls give the same candidates. Requests that come one after another make one call
after another. Requests that come together share calls, and a screen records its calls and its places in them, so that
all the screens of a Generator together determine its calls. Not covered: repeating one call without those before it.
"""

from __future__ import annotations

import itertools
import random
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from models.manners import divided
from models.model_errors import LoadError
from models.reward.features import Array, MeasuredRewrite, features
from models.reward.head import Head
from models.serving import choosing, head_choice
from models.serving.engine import MAX_SOURCE_TOKENS, Draw, Drawn, Engine, Sample, Sampling, Tokens
from models.serving.pool import Option
from models.serving.screen import Gone, ScoredText, Screen, Shown, check_wanted, never
from models.serving.text_pieces import Cut, as_typed, margins, pieces, plain, wording

__all__ = [
    "CANDIDATES",
    "COMPUTE_TYPE",
    "MAX_SOURCE_TOKENS",
    "Generator",
    "Sampling",
    "ScoredText",
    "Screen",
    "wording",
]

CANDIDATES = 3
COMPUTE_TYPE = "int8"
"""Default precision of a version: weights and activations as 8-bit integers, sums in float32."""

_WARM_UP_TEXT = "Good morning, how are you?"

# (samples, factor of the temperature): more than are shown, to choose from; the next round follows if too few of them
# differ and are neutral.
_ROUNDS = ((16, 1.0), (16, 1.25), (24, 1.6))

# With a head, which distinguishes more of them: as many as take hardly longer, at a higher temperature.
_ROUNDS_WITH_HEAD = ((24, 7 / 6), (24, 1.6))

# If too few differ even then: beam search, which finds others when all samples of a polite text are the text itself.
_FEW_BEAMS = 8

# In tokens. The embedded model was trained on texts of a sentence or two; its rewrites of longer ones are poor.
_LONGEST_PIECE = 64


@dataclass
class _Progress:
    """State of one screen while it is made: its number, the head that chooses, and intermediate results.

    `rounds` are the rounds of sampling, `calls` the model call of each and the place in it; `known` holds log p(rewrite
    | text) in nats, as sampled where it was; `readings` and `rows` are the readings and features of rewrites, by (text,
    rewrite); `pools` holds options by text, and `probabilities` those of the chosen rewrites. `gone` tells whether
    nobody waits for it.
    """

    number: int
    head: Head | None = None
    rounds: list[dict[str, float]] = field(default_factory=list)
    calls: list[tuple[int, int]] = field(default_factory=list)
    known: dict[tuple[str, str], float] = field(default_factory=dict)
    readings: dict[tuple[str, str], choosing.Reading] = field(default_factory=dict)
    rows: dict[tuple[str, str], Array] = field(default_factory=dict)
    pools: dict[str, tuple[Option, ...]] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    gone: Gone = never


class Generator:
    """A version in memory. All methods may be called from several threads."""

    def __init__(
        self, folder: Path, version: int, *, compute_type: str = COMPUTE_TYPE, threads: int = 0, seed: int | None = None
    ) -> None:
        """Load the CTranslate2 model and tokenizer.json in `folder` and make one screen; raises LoadError.

        `threads` is the number of cores that one call uses (0 lets CTranslate2 choose).
        """
        self.version = version
        self.seed = secrets.randbits(31) | 1 if seed is None else seed
        self._numbers = itertools.count(1)
        try:
            self._engine = Engine(folder, compute_type=compute_type, threads=threads, seed=self.seed)
            self.generate(_WARM_UP_TEXT, Sampling())
        except Exception as error:  # the libraries raise bare exceptions for damaged files
            raise LoadError(f"Version {version} cannot be loaded: {error}") from error

    def generate(
        self,
        text: str,
        sampling: Sampling,
        wanted: int = CANDIDATES,
        head: Head | None = None,
        gone: Gone = never,
    ) -> Screen:
        """Sample rewrites of `text` and choose up to `wanted` that differ in wording, in a random order.

        A copy of the text itself is used only if the text is polite or if there are too few others. In a text of many
        sentences only the rude ones are rewritten, each by itself. A `head` takes part in the choice. Raises
        InputTooLong, and NoLongerWanted as soon as `gone` tells so, which is asked before each call of the model.
        """
        self.tokens(text)
        started = time.perf_counter()
        progress = _Progress(self.next_number(), head, gone=gone)
        chosen = self._by_pieces(text, lambda piece: self._sample_and_choose(piece, sampling, wanted, progress), wanted)
        copied = wording(text) in map(wording, chosen)
        return Screen(
            candidates=self._shown(text, chosen, progress),
            exhausted=len(chosen) < wanted or (copied and not choosing.is_polite(text)),
            sampling={**asdict(sampling), "rounds": progress.rounds, "calls": progress.calls, "draw": progress.number},
            seed=self.seed,
            milliseconds=(time.perf_counter() - started) * 1000,
            pool=progress.pools.get(text, ()) if all(rewrite in progress.probabilities for rewrite in chosen) else (),
        )

    def choose_again(self, text: str, screen: Screen, head: Head, wanted: int = CANDIDATES) -> Screen:
        """Choose up to `wanted` again, with another head, from the pool of a screen of `text`.

        Raises ValueError without a pool.
        """
        if not screen.pool:
            raise ValueError("Nothing was kept to choose from.")
        started = time.perf_counter()
        progress = _Progress(self.next_number(), head)
        chosen = self._prefer(text, screen.pool, wanted, progress)
        return replace(
            screen,
            candidates=self._shown(text, chosen, progress),
            sampling={**screen.sampling, "chosen_by_draw": progress.number},
            seed=self.seed,
            milliseconds=screen.milliseconds + (time.perf_counter() - started) * 1000,
        )

    def samples(self, text: str, sampling: Sampling, count: int) -> tuple[Option, ...]:
        """Draw `count` samples of a text; returns those of different wording, all read by the judge and none left out.

        Returns none of a text that it cannot rewrite, and never the text itself. Raises InputTooLong.
        """
        self.tokens(text)
        if not self._engine.can_rewrite(text):
            return ()
        drawn: dict[str, Sample] = {}
        add(drawn, self.sample(text, count, sampling.temperature, sampling).samples)
        drawn.pop(wording(text), None)
        return tuple(head_choice.read(text, [self.as_drawn(sample) for sample in drawn.values()]))

    def features(self, text: str, rewrites: Sequence[str]) -> Array:
        """Return the features of rewrites of `text` from elsewhere, (rewrites, SIZE); raises InputTooLong."""
        progress = _Progress(0)
        return self._features(text, self._scored(text, rewrites, progress), progress)

    def log_probabilities(self, prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        """Return log p(completion | prompt) of each pair in nats, end of sequence included; raises InputTooLong."""
        return self._engine.log_probabilities(prompts, completions)

    def best(self, text: str, beam_size: int = 32) -> str:
        """Return the best rewrite among the `beam_size` likeliest that beam search finds, empty if it finds none.

        Raises InputTooLong.
        """
        self.tokens(text)
        return next(iter(self._by_pieces(text, lambda piece: self._best_of_beams(piece, beam_size), 1)), "")

    def tokens(self, text: str) -> Tokens:
        """Return the text as tokens with the end of sequence last; raises InputTooLong."""
        return self._engine.tokens(text)

    def length(self, text: str) -> int:
        """Return the length in tokens, the end of sequence included."""
        return self._engine.length(text)

    def next_number(self) -> int:
        """Return the number of the next screen, which comes before all later ones."""
        return next(self._numbers)

    def sample(
        self, piece: str, count: int, temperature: float, sampling: Sampling, number: int = 0, sets: int = 1
    ) -> Drawn:
        """Draw independent sets of samples of one piece of a text, without its rude words, in several manners.

        Raises InputTooLong.
        """
        source, forbidden = self.tokens(piece), self._forbidden(piece)
        manners = divided(count, self._engine.manners, random.Random(f"{self.seed}:{number}:{piece}"))
        return self._draw(Draw(source, count, temperature, sampling, forbidden, number, sets, manners))

    def _draw(self, draw: Draw) -> Drawn:
        return self._engine.draw(draw)

    def as_drawn(self, sample: Sample) -> choosing.Rewrite:
        """Return the sample with the mean log-probability of its tokens as they were sampled."""
        return choosing.Rewrite(sample.text, sample.log_probability / self.length(sample.text), manner=sample.manner)

    def cut(self, text: str) -> Cut:
        """Return the pieces of a text, of which the rude ones are rewritten; the least polite one if all are polite."""
        parts = tuple(map(margins, pieces(text, _LONGEST_PIECE, lambda piece: len(self._engine.encode(piece)))))
        read = [plain(body) for _, body, _ in parts]
        can = [place for place, body in enumerate(read) if self._engine.can_rewrite(body)]
        rude = choosing.rude_places([read[place] for place in can])
        return Cut(text, parts, frozenset(can[place] for place in rude))

    def _by_pieces(self, text: str, rewrites_of: Callable[[str], list[str]], wanted: int) -> list[str]:
        """Return up to `wanted` rewrites of different wording, joined from rewrites of the pieces of a long text.

        Polite pieces stay as they are; if all are polite, the least polite one is rewritten.
        """
        cut = self.cut(text)
        if cut.is_whole:
            return as_typed(rewrites_of(text), text) if cut.rewritten else [text]
        options = [
            (as_typed(rewrites_of(plain(body)), body) if place in cut.rewritten else []) or [body]
            for place, body in enumerate(cut.bodies)
        ]
        together: dict[str, str] = {}
        for turn in range(wanted):
            whole = cut.joined([some[turn % len(some)] for some in options])
            if self._engine.can_read(whole):
                together.setdefault(wording(whole), whole)
        return list(together.values()) or [text]

    def _sample_and_choose(self, text: str, sampling: Sampling, wanted: int, progress: _Progress) -> list[str]:
        """Return up to `wanted` rewrites of `text`, the best one first; records rounds and results in `progress`.

        They are sampled, and found by beam search if too few differ, as when all samples of a polite text are the text.
        """
        polite = choosing.is_polite(text)
        drawn: dict[str, Sample] = {}

        def others() -> list[str]:
            return [sample.text for key, sample in drawn.items() if key != wording(text)]

        for count, widening in rounds(progress.head):
            check_wanted(progress.gone)
            temperature = sampling.temperature * widening
            found = self.sample(text, count, temperature, sampling, progress.number)
            progress.rounds.append({"samples": count, "temperature": temperature})
            progress.calls.append((found.call, found.place))
            add(drawn, found.samples)
            if choosing.enough(text, others(), wanted) or (polite and len(others()) < len(drawn)):
                break
        if len(drawn if polite else others()) < wanted:
            self._fill_up(drawn, text, progress)
        copy = drawn.pop(wording(text), None)
        if copy is not None and (len(drawn) < wanted or polite):
            drawn[wording(text)] = copy
        rewrites = [self.as_drawn(sample) for sample in drawn.values()]
        if progress.head is not None:
            return self._prefer(text, head_choice.options(text, rewrites, progress.head), wanted, progress)
        return self._chosen(text, choosing.promising_and_different(text, rewrites), wanted, progress)

    def _fill_up(self, drawn: dict[str, Sample], text: str, progress: _Progress) -> None:
        """Add the likeliest rewrites by beam search, with the least neutral word of `text` and without it."""
        progress.rounds.append({"beams": _FEW_BEAMS})
        forbidden = self._forbidden(text)
        for without in (forbidden, forbidden | self._engine.forms(choosing.least_neutral_spellings(text))):
            add(drawn, self._found(self.tokens(text), _FEW_BEAMS, without))

    def _best_of_beams(self, text: str, beam_size: int) -> list[str]:
        """Return the best of the likeliest rewrites of `text`, in a list of at most one."""
        found = self._found(self.tokens(text), beam_size, self._forbidden(text))
        return self._chosen(text, [self.as_drawn(sample) for sample in found], 1, _Progress(0))

    def _found(self, source: Tokens, beam_size: int, forbidden: frozenset[Tokens]) -> tuple[Sample, ...]:
        return self._engine.search(source, beam_size, forbidden)

    def _chosen(self, text: str, rewrites: Sequence[choosing.Rewrite], wanted: int, progress: _Progress) -> list[str]:
        """Choose the rewrites to show, the best one first; records results in `progress`."""
        progress.known.update(((text, one.text), one.mean_log_probability * self.length(one.text)) for one in rewrites)
        readings = choosing.read(text, [rewrite.text for rewrite in rewrites])
        progress.readings.update(
            ((text, rewrite.text), reading) for rewrite, reading in zip(rewrites, readings, strict=True)
        )
        return [rewrites[place].text for place in choosing.choose(text, rewrites, wanted, readings)]

    def _prefer(self, text: str, pool: Sequence[Option], wanted: int, progress: _Progress) -> list[str]:
        """Choose the options to show with the head, the best one first; records results in `progress`."""
        assert progress.head is not None
        chance = random.Random(f"{self.seed}:{progress.number}:{text}")
        picks = head_choice.prefer(text, pool, wanted, progress.head, chance)
        progress.known.update(((text, one.text), one.likelihood * self.length(one.text)) for one in pool)
        progress.pools[text] = tuple(pool)
        progress.rows.update(((text, option.text), option.features) for option in pool)
        progress.probabilities.update((pool[pick.place].text, pick.probability) for pick in picks)
        return [pool[pick.place].text for pick in picks]

    def _shown(self, text: str, chosen: Sequence[str], progress: _Progress) -> tuple[Shown, ...]:
        """Return the chosen rewrites in a random order; otherwise the first card would always be the best."""
        scored = self._scored(text, chosen, progress)
        rows = self._features(text, scored, progress)
        shown = [
            Shown(one.text, one.log_probability, row, progress.probabilities.get(one.text, 1.0))
            for one, row in zip(scored, rows, strict=True)
        ]
        random.Random(f"{self.seed}:{progress.number}").shuffle(shown)
        return tuple(shown)

    def _features(self, text: str, scored: Sequence[ScoredText], progress: _Progress) -> Array:
        """Return the features of rewrites, (rewrites, SIZE); computes those that `progress` does not have."""
        wanting = [one for one in scored if (text, one.text) not in progress.rows]
        unread = [one.text for one in wanting if (text, one.text) not in progress.readings]
        progress.readings.update(zip([(text, one) for one in unread], choosing.read(text, unread), strict=True))
        readings = [progress.readings[text, one.text] for one in wanting]
        likely = [one.log_probability / self.length(one.text) for one in wanting]
        measured = [
            MeasuredRewrite(one.text, likelihood, reading.neutrality, reading.verdict)
            for one, likelihood, reading in zip(wanting, likely, readings, strict=True)
        ]
        progress.rows.update(zip([(text, one.text) for one in wanting], features(text, measured), strict=True))
        return np.array([progress.rows[text, one.text] for one in scored])

    def _scored(self, text: str, rewrites: Sequence[str], progress: _Progress) -> list[ScoredText]:
        """Return the rewrites with their log-probabilities; computes those that `progress` does not have."""
        unknown = [rewrite for rewrite in rewrites if (text, rewrite) not in progress.known]
        found = self.log_probabilities([text] * len(unknown), unknown)
        progress.known.update(((text, rewrite), value) for rewrite, value in zip(unknown, found, strict=True))
        return [ScoredText(rewrite, progress.known[text, rewrite]) for rewrite in rewrites]

    def _forbidden(self, text: str) -> frozenset[Tokens]:
        return self._engine.forms(choosing.rude_words(text))


def rounds(head: Head | None) -> tuple[tuple[int, float], ...]:
    """Return of each round of sampling the number of samples and the factor of the temperature."""
    return _ROUNDS_WITH_HEAD if head else _ROUNDS


def add(drawn: dict[str, Sample], samples: Iterable[Sample]) -> None:
    """Add samples of new wording, and samples without NO_TEXT in place of ones with it."""
    for sample in samples:
        known = drawn.setdefault(wording(sample.text), sample)
        if choosing.NO_TEXT in known.text and choosing.NO_TEXT not in sample.text:
            drawn[wording(sample.text)] = sample
