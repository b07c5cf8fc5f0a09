"""Select a model's own rewrites that are good enough to train on.

    python -m worker.base.teaching.select --data DIR --model CHECKPOINT --language-model LM --out selected.jsonl

This is best-of-n self-training (RAFT, Dong et al. 2023; ReST, Gulcehre et al. 2023): for every rude sentence of the
training corpora, paired or not, the model samples rewrites; those that are neutral, similar in meaning, fluent and
probable under the model are kept beside people's own, the best two for each sentence. Neutrality is that of
`models.serving.neutrality`, similarity MiniLM's cosine, fluency a language model's mean token log-probability. The
evaluation of meaning and fluency therefore uses models that helped to select this model's training data; the toxicity
classifier was not used.
"""

import argparse
import json
import logging
import math
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
from tokenizers import Tokenizer

from models.serving.generator import wording
from models.serving.neutrality import Neutrality
from worker.base.teaching.meaning import similarities
from worker.base.texts.corpus import Corpus, Row, read_corpus
from worker.base.texts.held_out import Pair
from worker.base.texts.lexicon import Lexicon, learn_lexicon
from worker.base.texts.ngrams import Ngrams

log = logging.getLogger(__name__)

KEPT = 2
_SAMPLES = 6
_BEAMS = 4
_COMPARED = 5
_READ = 3
_RUDE = 0.3
_NEUTRAL = 0.7
_SAME_MEANING = 0.6
_FLUENT = 0.5
_READING_WELL = 0.4
_LONGEST = 60
_AT_ONCE = 512


@dataclass(frozen=True)
class Candidate:
    """A rewrite with its neutrality, its n-gram fluency and its mean token log-probability (0 for a person's)."""

    text: str
    neutral: float
    fluent: float
    log_probability: float

    @property
    def promise(self) -> float:
        """Return its score without similarity in meaning."""
        return self.neutral * self.fluent * math.exp(0.3 * self.log_probability)


class LanguageModel:
    """A causal language model, as a CTranslate2 folder with its tokenizer.json, that scores texts."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._generator = ctranslate2.Generator(str(folder), compute_type="int8", intra_threads=2)

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return the mean token log-probability, in nats, of each text."""
        tokens = [["<|endoftext|>", *self._tokenizer.encode(as_written(text)).tokens] for text in texts]
        scored = self._generator.score_batch(tokens, max_batch_size=2048, batch_type="tokens")
        return [sum(result.log_probs) / len(result.log_probs) for result in scored]


def as_written(text: str) -> str:
    """Return the text without the spacing and lower case of tokenized corpora, which do not matter for fluency."""
    joined = re.sub(r" +(?=[.,!?;:%)]|n't\b|'\w)", "", " ".join(text.split()))
    return joined[:1].upper() + joined[1:]


@dataclass(frozen=True)
class Judges:
    """The scorers that select rewrites, except for meaning; `read` returns fluency in nats."""

    neutral: Neutrality
    ngrams: Ngrams
    lexicon: Lexicon
    read: Callable[[Sequence[str]], list[float]]


def read_selected(path: Path) -> list[Pair]:
    """Read the (source, rewrite) pairs of a file that the selection wrote, one JSON list a line."""
    with path.open(encoding="utf-8") as lines:
        return [(source, rewrite) for source, rewrite in map(json.loads, lines)]


def rude_sentences(corpus: Corpus, judge: Neutrality, unpaired: int, rng: random.Random) -> list[Row]:
    """Return ParaDetox's training rows, and up to `unpaired` rude lines without a rewrite."""
    lines = [line for line in [*corpus.hostile, *corpus.comments] if 3 <= len(line.split()) <= _LONGEST]
    rng.shuffle(lines)
    rude = (line for line, neutral in zip(lines, judge(lines), strict=True) if neutral < _RUDE)
    return [*corpus.train, *(Row(line, ()) for line, _ in zip(rude, range(unpaired), strict=False))]


class Writer:
    """Generates rewrites with a converted checkpoint."""

    def __init__(self, folder: Path, beams: int = _BEAMS, samples: int = _SAMPLES) -> None:
        self._beams, self._samples = beams, samples
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._translator = ctranslate2.Translator(str(folder), compute_type="int8", intra_threads=2)

    def __call__(self, sources: Sequence[str]) -> list[dict[str, float]]:
        """Return distinct sampled and beam-searched rewrites of each source, with their mean token log-probability."""
        tokens = [self._tokenizer.encode(text).tokens for text in sources]
        written: list[dict[str, float]] = [{} for _ in sources]
        for how in (
            {"beam_size": self._beams, "num_hypotheses": self._beams},
            {"beam_size": 1, "num_hypotheses": self._samples, "sampling_topp": 0.95, "sampling_topk": 0},
        ):
            results = self._translator.translate_batch(
                tokens,
                max_batch_size=2048,
                batch_type="tokens",
                max_decoding_length=120,
                max_input_length=0,
                return_scores=True,
                **how,
            )
            for rewrites, result in zip(written, results, strict=True):
                for hypothesis, score in zip(result.hypotheses, result.scores, strict=True):
                    text = self._text(hypothesis)
                    if text:
                        rewrites.setdefault(text, float(score))
        return written

    def _text(self, tokens: Sequence[str]) -> str:
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        text: str = self._tokenizer.decode([number for number in ids if number is not None])
        return text.strip()


def without_toxic_words(text: str, lexicon: Lexicon) -> str:
    """Remove the words that rewriting usually removes."""
    return " ".join(word for word in text.split(" ") if word.lower() not in lexicon.words)


def candidates(row: Row, written: dict[str, float], judges: Judges) -> list[Candidate]:
    """Return the most promising neutral and fluent rewrites of a row, of whatever origin, without copies."""
    offered = {**written, **dict.fromkeys(row.rewrites, 0.0)}
    mean = sum(written.values()) / max(1, len(written))
    offered.setdefault(without_toxic_words(row.toxic, judges.lexicon), mean)
    texts = [text for text in offered if text and wording(text) != wording(row.toxic)]
    judged = [
        Candidate(text, neutral, judges.ngrams.fluency(row.toxic, text), offered[text])
        for text, neutral in zip(texts, judges.neutral(texts), strict=True)
        if neutral > _NEUTRAL
    ]
    fluent = [candidate for candidate in judged if candidate.fluent > _FLUENT]
    return sorted(fluent, key=lambda candidate: -candidate.promise)[:_COMPARED]


def alike(group: Sequence[tuple[Row, list[Candidate]]]) -> list[list[tuple[float, str]]]:
    """Return the best candidates of each row that keep its meaning, with scores that include the similarity."""
    flat = [(row.toxic, candidate.text) for row, offered in group for candidate in offered]
    kept = iter(similarities([source for source, _ in flat], [text for _, text in flat]))
    rows: list[list[tuple[float, str]]] = []
    for _, offered in group:
        judged = [(candidate, next(kept)) for candidate in offered]
        same = [
            (candidate.promise * meaning, candidate.text) for candidate, meaning in judged if meaning > _SAME_MEANING
        ]
        rows.append(sorted(same, reverse=True)[:_READ])
    return rows


def best(scored: Sequence[tuple[float, str]]) -> list[str]:
    """Return the best rewrites of a row that differ in their words."""
    chosen: dict[str, str] = {}
    for _, text in sorted(scored, reverse=True):
        if len(chosen) < KEPT:
            chosen.setdefault(wording(text), text)
    return list(chosen.values())


def select(
    rows: Sequence[Row], writer: Callable[[Sequence[str]], list[dict[str, float]]], judges: Judges
) -> Iterator[Pair]:
    """Yield selected (source, rewrite) pairs, row by row."""
    for start in range(0, len(rows), _AT_ONCE):
        group = rows[start : start + _AT_ONCE]
        written = writer([row.toxic for row in group])
        offered = [(row, candidates(row, texts, judges)) for row, texts in zip(group, written, strict=True)]
        shortlists = alike(offered)
        read = iter(judges.read([text for shortlist in shortlists for _, text in shortlist]))
        for row, shortlist in zip(group, shortlists, strict=True):
            for text in best([(score * math.exp(_READING_WELL * next(read)), text) for score, text in shortlist]):
                yield row.toxic, text
        log.info("%d of %d sentences", start + len(group), len(rows))


def write_selected(pairs: Iterable[Pair], path: Path) -> int:
    """Write the pairs to a file atomically; return their number."""
    count = 0
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as lines:
        for pair in pairs:
            lines.write(json.dumps(pair, ensure_ascii=False) + "\n")
            count += 1
    Path(lines.name).replace(path)
    return count


def main() -> None:
    """Select from a data folder with a converted checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.teaching.select", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--model", type=Path, required=True, help="CTranslate2 folder of the model that writes")
    parser.add_argument(
        "--language-model", type=Path, required=True, help="CTranslate2 folder of a causal language model"
    )
    parser.add_argument("--out", type=Path, required=True, help="file the pairs are written to")
    parser.add_argument("--unpaired", type=int, default=9_000, help="rude lines without rewrites (default %(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    rng = random.Random(20)
    ctranslate2.set_random_seed(20)
    corpus, judge = read_corpus(options.data), Neutrality()
    rows = rude_sentences(corpus, judge, options.unpaired, rng)
    paired = (text for row in corpus.train for text in (row.toxic, *row.rewrites))
    ngrams = Ngrams([*corpus.neutral, *corpus.hostile, *paired])
    judges = Judges(judge, ngrams, learn_lexicon(corpus.train, corpus.neutral), LanguageModel(options.language_model))
    rng.shuffle(rows)
    count = write_selected(select(rows, Writer(options.model), judges), options.out)
    log.info("%d pairs selected", count)


if __name__ == "__main__":
    main()
