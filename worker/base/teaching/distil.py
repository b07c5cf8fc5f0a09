"""Distil rewrites of rude sentences from a teacher, the present model and people, in three steps:

    python -m worker.base.teaching.distil write --data DIR --model CHECKPOINT --teacher FOLDER --out pool.jsonl
    python -m benchmarks.experiments.fluency_labels --pool pool.jsonl --out fluency.jsonl
    python -m worker.base.teaching.distil choose --pool pool.jsonl --fluency fluency.jsonl --out selected.jsonl

This is sequence-level knowledge distillation (Kim & Rush 2016) with best-of-n. The studio's own choice gives a
shortlist; the best of it by neutrality x similarity squared x fluency is trained on, with the similarity and fluency
scorers of the evaluation. The toxicity classifier is not used.
"""

import argparse
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ctranslate2
from tokenizers import Tokenizer

from models.serving.choosing import Rewrite, neutrality, qualities
from models.serving.generator import wording
from worker.base.teaching.meaning import similarities
from worker.base.teaching.pool import Written, read_labels, read_pool, write_pool
from worker.base.teaching.select import Writer, rude_sentences, write_selected
from worker.base.teaching.teacher import BOUNDARY, asked
from worker.base.texts.corpus import Row, read_corpus
from worker.base.texts.held_out import Pair
from worker.base.texts.tidy import tidy

log = logging.getLogger(__name__)

_SHORTLIST = 3
_NEUTRAL = 0.7
_SURELY_NEUTRAL = 0.9
_SAME_MEANING = 0.6
_BEAMS = 8
_SAMPLES = 2
_TEACHERS_SAMPLES = 5
_TEMPERATURE = 0.8
_LIKELIEST = 64
_LONGEST = 70
_WORDS = 35
_AT_ONCE = 256


class Teacher:
    """Samples rewrites from the folder that `worker.base.teaching.teacher` wrote."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._generator = ctranslate2.Generator(str(folder), compute_type="int8", inter_threads=2, intra_threads=1)

    def __call__(self, sources: Sequence[str]) -> list[list[str]]:
        """Sample distinct rewrites of each source."""
        results = self._generator.generate_batch(
            [[BOUNDARY, *self._tokenizer.encode(asked(text)).tokens] for text in sources],
            max_batch_size=32,
            beam_size=1,
            num_hypotheses=_TEACHERS_SAMPLES,
            sampling_temperature=_TEMPERATURE,
            sampling_topp=0.95,
            sampling_topk=_LIKELIEST,
            max_length=_LONGEST,
            include_prompt_in_result=False,
            end_token=BOUNDARY,
        )
        return [list(dict.fromkeys(map(self._first_line, result.sequences_ids))) for result in results]

    def _first_line(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids)
        return text.strip().split("\n")[0].strip()


def shortlist(source: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the neutral texts that the studio's choice ranks highest, tidied and without copies."""
    neat = list(dict.fromkeys(tidy(text) for text in texts))
    neutral = [text for text, clean in zip(neat, neutrality()(neat), strict=True) if text and clean > _NEUTRAL]
    offered = [text for text in neutral if wording(text) != wording(source)]
    values = qualities(source, [Rewrite(text, 0.0) for text in offered])
    return tuple(text for _, text in sorted(zip(values, offered, strict=True), reverse=True)[:_SHORTLIST])


def written(
    rows: Sequence[Row],
    writer: Callable[[Sequence[str]], list[dict[str, float]]],
    teacher: Callable[[Sequence[str]], list[list[str]]],
) -> Iterator[Written]:
    """Yield the shortlist of every row, computed in chunks."""
    for start in range(0, len(rows), _AT_ONCE):
        chunk = rows[start : start + _AT_ONCE]
        sources = [row.toxic for row in chunk]
        for row, own, taught in zip(chunk, writer(sources), teacher(sources), strict=True):
            yield Written(row.toxic, shortlist(row.toxic, [*row.rewrites, *own, *taught]))
        log.info("%d of %d sentences", start + len(chunk), len(rows))


def choose(pool: Sequence[Written], fluency: dict[str, float]) -> Iterator[Pair]:
    """Yield each source with its best rewrite, if one is surely neutral and keeps the meaning."""
    flat = [(one.source, text) for one in pool for text in one.rewrites if text in fluency]
    texts = [text for _, text in flat]
    alike = similarities([source for source, _ in flat], texts)
    best: dict[str, tuple[float, str]] = {}
    for (source, text), kept, clean in zip(flat, alike, neutrality()(texts), strict=True):
        if kept > _SAME_MEANING and clean > _SURELY_NEUTRAL:
            best[source] = max(best.get(source, (0.0, "")), (clean * kept**2 * fluency[text], text))
    return ((source, text) for source, (_, text) in best.items())


def main() -> None:
    """Run one of the steps from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.teaching.distil", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    write = steps.add_parser("write")
    write.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    write.add_argument("--model", type=Path, required=True, help="CTranslate2 folder of the present model")
    write.add_argument("--teacher", type=Path, required=True, help="as `worker.base.teaching.teacher` writes it")
    write.add_argument("--unpaired", type=int, default=4_000, help="rude lines without rewrites (default %(default)s)")
    write.add_argument("--sources", type=int, default=10_000, help="texts that are rewritten (default %(default)s)")
    chosen = steps.add_parser("choose")
    chosen.add_argument("--pool", type=Path, required=True, help="what the first step wrote")
    chosen.add_argument(
        "--fluency", type=Path, required=True, help="as `benchmarks.experiments.fluency_labels` writes it"
    )
    for step in (write, chosen):
        step.add_argument("--out", type=Path, required=True, help="file that is written")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.step == "choose":
        fluency = {text: label.acceptability for text, label in read_labels(options.fluency).items()}
        count = write_selected(choose(read_pool(options.pool), fluency), options.out)
        log.info("%d pairs chosen", count)
        return
    rng = random.Random(11)
    ctranslate2.set_random_seed(11)
    rows = rude_sentences(read_corpus(options.data), neutrality(), options.unpaired, rng)
    rows = [row for row in rng.sample(rows, len(rows)) if len(row.toxic.split()) <= _WORDS]
    writer = Writer(options.model, beams=_BEAMS, samples=_SAMPLES)
    write_pool(written(rows[: options.sources], writer, Teacher(options.teacher)), options.out)


if __name__ == "__main__":
    main()
