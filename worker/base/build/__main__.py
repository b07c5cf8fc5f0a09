"""Build the base checkpoint: `python -m worker.base.build --data DIR --work DIR --out models/base`.

Started again with the same work folder it resumes where it stopped.
"""

import argparse
import logging
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import T5ForConditionalGeneration
from transformers.utils.logging import disable_progress_bar

from worker.base.build.checkpoint import BuildProgress, grow, new_model
from worker.base.build.tokenizer import train_tokenizer
from worker.base.build.train import Plan, Training
from worker.base.teaching.select import read_selected
from worker.base.texts.corpus import Corpus, read_corpus
from worker.base.texts.lexicon import learn_lexicon
from worker.base.texts.pairs import PairSource


def tokenizer_of(corpus: Corpus, vocab_size: int, work: Path) -> Tokenizer:
    """Load the tokenizer of the work folder; train it first on every text of the corpus if there is none."""
    path = work / "tokenizer.json"
    if not path.exists():
        rows = [text for row in corpus.train for text in (row.toxic, *row.rewrites)]
        texts = [*rows, *corpus.neutral, *corpus.hostile]
        tokenizer = train_tokenizer(iter(texts), vocab_size)
        tokenizer.save(str(path))
    return Tokenizer.from_file(str(path))


def starting_model(tokenizer: Tokenizer, plan: Plan, start_from: Path | None) -> T5ForConditionalGeneration:
    """Return an untrained model, or the one in a folder grown to the plan's depth."""
    layers = (plan.encoder_layers, plan.decoder_layers)
    if start_from is None:
        return new_model(
            tokenizer.get_vocab_size(), width=plan.width, encoder_layers=layers[0], decoder_layers=layers[1]
        )
    return grow(T5ForConditionalGeneration.from_pretrained(start_from), *layers)


def build(
    data: Path, work: Path, out: Path, plan: Plan, *, start_from: Path | None = None, selected: Path | None = None
) -> BuildProgress:
    """Train a checkpoint on a data folder and write it to the out folder."""
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    corpus = read_corpus(data)
    if start_from is not None and not (work / "tokenizer.json").exists():
        shutil.copyfile(start_from / "tokenizer.json", work / "tokenizer.json")
    tokenizer = tokenizer_of(corpus, plan.vocabulary, work)
    pairs = read_selected(selected) if selected else []
    source = PairSource(corpus, learn_lexicon(corpus.train, corpus.neutral), pairs)
    return Training(starting_model(tokenizer, plan, start_from), tokenizer, source, corpus.dev, plan, work).run(out)


def main() -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.build", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--work", type=Path, required=True, help="folder a stopped build resumes from")
    parser.add_argument("--out", type=Path, required=True, help="folder the checkpoint is written to")
    parser.add_argument("--minutes", type=float, default=60.0, help="training time (default %(default)s)")
    parser.add_argument("--start-from", type=Path, help="checkpoint to go on from instead of random weights")
    parser.add_argument(
        "--selected", type=Path, help="rewrites to learn from, as `worker.base.teaching.select` writes them"
    )
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate, help="default %(default)s")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    disable_progress_bar()  # type: ignore[no-untyped-call]
    plan = Plan(
        minutes=options.minutes,
        learning_rate=options.learning_rate,
        restore_share=0.0 if options.start_from else Plan.restore_share,
    )
    build(options.data, options.work, options.out, plan, start_from=options.start_from, selected=options.selected)


if __name__ == "__main__":
    main()
