"""One screen from two versions: cards that cannot be told apart as long as the versions are equally good.

Each of the three cards is chosen from a pool of samples of its own. Two pools are drawn by one version and one by the
other; which version has two, a fair coin decides. On a screen of two cards, each version has one. The pools are of one
size, drawn at one temperature and read by one judge, and the cards are chosen one after the other in a random order, by
one head and one rule. So if both versions write alike, the cards may change places: whatever is on them, a card is
clicked as often as another, and a version in proportion to its number of cards. Nothing is told apart by whose sample
it is, as nothing may be.

How likely a sample was to its own version counts only within its pool, since versions differ in its level. What is
stored of the cards, and what the head learns of them, compares them with each other: there the serving version reads
all three, and the other one is not asked again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from models.model_errors import InputTooLong
from models.reward.features import Array, MeasuredRewrite, features
from models.reward.head import Head
from models.serving import choosing, head_choice
from models.serving.engine import Sample
from models.serving.generator import CANDIDATES, Generator, Sampling, add, rounds
from models.serving.screen import Gone, Screen, Shown, check_wanted, never
from models.serving.text_pieces import Cut, as_typed, plain, wording

SAMPLES = 6
"""The size of a pool in each round.

Two calls of a model take longer than one of as many samples. So that a mixed screen takes little longer than an
ordinary one, which has 24 with a head, the three pools have 18 (benchmarks/experiments/two_versions.py).
"""

Pool = dict[str, Sample]
"""The samples of a pool by their wording."""


@dataclass(frozen=True)
class Written(Shown):
    """A rewrite that is shown, and the version that wrote it."""

    version: int = field(kw_only=True)


@dataclass(frozen=True)
class MixedScreen(Screen):
    """A screen whose candidates were written by two versions. It has no pool: its cards are never chosen again."""

    candidates: tuple[Written, ...]


@dataclass
class _Mixing:
    """State of one screen while it is made.

    `writers` are the versions of the cards in the order in which these are chosen; `one_piece` is whether all that is
    rewritten of the text is one piece. By version, `numbers` are those of the screen and `calls` the model calls with
    the places in them. `readings` are those of rewrites of the whole text, `probabilities` those with which each card
    was chosen.
    """

    writers: tuple[Generator, ...]
    one_piece: bool
    sampling: Sampling
    head: Head | None
    chance: random.Random
    gone: Gone
    numbers: dict[int, int]
    calls: dict[int, list[tuple[int, int]]]
    probabilities: list[float]
    rounds: list[dict[str, float]] = field(default_factory=list)
    readings: dict[str, choosing.Reading] = field(default_factory=dict)


def mixed(
    text: str,
    serving: Generator,
    other: Generator,
    sampling: Sampling,
    head: Head | None = None,
    gone: Gone = never,
    wanted: int = CANDIDATES,
) -> MixedScreen | None:
    """Draw and choose three cards for a text, two by one of the versions and one by the other, in a random order.

    If two cards are `wanted`, each version writes one. Returns None if the two cannot fill so many different cards,
    read the text in different pieces, or are one version. Raises InputTooLong, and NoLongerWanted as soon as `gone`
    tells so, which is asked before each sampling.
    """
    started = time.perf_counter()
    serving.tokens(text)
    cut = serving.cut(text)
    alike = _can_read(other, text) and cut == other.cut(text)
    if serving.version == other.version or not alike or not cut.rewritten:
        return None
    mixing = _begin(cut, (serving, other), wanted, sampling, head, gone)
    cards = [cut.bodies for _ in mixing.writers]
    for place in sorted(cut.rewritten):
        rewrites = _rewrites(cut.bodies[place], mixing)
        if rewrites is None:
            return None
        for bodies, rewrite in zip(cards, rewrites, strict=True):
            bodies[place] = rewrite
    texts = [cut.joined(bodies) for bodies in cards]
    if not _may_be_shown(text, texts, (serving, other)):
        return None
    candidates = _written(text, texts, serving, mixing)
    mixing.chance.shuffle(candidates)
    return MixedScreen(
        candidates=tuple(candidates),
        exhausted=False,
        sampling={**asdict(sampling), "rounds": mixing.rounds, "mixed": _draws(mixing, (serving, other))},
        seed=serving.seed,
        milliseconds=(time.perf_counter() - started) * 1000,
    )


def _begin(
    cut: Cut, versions: tuple[Generator, Generator], wanted: int, sampling: Sampling, head: Head | None, gone: Gone
) -> _Mixing:
    """Toss the coin, and decide in which order the cards are chosen."""
    serving, other = versions
    numbers = {version.version: version.next_number() for version in versions}
    chance = random.Random(f"{serving.seed}:{numbers[serving.version]}:{cut.text}")
    writers = [serving, other, *(chance.choice(versions) for _ in range(wanted - len(versions)))]
    chance.shuffle(writers)
    calls: dict[int, list[tuple[int, int]]] = {version: [] for version in numbers}
    alone = [1.0] * wanted
    return _Mixing(tuple(writers), len(cut.rewritten) == 1, sampling, head, chance, gone, numbers, calls, alone)


def _rewrites(body: str, mixing: _Mixing) -> list[str] | None:
    """Return a rewrite of one piece of the text for each card, or the piece itself where a pool is empty.

    They differ in wording where the pools allow; where they do not, other pieces still may. Returns None if it was
    seen while they were drawn that the cards of the text cannot differ.
    """
    piece = plain(body)
    pools = _drawn(piece, mixing)
    if pools is None:
        return None
    polite = choosing.is_polite(piece)
    rewrites = [
        [writer.as_drawn(sample) for key, sample in pool.items() if polite or key != wording(piece)]
        for writer, pool in zip(mixing.writers, pools, strict=True)
    ]
    among, readings = head_choice.pools(piece, rewrites, mixing.head)
    mixing.readings.update(readings if piece == body else {})
    shown: dict[int, str] = {}
    manners: set[str] = set()
    # Those with few to choose from come first. A sort leaves others in their order, which is random.
    for card in sorted(range(len(mixing.writers)), key=lambda card: len(among[card])):
        options, others = among[card], list(shown.values())
        taken = set(map(wording, others))
        left = [place for place, option in enumerate(options) if wording(option.text) not in taken]
        if not options:
            shown[card] = body
            continue
        explores = mixing.chance if len(shown) == len(mixing.writers) - 1 else None
        pick = head_choice.pick(piece, options, left or range(len(options)), others, mixing.head, explores, manners)
        manners.add(options[pick.place].manner)
        mixing.probabilities[card] *= pick.probability
        shown[card] = options[pick.place].text
    return as_typed([shown[card] for card in range(len(mixing.writers))], body)


def _drawn(piece: str, mixing: _Mixing) -> list[Pool] | None:
    """Draw the pools of the cards; all of them once more and wider, if there are too few rewrites to choose from.

    The version of two cards draws first. Returns None as soon as these cannot differ, whatever else would be drawn:
    the screen would be none in any case, so that nothing depends on whose samples showed it.
    """
    pools: list[Pool] = [{} for _ in mixing.writers]
    every = rounds(mixing.head)
    for _, widening in every:
        temperature = mixing.sampling.temperature * widening
        mixing.rounds.append({"samples": SAMPLES, "temperature": temperature})
        for version in sorted(dict.fromkeys(mixing.writers), key=mixing.writers.count, reverse=True):
            check_wanted(mixing.gone)
            mine = [pool for pool, writer in zip(pools, mixing.writers, strict=True) if writer is version]
            number = mixing.numbers[version.version]
            found = version.sample(piece, SAMPLES, temperature, mixing.sampling, number, len(mine))
            mixing.calls[version.version].append((found.call, found.place))
            for pool, samples in zip(mine, found.sets, strict=True):
                add(pool, samples)
            if mixing.one_piece and _too_alike(piece, mine, last=widening == every[-1][1]):
                return None
        if _enough(piece, pools):
            break
    return pools


def _too_alike(piece: str, pools: Sequence[Pool], *, last: bool) -> bool:
    """Return whether a version has fewer wordings than cards, and no further round changes that."""
    own, found = wording(piece), {key for pool in pools for key in pool}
    if choosing.is_polite(piece):
        return own in found and len(found) < len(pools)
    return last and len(found - {own}) < len(pools)


def _enough(piece: str, pools: Sequence[Pool]) -> bool:
    """Return whether there are enough different rewrites, and a good one in each pool."""
    own = wording(piece)
    if choosing.is_polite(piece) and any(own in pool for pool in pools):
        return True
    others = [{key: sample.text for key, sample in pool.items() if key != own} for pool in pools]
    together = {key: text for pool in others for key, text in pool.items()}
    return choosing.enough(piece, list(together.values()), len(pools)) and all(
        choosing.enough(piece, list(pool.values()), 1) for pool in others
    )


def _may_be_shown(text: str, texts: Sequence[str], versions: Sequence[Generator]) -> bool:
    """Return whether the cards differ, none copies a rude text, and both versions can read them."""
    wordings = set(map(wording, texts))
    copied = wording(text) in wordings and not choosing.is_polite(text)
    readable = all(_can_read(version, one) for version in versions for one in texts)
    return len(wordings) == len(texts) and not copied and readable


def _can_read(version: Generator, text: str) -> bool:
    try:
        version.tokens(text)
    except InputTooLong:
        return False
    return True


def _written(text: str, texts: Sequence[str], serving: Generator, mixing: _Mixing) -> list[Written]:
    """Return the cards with their log-probabilities and features, all as the serving version reads them."""
    read = serving.log_probabilities([text] * len(texts), texts)
    rows = _rows(text, texts, [value / serving.length(one) for one, value in zip(texts, read, strict=True)], mixing)
    return [
        Written(one, value, row, probability, version=writer.version)
        for one, value, row, probability, writer in zip(
            texts, read, rows, mixing.probabilities, mixing.writers, strict=True
        )
    ]


def _rows(text: str, texts: Sequence[str], likelihoods: Sequence[float], mixing: _Mixing) -> Array:
    """Return the features of the cards, (cards, SIZE)."""
    unread = [one for one in texts if one not in mixing.readings]
    readings = {**mixing.readings, **dict(zip(unread, choosing.read(text, unread), strict=True))}
    return features(
        text,
        [
            MeasuredRewrite(one, likelihood, readings[one].neutrality, readings[one].verdict)
            for one, likelihood in zip(texts, likelihoods, strict=True)
        ],
    )


def _draws(mixing: _Mixing, versions: Sequence[Generator]) -> list[dict[str, Any]]:
    """Return what each version drew: with its seed and its other draws, enough to draw it again."""
    return [
        {
            "version": one.version,
            "seed": one.seed,
            "draw": mixing.numbers[one.version],
            "calls": mixing.calls[one.version],
        }
        for one in versions
    ]
