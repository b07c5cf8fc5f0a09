"""From answers in order of quality to pairs of a better and a worse one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from types import MappingProxyType

Places = tuple[int, int]


def _best_vs_rest(count: int) -> Iterable[Places]:
    return ((0, other) for other in range(1, count))


def _all(count: int) -> Iterable[Places]:
    return combinations(range(count), 2)


def _adjacent(count: int) -> Iterable[Places]:
    return pairwise(range(count))


RANKINGS: Mapping[str, Callable[[int], Iterable[Places]]] = MappingProxyType(
    {"best-vs-rest": _best_vs_rest, "all": _all, "adjacent": _adjacent}
)
"""Of n answers: the best against each other one (n - 1 pairs), each against each worse one (n (n - 1) / 2 pairs), or
each against the next (n - 1 pairs). Of several that are equally the best, each stands against each of the others."""


def ranked_pairs(count: int, scores: Sequence[float] | None, ranking: str) -> tuple[list[Places], int]:
    """The places (better, worse) of `count` answers that stand best first, and how many pairs are ties.

    Two answers with the same score are a tie and make no pair. Without `scores` there are no ties.
    """
    if scores is None:
        return list(RANKINGS[ranking](count)), 0
    if ranking == "best-vs-rest":
        best = sum(score == scores[0] for score in scores)
        return [(better, worse) for better in range(best) for worse in range(best, count)], best * (best - 1) // 2
    pairs = list(RANKINGS[ranking](count))
    kept = [(better, worse) for better, worse in pairs if scores[better] != scores[worse]]
    return kept, len(pairs) - len(kept)
