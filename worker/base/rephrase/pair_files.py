"""The pairs of the data folder's pairs/*.tsv.gz, each file with its kind, its share, and a part that is held out."""

import csv
import gzip
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.formats.splitting import held_out_keys, split_key
from models.serving.choosing import repetition
from worker.base.rephrase.codes import KINDS
from worker.base.texts.corpus import one_line
from worker.base.texts.held_out import Pair

_LONGEST = 50
_HELD_OUT_ONE_IN = 50
_KEPT_BY_A_CORRECTION = 0.6
# Templated, of one narrow domain, or adding what the source does not say.
_FACTORS = {"blimp_grammar": 0.4, "e2e_restaurant": 0.3, "positive_reframing": 0.5, "wiki_split": 0.5}


@dataclass(frozen=True)
class PairFile:
    """The usable pairs of one file and kind: those to train on and those held out for measuring."""

    name: str
    kind: str
    train: list[Pair]
    held_out: list[Pair]

    @property
    def share(self) -> float:
        """Return the relative share of its pairs: the square root of their number, times a factor of the file."""
        return math.sqrt(len(self.train)) * _FACTORS.get(self.name, 1.0)


def read_pair_files(data: Path, is_toxic: Callable[[str], bool]) -> list[PairFile]:
    """Read every pair file of a data folder, without pairs that teach nothing good.

    Those are pairs without a difference, with a long side, with a rude target, and corrections that are other sentences
    (a machine translation and its post-edit may be). Kinds that are not in KINDS, of which there are few, are left out,
    too. Raises ValueError if there is no pair file.
    """
    paths = sorted((data / "pairs").glob("*.tsv.gz"))
    if not paths:
        raise ValueError(f"{data} has no pairs/*.tsv.gz.")
    files = []
    for path in paths:
        by_kind: dict[str, list[Pair]] = {}
        for source, target, kind in _rows(path):
            if kind in KINDS and _teaches(source, target, kind) and not is_toxic(target):
                by_kind.setdefault(kind, []).append((source, target))
        files += [_divided(path.name.removesuffix(".tsv.gz"), kind, pairs) for kind, pairs in by_kind.items()]
    return files


def _rows(path: Path) -> list[tuple[str, str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(one_line(row["source"]), one_line(row["target"]), row["kind"].strip()) for row in rows]


def _teaches(source: str, target: str, kind: str) -> bool:
    if not source or not target or source == target or max(len(source.split()), len(target.split())) > _LONGEST:
        return False
    return kind != "grammar" or repetition(source, target) >= _KEPT_BY_A_CORRECTION


def _divided(name: str, kind: str, pairs: Sequence[Pair]) -> PairFile:
    """Hold out about one source in fifty, by its wording."""
    keys = held_out_keys([source for source, _ in pairs], _HELD_OUT_ONE_IN)
    train = [pair for pair in pairs if split_key(pair[0]) not in keys]
    return PairFile(name, kind, train, [pair for pair in pairs if split_key(pair[0]) in keys])
