"""The training data of this stage: a mixture of tasks, in groups that depend on the seed alone, as in pretraining.

Detoxification is the largest part. Manners are detoxification with a code at the start of the target. Grammar is
mostly mistakes made in lines of the corpora; a tenth of the lines are correct and stay as they are. Half of the
examples of these have the tag of their kind, four fifths of the other kinds, and the rest none.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tokenizers import Tokenizer
from torch.utils.data import Dataset

from models.manners import PLAIN
from worker.base.build.batches import LONGEST, Batch, Encoded, cut
from worker.base.rephrase.codes import MANNERS, Codes
from worker.base.rephrase.manners import manners_of, rewritten
from worker.base.rephrase.mistakes import with_mistakes
from worker.base.rephrase.pair_files import PairFile
from worker.base.texts.held_out import Pair
from worker.base.texts.pairs import PairSource, typed
from worker.base.texts.tidy import tidy

_SHARES = {"detox": 0.35, "manner": 0.3, "grammar": 0.15, "paraphrase": 0.1, "simplify": 0.05, "polite": 0.05}
# Without a tag, a text that is polite already is to come back as it is.
_SHARE_TAGGED = {"detox": 0.5, "grammar": 0.5, "paraphrase": 0.8, "simplify": 0.8, "polite": 0.8}
_SHARE_OF_LINES = 0.7
_SHARE_CORRECT = 0.1
_SHARE_WITH_MISTAKES = 0.15
_SHARE_OF_PEOPLE = 0.7
_BATCHES_IN_GROUP = 96
_DRAWN_AT_ONCE = 64
_ROOM = LONGEST - 2  # for a code and EOS


@dataclass(frozen=True)
class Example:
    """A pair, the kind whose tag it has or "", and the manner of its target or PLAIN."""

    source: str
    target: str
    tag: str = ""
    manner: str = PLAIN


@dataclass(frozen=True)
class Material:
    """What examples are drawn from: detoxification, the pair files, neat lines, and rewrites by their manner."""

    detox: PairSource
    files: Sequence[PairFile]
    lines: Sequence[str]
    by_manner: Mapping[str, Sequence[Pair]]


def by_manner(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Sort pairs of a rude text and a rewrite by the manners that the tidied rewrite has or can be given by rule."""
    found: dict[str, list[Pair]] = {manner: [] for manner in MANNERS}
    for source, rewrite in pairs:
        neat = tidy(rewrite) or rewrite
        present = manners_of(source, neat)
        for manner in MANNERS:
            written = neat if manner in present else rewritten(manner, source, neat)
            if written:
                found[manner].append((source, written))
    return {manner: of for manner, of in found.items() if of}


class Rephrasing(Dataset[list[tuple[str, Batch]]]):
    """Groups of batches by number, each batch with the name of its one task."""

    def __init__(self, material: Material, tokenizer: Tokenizer, codes: Codes, *, tokens_each: int, seed: int) -> None:
        self._material, self._tokenizer, self._codes = material, tokenizer, codes
        self._tokens_each, self._seed = tokens_each, seed
        self._by_kind: dict[str, list[PairFile]] = {}
        for file in material.files:
            if file.train:
                self._by_kind.setdefault(file.kind, []).append(file)
        draws: dict[str, Callable[[random.Random], Example]] = {
            "detox": self._detox,
            "manner": self._manner,
            "grammar": self._grammar,
            **{kind: partial(self._of_files, kind) for kind in self._by_kind if kind != "grammar"},
        }
        self._tasks = {task: (share, draws[task]) for task, share in _SHARES.items() if task in draws}

    def __getitem__(self, group: int) -> list[tuple[str, Batch]]:
        rng = random.Random(f"{self._seed}:{group}")
        batches = []
        for task, (share, draw) in self._tasks.items():
            pairs: list[Encoded] = []
            size, wanted = 0, self._tokens_each * _BATCHES_IN_GROUP * share
            while size < wanted:
                drawn = encoded([draw(rng) for _ in range(_DRAWN_AT_ONCE)], self._tokenizer, self._codes)
                pairs += drawn
                size += sum(len(source) + len(target) for source, target in drawn)
            batches += [(task, batch) for batch in cut(pairs, self._tokens_each, self._codes.manners.values())]
        rng.shuffle(batches)
        return batches

    def _detox(self, rng: random.Random) -> Example:
        source, target = self._material.detox.mixed(rng)
        if rng.random() < _SHARE_WITH_MISTAKES:
            source = with_mistakes(source, rng)
        return Example(source, target, _tag("detox", rng))

    def _manner(self, rng: random.Random) -> Example:
        """Draw a rewrite with its manner: one of people's, or one that a rule writes of a self-made pair's."""
        manner = rng.choice(list(self._material.by_manner))
        if rng.random() >= _SHARE_OF_PEOPLE:
            source, rewrite = self._material.detox.mixed(rng)
            made = rewritten(manner, source, rewrite) if source != rewrite else None
            if made:
                return Example(source, made, _tag("detox", rng), manner)
        source, rewrite = rng.choice(self._material.by_manner[manner])
        return Example(typed(source) if rng.random() < 0.4 else source, rewrite, _tag("detox", rng), manner)

    def _grammar(self, rng: random.Random) -> Example:
        if self._material.lines and (rng.random() < _SHARE_OF_LINES or "grammar" not in self._by_kind):
            line = typed(rng.choice(self._material.lines))
            source = line if rng.random() < _SHARE_CORRECT else with_mistakes(line, rng)
            return Example(source, line, _tag("grammar", rng))
        return self._of_files("grammar", rng)

    def _of_files(self, kind: str, rng: random.Random) -> Example:
        files = self._by_kind[kind]
        (file,) = rng.choices(files, [one.share for one in files])
        return Example(*rng.choice(file.train), _tag(kind, rng))


def _tag(kind: str, rng: random.Random) -> str:
    return kind if rng.random() < _SHARE_TAGGED[kind] else ""


def encoded(examples: Sequence[Example], tokenizer: Tokenizer, codes: Codes) -> list[Encoded]:
    """Return the ids of examples, codes and EOS included, without those that have a side too long for training."""
    sources = tokenizer.encode_batch_fast([one.source for one in examples])
    targets = tokenizer.encode_batch_fast([one.target for one in examples])
    return [
        (
            [codes.kinds[one.tag], *source.ids] if one.tag else source.ids,
            [codes.manners[one.manner], *target.ids] if one.manner else target.ids,
        )
        for one, source, target in zip(examples, sources, targets, strict=True)
        if max(len(source.ids), len(target.ids)) <= _ROOM
    ]


def held_out_batches(
    dev: Sequence[Pair], files: Sequence[PairFile], tokenizer: Tokenizer, codes: Codes, tokens_each: int
) -> list[tuple[str, str, Batch]]:
    """Return the fixed batches for evaluation: where they are from, their task, the batch. None has a tag.

    Those of the dev rewrites are there twice: without a code, and with that of the first manner that they have.
    """
    sets = [("paradetox", "detox", [Example(source, target) for source, target in dev])]
    in_manner = [(pair, sorted(manners_of(*pair))) for pair in dev]
    coded = [Example(source, target, manner=found[0]) for (source, target), found in in_manner if found]
    sets += [("paradetox", "manner", coded)]
    sets += [(file.name, file.kind, [Example(*pair) for pair in file.held_out]) for file in files]
    return [
        (name, task, batch)
        for name, task, examples in sets
        for batch in cut(encoded(examples, tokenizer, codes), tokens_each, codes.manners.values())
    ]
