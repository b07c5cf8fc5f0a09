"""The two pretraining tasks: span corruption and prefix continuation.

The tokenizer has no sentinel pieces, and its file must not change, because the product and every later stage read it.
Its byte pieces serve instead: the bytes C0, C1 and F5 to FF never occur in UTF-8, so no text contains them. Twelve mark
masked spans, and the last one marks a sentence to be continued. An input without a mark is left for the task that is
trained afterwards, rewriting.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from worker.base.build.batches import Encoded
from worker.base.build.tokenizer import EOS_ID

NOISE_DENSITY = 0.15
MEAN_SPAN = 3.0
_NEVER_IN_UTF8 = (0xC0, 0xC1, *range(0xF5, 0x100))


@dataclass(frozen=True)
class Marks:
    """The ids of the sentinels for masked spans, in order, and of the mark for a continuation."""

    spans: tuple[int, ...]
    continuation: int


def marks_of(tokenizer: Tokenizer) -> Marks:
    """Find the ids of the byte pieces that no text contains.

    Raises ValueError if the tokenizer has no byte pieces.
    """
    found = (tokenizer.token_to_id(f"<0x{byte:02X}>") for byte in _NEVER_IN_UTF8)
    ids = [number for number in found if number is not None]
    if len(ids) < len(_NEVER_IN_UTF8):
        raise ValueError("The tokenizer has no byte pieces, which pretraining needs as sentinels.")
    return Marks(tuple(ids[:-1]), ids[-1])


def random_parts(total: int, count: int, rng: random.Random) -> list[int]:
    """Divide a total into this many parts of at least one, every division being equally probable."""
    cuts = [0, *sorted(rng.sample(range(1, total), count - 1)), total]
    return [end - start for start, end in itertools.pairwise(cuts)]


def corrupt(ids: Sequence[int], marks: Marks, rng: random.Random) -> Encoded:
    """Mask random spans of a text of at least two ids; return the masked text and the spans, each ending with EOS.

    Raffel et al. 2020 (T5), section 3.3.4: 15 % of the ids in spans of mean length 3. A span is one sentinel in the
    source; the target is each sentinel followed by its span. Unlike in T5's own program the text does not always end in
    a span, which would mask the last mark of every sentence.
    """
    masked = max(1, round(NOISE_DENSITY * len(ids)))
    spans = min(max(1, round(masked / MEAN_SPAN)), len(marks.spans))
    lengths = random_parts(masked, spans, rng)
    # Spans do not touch each other, but the first and the last may touch the ends.
    gaps = random_parts(len(ids) - masked + 2, spans + 1, rng)
    gaps[0] -= 1
    source: list[int] = []
    target: list[int] = []
    place = 0
    for mark, gap, length in zip(marks.spans, gaps, lengths, strict=False):
        source += [*ids[place : place + gap], mark]
        place += gap
        target += [mark, *ids[place : place + length]]
        place += length
    return [*source, *ids[place:], EOS_ID], [*target, EOS_ID]


def continuation(ids: Sequence[int], marks: Marks, rng: random.Random) -> Encoded:
    """Cut a text of at least two ids anywhere; return its beginning, marked, and the rest, each ending with EOS.

    This is the prefix language model of Raffel et al. 2020, section 3.2.3, with a mark for the task as in UL2 (Tay et
    al. 2022).
    """
    cut = rng.randrange(1, len(ids))
    return [*ids[:cut], marks.continuation, EOS_ID], [*ids[cut:], EOS_ID]
