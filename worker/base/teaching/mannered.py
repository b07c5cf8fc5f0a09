"""Choose rewrites of rude sentences, the best one of each and the best one in each manner, to train on.

    python -m worker.base.teaching.mannered --data DIR --model CHECKPOINT --out selected.jsonl

This is best-of-n self-training (RAFT, Dong et al. 2023) with a manner as the condition. For every rude sentence of the
training corpora, paired or not, the model samples and searches rewrites, in its manners if it has any; people's own
stand beside them, and what the rules of `worker.base.rephrase.manners` make of the best. The studio's own readings
choose: the classifier of neutrality, and the judge of meaning and fluency. The scorers of the evaluation are not
asked, but the judge learned from two of them.

Each line of the file is `[source, rewrite, manner]`, with "" for the best rewrite of all. Started again, the program
goes on after the last sentence of the file.
"""

import argparse
import json
import logging
import math
import multiprocessing
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from models.formats.splitting import split_key
from models.manners import PLAIN
from models.serving.choosing import LIKELIHOOD, neutrality, read, rude_words
from models.serving.engine import Draw, Engine, Sampling
from models.serving.generator import COMPUTE_TYPE, wording
from models.soundness import invented, turned_round
from worker.base.pretrain.starting import set_by_signals
from worker.base.rephrase.codes import MANNERS
from worker.base.rephrase.manners import manners_of, rewritten
from worker.base.rephrase.neat_lines import neat_lines
from worker.base.teaching.select import rude_sentences
from worker.base.texts.corpus import Row, read_corpus
from worker.base.texts.held_out import held_out_wordings
from worker.base.texts.lexicon import learn_lexicon
from worker.base.texts.ngrams import Ngrams
from worker.base.texts.tidy import tidy

log = logging.getLogger(__name__)

_PLAIN_SAMPLES = 24
_SAMPLES_OF_EACH = 6
_BEAMS = 12
_REWRITTEN_BY_RULE = 4
_NEUTRAL = 0.7
_SAME_MEANING = 0.6
_SAME_MEANING_IF_BRIEF = 0.5
_FLUENT = 0.4
_LEAST_QUALITY = 0.2
_SHARE_OF_BEST = 0.6
_WORDS = 40
_AT_ONCE = 16
_LOGGED_EVERY = 500


class Chosen(NamedTuple):
    """A rewrite of a source, and the manner in which it was chosen, or PLAIN as the best of all."""

    source: str
    rewrite: str
    manner: str


def read_chosen(path: Path) -> list[Chosen]:
    """Read a file of this module, or one of `worker.base.teaching.select`, whose rewrites have no manner."""
    with path.open(encoding="utf-8") as lines:
        return [Chosen(row[0], row[1], row[2] if len(row) > 2 else PLAIN) for row in map(json.loads, lines)]


def cut_half_line(path: Path) -> None:
    """Remove what a writer that was killed has left of a line at the end of a file."""
    whole = path.read_bytes().rpartition(b"\n")
    with path.open("r+b") as lines:
        lines.truncate(len(whole[0]) + len(whole[1]))


@dataclass(frozen=True)
class Judged:
    """The quality of the rewrites of a source: of those that were written, and of what rules made of the best."""

    written: Mapping[str, float]
    by_rule: Mapping[str, float]


def choices(source: str, judged: Judged) -> list[Chosen]:
    """Return the best written rewrite of a source and the best in each manner.

    In a manner none is much worse than the best of all.
    """
    best = max(judged.written.values(), default=0.0)
    if best < _LEAST_QUALITY:
        return []
    values = {**judged.by_rule, **judged.written}
    ordered = sorted(values, key=values.__getitem__, reverse=True)
    manners = {text: manners_of(source, text) for text in ordered if values[text] >= _SHARE_OF_BEST * best}
    found = [Chosen(source, max(judged.written, key=judged.written.__getitem__), PLAIN)]
    for manner in MANNERS:
        fitting = (text for text, present in manners.items() if manner in present)
        found += [Chosen(source, text, manner) for text in [next(fitting, None)] if text]
    return found


def qualities(source: str, rewrites: Mapping[str, float]) -> Judged:
    """Judge rewrites, given each with its mean log-probability, and what rules make of the best.

    Those that are a copy, rude, or of another meaning are left out.
    """
    neat = {tidy(text) or text: value for text, value in rewrites.items() if wording(text) != wording(source)}
    values = _qualities(source, neat)
    ordered = sorted(values, key=values.__getitem__, reverse=True)
    by_rule = {
        made: neat[text]
        for text in ordered[:_REWRITTEN_BY_RULE]
        for manner in MANNERS
        if manner not in manners_of(source, text) and (made := rewritten(manner, source, text)) and made not in neat
    }
    return Judged(values, _qualities(source, by_rule))


def _qualities(source: str, rewrites: Mapping[str, float]) -> dict[str, float]:
    """Return the quality of those rewrites that are neutral and keep the meaning."""
    readings = zip(rewrites, read(source, list(rewrites)), strict=True)
    return {
        text: reading.quality * math.exp(LIKELIHOOD * rewrites[text])
        for text, reading in readings
        if reading.neutrality > _NEUTRAL and reading.verdict.meaning > _least_meaning(source, text)
    }


def _least_meaning(source: str, text: str) -> float:
    return _SAME_MEANING_IF_BRIEF if "brief" in manners_of(source, text) else _SAME_MEANING


def written(engine: Engine, source: str) -> dict[str, float]:
    """Return rewrites that a model samples, in every manner that it has, and finds; each with a token's mean log p."""
    tokens, forbidden = engine.tokens(source), engine.forms(rude_words(source))
    draws = [Draw(tokens, _PLAIN_SAMPLES, Sampling.temperature, Sampling(), forbidden)]
    if engine.manners:
        count = _SAMPLES_OF_EACH * len(engine.manners)
        draws.append(Draw(tokens, count, Sampling.temperature, Sampling(), forbidden, manners=engine.manners))
    found = {one.text: one.log_probability for draw in draws for one in engine.draw(draw).samples}
    found |= {one.text: one.log_probability for one in engine.search(tokens, _BEAMS, forbidden)}
    return {text: value / engine.length(text) for text, value in found.items()}


@cache
def _engine(model: Path) -> Engine:
    """Load the model of a process once, with a seed that no other process has."""
    number = (multiprocessing.current_process()._identity or (1,))[0]
    return Engine(model, compute_type=COMPUTE_TYPE, threads=1, seed=11 + number)


def judged(model: Path, row: Row) -> Judged:
    """Write rewrites of a row with a model, and return the quality of those and of people's own."""
    own = written(_engine(model), row.toxic)
    usual = sum(own.values()) / max(1, len(own))
    return qualities(row.toxic, {**dict.fromkeys(row.rewrites, usual), **own})


def write(
    rows: Sequence[Row],
    model: Path,
    out: Path,
    fits: Callable[[str, str], bool],
    stop: threading.Event,
    processes: int = 1,
) -> int:
    """Append the choices, among rewrites that fit their source, for the rows behind the last one of the file.

    It goes on until `stop` is set; returns how many were appended.
    """
    out.touch()
    cut_half_line(out)
    done = {one.source for one in read_chosen(out)}
    left = rows[1 + max((place for place, row in enumerate(rows) if row.toxic in done), default=-1) :]
    count = 0
    with out.open("a", encoding="utf-8") as lines, ProcessPoolExecutor(processes, mp_context=_SPAWN) as pool:
        judgments = pool.map(judged, [model] * len(left), left, chunksize=_AT_ONCE)
        for number, (row, of_row) in enumerate(zip(left, judgments, strict=True), 1):
            if stop.is_set():
                pool.shutdown(cancel_futures=True)
                break
            written, by_rule = (_fitting(row.toxic, values, fits) for values in (of_row.written, of_row.by_rule))
            chosen = choices(row.toxic, Judged(written, by_rule))
            lines.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in chosen))
            count += len(chosen)
            if number % _LOGGED_EVERY == 0:
                lines.flush()
                log.info("%d of %d sentences, %d rewrites", number, len(left), count)
    return count


def _fitting(source: str, values: Mapping[str, float], fits: Callable[[str, str], bool]) -> dict[str, float]:
    return {text: value for text, value in values.items() if fits(source, text)}


def is_sound(source: str, rewrite: str, ngrams: Ngrams) -> bool:
    """Return whether a rewrite has no invented word and no improbable trigram, and denies what its source denies."""
    return (
        not turned_round(source, rewrite)
        and not invented(source, rewrite)
        and ngrams.fluency(source, rewrite) > _FLUENT
    )


_SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    """Choose from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.teaching.mannered", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--model", type=Path, required=True, help="CTranslate2 folder of the model that writes")
    parser.add_argument("--out", type=Path, required=True, help="file the rewrites are appended to")
    parser.add_argument("--sources", type=int, default=12_000, help="texts that are rewritten (default %(default)s)")
    parser.add_argument("--unpaired", type=int, default=12_000, help="rude lines to draw from (default %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="default %(default)s")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    rng = random.Random(11)
    corpus = read_corpus(options.data)
    lexicon = learn_lexicon(corpus.train, corpus.neutral)
    held_out = held_out_wordings((row.toxic, rewrite) for row in corpus.dev for rewrite in row.rewrites)
    rewrites = [rewrite for row in corpus.train for rewrite in row.rewrites]
    ngrams = Ngrams([*corpus.neutral, *rewrites, *neat_lines(options.data, lexicon, held_out)])
    rows = rude_sentences(corpus, neutrality(), options.unpaired, rng)
    rows = [row for row in rng.sample(rows, len(rows)) if len(row.toxic.split()) <= _WORDS]
    rows = [row for row in rows if split_key(row.toxic) not in held_out]

    def fits(source: str, rewrite: str) -> bool:
        return is_sound(source, rewrite, ngrams) and split_key(rewrite) not in held_out

    count = write(rows[: options.sources], options.model, options.out, fits, set_by_signals(), options.processes)
    log.info("%d rewrites chosen", count)


if __name__ == "__main__":
    main()
