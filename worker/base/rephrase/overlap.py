"""The check that no text of a training is one that is held out, made before each training."""

import logging
from collections.abc import Iterable, Sequence

from models.formats.splitting import split_key
from models.texts.near_duplicates import TestedTexts
from worker.base.texts.held_out import Pair

log = logging.getLogger(__name__)


def check_apart(name: str, pairs: Iterable[Pair], held_out: TestedTexts) -> None:
    """Raise ValueError if a source or target has the wording of a held-out text.

    For pairs that were made of other texts: they were made with what is held out, and no others of them may be trusted.
    """
    for pair in pairs:
        for found in map(held_out.like, pair):
            if found is not None and found.same:
                raise ValueError(f'{name} has the text "{found.text:.60}", which is held out: nothing was trained.')


def apart(name: str, pairs: Sequence[Pair], held_out: TestedTexts) -> list[Pair]:
    """Return the pairs without those that have a held-out text or a near-duplicate of one."""
    kept = [pair for pair in pairs if not any(map(held_out.like, pair))]
    if len(kept) < len(pairs):
        log.info("%s: %d pairs are left out, which are close to a held-out text", name, len(pairs) - len(kept))
    return kept


def without_overlap(pairs: Iterable[Pair], held_out: set[str]) -> list[Pair]:
    """Return the pairs neither side of which has the wording of a held-out text; `held_out` holds `split_key`s."""
    return [pair for pair in pairs if held_out.isdisjoint(map(split_key, pair))]
