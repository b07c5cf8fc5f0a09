"""Teach a pretrained checkpoint to rephrase: `python -m worker.base.rephrase --data DIR --model DIR --work DIR`.

Started again with the same work folder it resumes where it stopped. The checkpoint is in WORK/checkpoint, the log in
WORK/log.jsonl; after a cool-down both are in WORK/cooled. Nothing is trained on that versions are tested on: such texts
are left out of the corpora and of the pair files, and a file of `--selected` that holds one is refused.
"""

import argparse
import logging
import threading
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import T5ForConditionalGeneration
from transformers.utils.logging import disable_progress_bar

from models.manners import PLAIN
from models.texts.near_duplicates import TestedTexts
from worker.base.pretrain.starting import add_run_flags, device_named, precision, set_by_signals, trained_model
from worker.base.pretrain.state import PretrainingProgress
from worker.base.pretrain.training import Plan, Pretraining, run_folder, starting_state
from worker.base.rephrase.codes import codes_of, manner_tokens
from worker.base.rephrase.mixture import Material, Rephrasing, by_manner, held_out_batches
from worker.base.rephrase.neat_lines import neat_lines
from worker.base.rephrase.overlap import apart, check_apart
from worker.base.rephrase.pair_files import PairFile, read_pair_files
from worker.base.teaching.mannered import Chosen, read_chosen
from worker.base.texts.corpus import Corpus, read_corpus
from worker.base.texts.held_out import held_out_texts, held_out_wordings
from worker.base.texts.lexicon import Lexicon, learn_lexicon
from worker.base.texts.pairs import PairSource, detox_pairs

log = logging.getLogger(__name__)

_LEARNING_RATE = 5e-3


def material_of(
    data: Path, corpus: Corpus, files: list[PairFile], chosen: list[Chosen], lexicon: Lexicon, held_out: set[str]
) -> Material:
    """Gather what examples are drawn from."""
    best = [(one.source, one.rewrite) for one in chosen if one.manner == PLAIN]
    mannered = by_manner([*detox_pairs(corpus.train, lexicon), *best])
    for one in chosen:
        if one.manner != PLAIN:
            mannered.setdefault(one.manner, []).append((one.source, one.rewrite))
    return Material(PairSource(corpus, lexicon, best), files, neat_lines(data, lexicon, held_out), mannered)


def rephrase(
    data: Path,
    work: Path,
    model: Path,
    plan: Plan,
    stop: threading.Event,
    *,
    device: torch.device,
    selected: Path | None = None,
    tokens: int | None = None,
    minutes: float | None = None,
) -> PretrainingProgress:
    """Train in a work folder until `stop` is set, or for some minutes, or up to a number of tokens.

    Raises ValueError if the selected rewrites hold a text that is held out, before anything is trained.
    """
    if not (model / "tokenizer.json").exists():
        raise ValueError(f"{model} is no checkpoint: it has no tokenizer.json.")
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    codes = codes_of(tokenizer)
    corpus = read_corpus(data)
    dev = [(row.toxic, rewrite) for row in corpus.dev for rewrite in row.rewrites]
    lexicon = learn_lexicon(corpus.train, corpus.neutral)
    files, chosen = read_pair_files(data, lexicon.is_toxic), read_chosen(selected) if selected else []
    tested = TestedTexts([*held_out_texts(), *(text for pair in dev for text in pair)])
    check_apart(str(selected), [(one.source, one.rewrite) for one in chosen], tested)
    files = [replace(file, train=apart(file.name, file.train, tested)) for file in files]
    material = material_of(data, corpus, files, chosen, lexicon, held_out_wordings(dev))
    return Pretraining(
        starting_state(work, plan) or _with_manners(trained_model(model, None), tokenizer),
        tokenizer,
        Rephrasing(material, tokenizer, codes, tokens_each=plan.tokens_each, seed=plan.seed),
        held_out_batches(dev, files, tokenizer, codes, plan.tokens_each),
        plan,
        run_folder(work, plan),
        device=device,
        products=precision(device),
    ).run(stop, tokens=tokens, minutes=minutes)


def _with_manners(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> T5ForConditionalGeneration:
    """Name the manners in the configuration of a model, which every later training keeps, and return the model."""
    model.config.manners = manner_tokens(tokenizer)
    return model


def main() -> None:
    """Teach from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.rephrase", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv, corpus/ and pairs/")
    parser.add_argument("--work", type=Path, required=True, help="folder a stopped run resumes from")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint to begin with, as pretraining leaves it")
    parser.add_argument(
        "--selected",
        type=Path,
        help="further rewrites, as `worker.base.teaching.mannered`, `select` and `distil` write them",
    )
    parser.add_argument("--threads", type=int, help="processor threads, default as many as PyTorch takes")
    parser.add_argument("--tokens-each", type=int, default=Plan.tokens_each, help="of a batch, default %(default)s")
    parser.add_argument("--learning-rate", type=float, default=_LEARNING_RATE, help="default %(default)s")
    add_run_flags(parser)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    disable_progress_bar()  # type: ignore[no-untyped-call]
    if options.threads:
        torch.set_num_threads(options.threads)
    stop = set_by_signals()
    plan = Plan(learning_rate=options.learning_rate, tokens_each=options.tokens_each, cool_down=options.cool_down)
    try:
        progress = rephrase(
            options.data,
            options.work,
            options.model,
            plan,
            stop,
            device=device_named(options.device),
            selected=options.selected,
            tokens=options.tokens,
            minutes=options.minutes,
        )
    except ValueError as error:
        parser.error(str(error))
    log.info("stopped after %d steps and %.2fM tokens", progress.steps, progress.tokens / 1e6)


if __name__ == "__main__":
    main()
