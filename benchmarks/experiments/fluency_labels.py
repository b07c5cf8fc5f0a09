"""What a language model makes of the rewrites of a pool, for the judge of rewrites to learn.

    python -m benchmarks.experiments.fluency_labels --pool FILE --out FILE

A text and some of its rewrites each, by the same scorer that versions are measured with (docs/evaluation.md): how
acceptable it is, and of each token its log-probability and its rarity. A text whose letters that scorer changes is left
out.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from worker.base.teaching.covered import Token, ends
from worker.base.teaching.pool import Label, read_pool, write_label
from worker.evaluation.scorers.fluency import Acceptability, as_prose, rarities

_REWRITES = 14
_AT_ONCE = 500


def labels(texts: Sequence[str], acceptability: Acceptability) -> list[Label]:
    """A label of each of the texts, which hold a word each."""
    prose = [as_prose(text) for text in texts]
    scored = acceptability.language_model.token_log_probs(prose)
    found = []
    for text, (ids, log_probs), value in zip(prose, scored, acceptability.of_tokens(scored), strict=True):
        places = ends(text, acceptability.language_model.offsets(text))
        told = zip(places, log_probs[:-1], rarities(ids).tolist(), strict=True)
        found.append(Label(value, [Token(end, round(log, 3), round(rarity, 3)) for end, log, rarity in told]))
    return found


def readable(text: str) -> bool:
    """Whether a text holds a word and the scorer reads it letter by letter."""
    letters, read = ("".join(one.split()) for one in (text, as_prose(text)))
    return any(map(str.isalnum, text)) and len(letters) == len(read) and letters.casefold() == read.casefold()


def main() -> None:
    """Score the pool and write what was found as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments.fluency_labels", description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="as `worker.base.teaching.pool` writes it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "mellow")
    options = parser.parse_args()
    rng = random.Random(3)
    picked = (
        text
        for one in read_pool(options.pool)
        for text in (one.source, *rng.sample(one.rewrites, min(_REWRITES, len(one.rewrites))))
    )
    texts = [text for text in dict.fromkeys(picked) if readable(text)]
    acceptability = Acceptability(options.cache)
    with options.out.open("w", encoding="utf-8") as lines:
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            for text, label in zip(some, labels(some, acceptability), strict=True):
                write_label(text, label, lines)


if __name__ == "__main__":
    main()
