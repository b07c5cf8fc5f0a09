"""Pretrain the base checkpoint on plain text: `python -m worker.base.pretrain --data DIR --work DIR`.

Started again with the same work folder it resumes where it stopped. The checkpoint is in WORK/checkpoint, the log in
WORK/log.jsonl; after a cool-down both are in WORK/cooled.
"""

import argparse
import logging
import threading
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers.utils.logging import disable_progress_bar

from worker.base.pretrain.mixture import Mixture, held_out_batches
from worker.base.pretrain.objectives import marks_of
from worker.base.pretrain.starting import (
    add_run_flags,
    device_named,
    precision,
    set_by_signals,
    trained_model,
    untrained_model,
)
from worker.base.pretrain.state import PretrainingProgress
from worker.base.pretrain.token_store import load_corpora
from worker.base.pretrain.training import Plan, Pretraining, run_folder, starting_state

_TOKENS_EACH_ON_GPU = 65_536
_LOADERS_ON_GPU = 8
_LEARNING_RATE = 1e-2

log = logging.getLogger(__name__)


def pretrain(
    data: Path,
    work: Path,
    model: Path,
    plan: Plan,
    stop: threading.Event,
    *,
    device: torch.device,
    shape: list[int] | None = None,
    layers: list[int] | None = None,
    tokens: int | None = None,
    minutes: float | None = None,
) -> PretrainingProgress:
    """Train in a work folder until `stop` is set, or for some minutes, or up to a number of tokens.

    The tokenizer is that of the model folder, and so are the first weights, grown to a number of layers if these are
    given, unless a shape is.
    """
    if not (model / "tokenizer.json").exists():
        raise ValueError(f"{model} is no checkpoint: it has no tokenizer.json.")
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    marks = marks_of(tokenizer)
    start = starting_state(work, plan) or (
        untrained_model(tokenizer.get_vocab_size(), shape, plan.seed) if shape else trained_model(model, layers)
    )
    corpora = load_corpora(data, work, tokenizer)
    return Pretraining(
        start,
        tokenizer,
        Mixture(corpora, marks, tokens_each=plan.tokens_each, seed=plan.seed),
        held_out_batches(corpora, marks, plan.tokens_each),
        plan,
        run_folder(work, plan),
        device=device,
        products=precision(device),
    ).run(stop, tokens=tokens, minutes=minutes)


def _plan(options: argparse.Namespace, device: torch.device) -> Plan:
    on_gpu = device.type == "cuda"
    tokens_each = options.tokens_each or (_TOKENS_EACH_ON_GPU if on_gpu else Plan.tokens_each)
    return Plan(
        learning_rate=options.learning_rate,
        tokens_each=tokens_each,
        warm_up=max(Plan.warm_up, 50 * tokens_each),
        cool_down=options.cool_down,
        loaders=_LOADERS_ON_GPU if on_gpu else 0,
    )


def main() -> None:
    """Pretrain from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.pretrain", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--work", type=Path, required=True, help="folder a stopped run resumes from")
    parser.add_argument(
        "--model", type=Path, default=Path("models/base"), help="checkpoint to begin with, default %(default)s"
    )
    first_weights = parser.add_mutually_exclusive_group()
    first_weights.add_argument(
        "--layers",
        type=int,
        nargs=2,
        metavar=("ENCODER", "DECODER"),
        help="grow that checkpoint to so many layers first; the added ones change nothing until they are trained",
    )
    first_weights.add_argument(
        "--new",
        type=int,
        nargs=5,
        metavar=("ENCODER", "DECODER", "WIDTH", "FF", "HEADS"),
        help="begin with random weights of this shape instead: layers of both sides, width, feed forward, heads",
    )
    parser.add_argument("--tokens-each", type=int, help="tokens of a batch (default 5000, on a GPU 65536)")
    parser.add_argument("--learning-rate", type=float, default=_LEARNING_RATE, help="default %(default)s")
    add_run_flags(parser)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    disable_progress_bar()  # type: ignore[no-untyped-call]
    stop = set_by_signals()
    try:
        device = device_named(options.device)
        progress = pretrain(
            options.data,
            options.work,
            options.model,
            _plan(options, device),
            stop,
            device=device,
            shape=options.new,
            layers=options.layers,
            tokens=options.tokens,
            minutes=options.minutes,
        )
    except ValueError as error:
        parser.error(str(error))
    log.info("stopped after %d steps and %.2fM tokens", progress.steps, progress.tokens / 1e6)


if __name__ == "__main__":
    main()
