"""The pretraining data: a mixture of corpora, numbers of lines and tasks, in groups that depend on the seed alone.

Group g of a seed is the same whenever it is drawn, so a resumed run needs only its position.
"""

import math
import random
from collections.abc import Callable, Sequence

from torch.utils.data import Dataset

from worker.base.build.batches import LONGEST, Batch, Encoded, cut
from worker.base.pretrain.objectives import Marks, continuation, corrupt
from worker.base.pretrain.token_store import TokenCorpus, TokenLines

TASKS: dict[str, Callable[[Sequence[int], Marks, random.Random], Encoded]] = {
    "corruption": corrupt,
    "continuation": continuation,
}

# Comments and tweets are what the product rewrites; novels are old, and the others are repetitive.
_FACTORS = {
    "davidson_tweets": 2.0,
    "ewt_web": 2.0,
    "goemotions": 2.0,
    "jigsaw_comments": 2.0,
    "paradetox_cannot_rewrite": 2.0,
    "wiki_talk": 2.0,
    "nasa_air_to_ground": 0.5,
    "novels_dialogue": 0.5,
    "novels_narrative": 0.5,
    "polyai_banking": 0.5,
    "sgd_dialogue": 0.5,
}
# Lines of the other corpora do not follow each other.
_IN_ORDER = {
    "byu_chitchat",
    "byu_chitchat_casual",
    "changelog_podcasts",
    "ewt_web",
    "nasa_air_to_ground",
    "novels_dialogue",
    "novels_narrative",
    "onestop_english",
    "plainlanguage_gov",
    "sgd_dialogue",
    "synthetic_persona_chat",
    "taskmaster",
    "taskmaster34",
    "topical_chat",
    "ubuntu_irc",
}
_SEVERAL_LINES = 0.5
_ROOM = LONGEST - 2  # for a mark and EOS
_BATCHES_IN_GROUP = 96
_BATCHES_OF_ALIKE_TARGETS = 5


def share(corpus: TokenCorpus) -> float:
    """Return the relative share of samples from a corpus: the square root of its lines, times a factor of its kind.

    The square root is mixing at temperature 2 (Raffel et al. 2020, section 3.5.2), which keeps the large corpora from
    dominating.
    """
    return math.sqrt(len(corpus.train)) * _FACTORS.get(corpus.name, 1.0)


def neighbours(lines: TokenLines, start: int, room: int) -> list[int]:
    """Return the ids of a line and of as many following lines as fit into the room; a long line is cut."""
    ids = lines.line(start)
    for place in range(start + 1, len(lines)):
        following = lines.line(place)
        if len(ids) + len(following) > room:
            break
        ids += following
    return ids[:_ROOM]


def by_target(pairs: Sequence[Encoded], tokens_each: int) -> list[list[Encoded]]:
    """Divide pairs by the length of their targets into parts of about this many tokens.

    `cut` then sorts each part by its sources. Sorted by sources alone, four fifths of a batch of continuations would be
    padding: the shorter the beginnings, the more their remainders vary in length.
    """
    parts: list[list[Encoded]] = []
    size = tokens_each
    for source, target in sorted(pairs, key=lambda pair: len(pair[1])):
        if size >= tokens_each:
            parts.append([])
            size = 0
        parts[-1].append((source, target))
        size += len(source) + len(target)
    return parts


class Mixture(Dataset[list[tuple[str, Batch]]]):
    """Groups of batches by number, each batch with the name of its one task."""

    def __init__(self, corpora: Sequence[TokenCorpus], marks: Marks, *, tokens_each: int, seed: int) -> None:
        self._corpora = [corpus for corpus in corpora if len(corpus.train)]
        self._shares = [share(corpus) for corpus in self._corpora]
        self._marks, self._tokens_each, self._seed = marks, tokens_each, seed

    def __getitem__(self, group: int) -> list[tuple[str, Batch]]:
        rng = random.Random(f"{self._seed}:{group}")
        batches = []
        for task, make in TASKS.items():
            pairs: list[Encoded] = []
            size, wanted = 0, self._tokens_each * _BATCHES_IN_GROUP // len(TASKS)
            while size < wanted:
                source, target = make(self._text(rng), self._marks, rng)
                pairs.append((source, target))
                size += len(source) + len(target)
            for alike in by_target(pairs, self._tokens_each * _BATCHES_OF_ALIKE_TARGETS):
                batches += [(task, batch) for batch in cut(alike, self._tokens_each)]
        rng.shuffle(batches)
        return batches

    def _text(self, rng: random.Random) -> list[int]:
        (corpus,) = rng.choices(self._corpora, self._shares)
        start = rng.randrange(len(corpus.train))
        if corpus.name in _IN_ORDER and rng.random() < _SEVERAL_LINES:
            return neighbours(corpus.train, start, rng.randint(_ROOM // 3, _ROOM))
        return corpus.train.line(start)[:_ROOM]


def held_out_batches(corpora: Sequence[TokenCorpus], marks: Marks, tokens_each: int) -> list[tuple[str, str, Batch]]:
    """Return the fixed batches for evaluation: corpus, task, batch. Each task has every second held-out line."""
    rng = random.Random("held out")
    batches = []
    for corpus in corpora:
        for first, (task, make) in enumerate(TASKS.items()):
            lines = [corpus.held_out.line(place)[:_ROOM] for place in range(first, len(corpus.held_out), len(TASKS))]
            pairs = [make(line, marks, rng) for line in lines]
            for alike in by_target(pairs, tokens_each // 4):
                batches += [(corpus.name, task, batch) for batch in cut(alike, tokens_each)]
    return batches
