"""How acceptable the rewrites of a pool are, for the judge of rewrites to learn: lines of [text, acceptability].

    python -m benchmarks.fluency_labels --pool FILE --out FILE

A text and some of its rewrites each, by the same scorer that versions are measured with (docs/evaluation.md).
"""

import argparse
import json
import random
from pathlib import Path

from models.base.build.pool import read_pool
from worker.evaluation.scorers.fluency import Acceptability

_REWRITES = 7
_AT_ONCE = 500


def main() -> None:
    """Score the pool and write what was found as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fluency_labels", description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="as `models.base.build.pool` writes it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "mellow")
    options = parser.parse_args()
    rng = random.Random(3)
    picked = (
        text
        for one in read_pool(options.pool)
        for text in (one.source, *rng.sample(one.rewrites, min(_REWRITES, len(one.rewrites))))
    )
    texts = list(dict.fromkeys(picked))
    acceptability = Acceptability(options.cache)
    with options.out.open("w", encoding="utf-8") as lines:
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            for text, value in zip(some, acceptability(some), strict=True):
                lines.write(json.dumps([text, round(value, 5)], ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
