"""Completion of a staged version: its serving form is made from its trained model, and checked.

The web process serves what CTranslate2 computes, training works on what transformers computes: a version whose two
forms disagree is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from models.serving.shortlist import read_shortlist, write_shortlist
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, SERVING_FOLDER
from models.texts.heldout import heldout_pairs
from worker.publish.convert import check_parity, convert_to_ctranslate2
from worker.publish.shortlist import Taught, shortlist
from worker.training.shared.checkpoint import load_tokenizer

PARITY_PAIRS = 8


def prepare(
    staged: Path,
    taught: Iterable[Taught] = (),
    parent: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> float:
    """Complete a staged version that has its `model/`: move the adapter out, convert, and check parity.

    `taught` is the training data: a large vocabulary gets a shortlist of its tokens, joined with the shortlist of the
    serving folder `parent`. `log` receives what is done.

    Returns the largest difference of a token's log-probability, in nats; raises ParityError if it is too large.
    """
    adapter = staged / MODEL_FOLDER / ADAPTER_FOLDER
    if adapter.is_dir():
        adapter.rename(staged / ADAPTER_FOLDER)
    serving = staged / SERVING_FOLDER
    convert_to_ctranslate2(staged / MODEL_FOLDER, serving)
    tokenizer = load_tokenizer(staged / MODEL_FOLDER)
    known = read_shortlist(parent) if parent is not None else frozenset()
    tokens = shortlist(tokenizer, taught, known)
    if tokens:
        write_shortlist(serving, tokenizer.get_vocab(), tokens)
        size = f"{len(tokens):,} of all {len(tokenizer):,}"
        log(f"It writes with the tokens of the text and {size}, which its data needs.")
    elif known:
        log("It writes with all its tokens: the shortlist of the version it comes from would miss too many.")
    parity = check_parity(staged / MODEL_FOLDER, serving, heldout_pairs()[:PARITY_PAIRS])
    log(f"The served form agrees with the trained one to {parity:.1e} nats a token.")
    return parity
