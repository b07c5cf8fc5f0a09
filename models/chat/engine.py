"""A chat model in memory: several answers of several conversations in one call of CTranslate2.

Seeds: CTranslate2 seeds the random generator of a model's thread once, at its first sampling, and never again. A
request with a seed is therefore drawn by itself, by a model that is loaded for it (a tenth of a second for one of 135
million parameters), so that the same seed gives the same answers whatever was drawn before.

Conversations that share a call may differ in length by _UNEVEN tokens: what the longer one has more is read token by
token, which takes as long as writing does.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ctranslate2

from models.chat.pieces import Pieces
from models.chat.reading import Reader
from models.chat.writing import ROUNDS, Again, Answer, AnswerRequest, Ended, Event, Piece
from models.model_errors import LoadError, WriterAway
from models.serving.engine import NUCLEUS_WITHIN

_ANSWERS_TOGETHER = 12
_UNEVEN = 16

# ctranslate2.set_random_seed is global to the process; hold this lock until the model has read it.
_seeding = threading.Lock()


@dataclass
class Draw:
    """A request on its way: its conversation as tokens, where its events go, and whether nobody waits any more."""

    request: AnswerRequest
    tell: Callable[[Event], None]
    gone: Callable[[], bool]
    tokens: Sequence[str] = ()


@dataclass
class _Writing:
    """One answer while it is written."""

    place: int
    pieces: Pieces
    log_probability: float = 0.0
    tokens: int = 0
    ended: Ended = "length"

    def answer(self) -> Answer:
        """Return it as it is now."""
        return Answer(self.place, self.pieces.text.rstrip(), self.ended, self.tokens, self.log_probability)


@dataclass
class _Sheet:
    """The answers of one draw that a call writes, and why that failed, if it did."""

    draw: Draw
    writing: list[_Writing]
    failure: str = ""


class ChatEngine:
    """A model and how it reads; `write` may be called from one thread at a time."""

    def __init__(self, folder: Path, name: str, *, compute_type: str, threads: int) -> None:
        """Load the converted model in `folder` and write one token; raises LoadError. `name` is what answers say."""
        self.name = name
        self._folder, self._compute_type, self._threads = folder, compute_type, threads
        self.reader = Reader(folder)
        self._generator = self._load(secrets.randbits(31) | 1)

    def fits(self, batch: Sequence[Draw], other: Draw) -> bool:
        """Return whether a draw may join those of a batch, all with their tokens."""
        first = batch[0].request
        lengths = [len(one.tokens) for one in (*batch, other)]
        return (
            first.seed is None
            and _manner(first) == _manner(other.request)
            and max(lengths) - min(lengths) <= _UNEVEN
            and (len(batch) + 1) * first.count <= _ANSWERS_TOGETHER
        )

    def write(self, draws: Sequence[Draw]) -> None:
        """Write the answers of all draws, which fit each other, and tell of them while they come.

        Answers of a request that equal another are drawn again, in at most ROUNDS rounds in all.
        """
        seed = draws[0].request.seed
        generator = self._generator if seed is None else self._load(seed)
        sheets = [self._sheet(draw, range(draw.request.count)) for draw in draws]
        self._call(generator, sheets)
        for sheet in sheets:
            self._tell_answers(generator, sheet)

    def _tell_answers(self, generator: ctranslate2.Generator, sheet: _Sheet) -> None:
        """Draw again what equals an earlier answer of the request, then tell of each answer."""
        writing = sheet.writing
        for _ in range(ROUNDS - 1):
            equal = _equal_places(writing)
            if not equal or sheet.draw.gone():
                break
            for place in equal:
                sheet.draw.tell(Again(place))
            again = self._sheet(sheet.draw, equal)
            self._call(generator, [again])
            renewed = {one.place: one for one in again.writing}
            writing = [renewed.get(one.place, one) for one in writing]
        if not sheet.draw.gone():
            for one in writing:
                sheet.draw.tell(one.answer())

    def _sheet(self, draw: Draw, places: Sequence[int]) -> _Sheet:
        return _Sheet(draw, [_Writing(place, Pieces(self.reader.tokenizer)) for place in places])

    def _call(self, generator: ctranslate2.Generator, sheets: Sequence[_Sheet]) -> None:
        """Write as many answers for each sheet as it has places, the same number for all, in one call."""
        request = sheets[0].draw.request
        top_k = request.top_k or (NUCLEUS_WITHIN if request.top_p < 1 else 0)

        generator.generate_batch(
            [list(sheet.draw.tokens) for sheet in sheets],
            num_hypotheses=len(sheets[0].writing),
            max_length=request.max_tokens,
            end_token=sorted(self.reader.ends),
            include_prompt_in_result=False,
            sampling_temperature=request.temperature,
            sampling_topp=request.top_p,
            sampling_topk=min(top_k, self.reader.tokenizer.get_vocab_size()),
            return_scores=True,  # or the steps of a single answer have none
            callback=partial(_hear, sheets, self.reader.ends),
        )
        for sheet in sheets:
            if sheet.failure:
                raise WriterAway(sheet.failure)

    def _load(self, seed: int) -> ctranslate2.Generator:
        """Return the model, loaded for that seed, which it has read."""
        try:
            with _seeding:
                ctranslate2.set_random_seed(seed)
                generator = ctranslate2.Generator(
                    str(self._folder),
                    device="auto",
                    compute_type=self._compute_type,
                    inter_threads=1,
                    intra_threads=self._threads,
                )
                end = self.reader.tokenizer.id_to_token(min(self.reader.ends))
                generator.generate_batch([[end]], max_length=1, sampling_topk=2, include_prompt_in_result=False)
        except Exception as error:  # the library raises bare exceptions for damaged files
            raise LoadError(f"{self._folder} cannot be loaded: {error}") from error
        return generator


def _hear(sheets: Sequence[_Sheet], ends: frozenset[int], step: ctranslate2.GenerationStepResult) -> bool:
    """Take in one token, in a thread of the library, and tell its text; return whether its draw is to end.

    That thread may be the last to let go of what the callback refers to. So it refers neither to the engine nor to an
    exception, whose frames do: a model that is destroyed by a thread of its own ends the process.
    """
    sheet = sheets[step.batch_id]
    try:
        if sheet.draw.gone():
            return True
        one = sheet.writing[step.hypothesis_id]
        one.tokens += 1
        one.log_probability += step.log_prob
        if step.token_id in ends:
            one.ended = "stop"
        elif piece := one.pieces.add(step.token_id):
            sheet.draw.tell(Piece(one.place, piece))
    except Exception as error:
        sheet.failure = f"The answer could not be written: {type(error).__name__}: {error}"
        return True
    return False


def _manner(request: AnswerRequest) -> tuple[float | None, ...]:
    """Return what requests must share to be written in one call."""
    return (request.count, request.max_tokens, request.temperature, request.top_p, request.top_k, request.seed)


def _equal_places(writing: Sequence[_Writing]) -> list[int]:
    """Return the places of the answers that are empty or equal an earlier one."""
    seen = {""}
    equal = []
    for one in writing:
        text = one.answer().text
        if text in seen:
            equal.append(one.place)
        seen.add(text)
    return equal
