"""Build the base checkpoint: `python -m models.base.build --data DIR --work DIR --out models/base`.

Started again with the same work folder it goes on where it stopped.
"""

import argparse
import logging
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers.utils.logging import disable_progress_bar

from models.base.build.checkpoint import Progress, new_model
from models.base.build.corpus import Corpus, read_corpus
from models.base.build.lexicon import learn_lexicon
from models.base.build.pairs import PairSource
from models.base.build.tokenizer import train_tokenizer
from models.base.build.train import Plan, Training


def tokenizer_of(corpus: Corpus, vocab_size: int, work: Path) -> Tokenizer:
    """The tokenizer in the work folder, trained on every text of the corpus when there is none yet."""
    path = work / "tokenizer.json"
    if not path.exists():
        rows = [text for row in corpus.train for text in (row.toxic, *row.rewrites)]
        texts = [*rows, *corpus.neutral, *corpus.tokenizer_only]
        tokenizer = train_tokenizer(iter(texts), vocab_size)
        tokenizer.save(str(path))
    return Tokenizer.from_file(str(path))


def build(data: Path, work: Path, out: Path, plan: Plan) -> Progress:
    """Train a checkpoint on a data folder and leave the best one in the out folder."""
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    corpus = read_corpus(data)
    tokenizer = tokenizer_of(corpus, plan.vocabulary, work)
    model = new_model(tokenizer.get_vocab_size(), width=plan.width, layers=plan.layers)
    source = PairSource(corpus, learn_lexicon(corpus.train, corpus.neutral))
    return Training(model, tokenizer, source, corpus.dev, plan, work).run(out)


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(prog="python -m models.base.build", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--work", type=Path, required=True, help="folder a stopped build resumes from")
    parser.add_argument("--out", type=Path, required=True, help="folder the checkpoint is written to")
    parser.add_argument("--minutes", type=float, default=60.0, help="training time (default %(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    disable_progress_bar()  # type: ignore[no-untyped-call]
    build(options.data, options.work, options.out, Plan(minutes=options.minutes))


if __name__ == "__main__":
    main()
