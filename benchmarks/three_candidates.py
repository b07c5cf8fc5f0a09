"""Three rewrites of one sentence: a whole screen, and three plain samples, against transformers.

    python -m benchmarks.three_candidates [--rounds 24] [--threads N]

Two models: random weights in the shape of t5-small (width 512, 6 + 6 layers, 32,128 tokens), where every side writes
exactly 20 tokens, and the embedded checkpoint, where each side writes until it is done. Both are converted as every
published version is, and computed as the studio serves them: with so large a vocabulary, on a shortlist of the tokens
that its data needs (`worker/publish/shortlist.py`). Here it has LISTED tokens; ParaDetox needs 10,243 of a vocabulary
of 30,522. What it takes on the `whole vocabulary`, as where a version was taught with few data, is told too.

`screen` is all that `Generator.generate` does: sixteen samples, more if too few differ, and the choice of three.
`samples` is three samples in one call of CTranslate2. The baselines, in turns with ours, sentence by sentence, from
text to text, with the same temperature and nucleus: `three generate calls` of transformers, one after another, as the
original app drew its three, and `num_return_sequences=3`, one call that returns three. PyTorch uses all cores, ours the
cores that a web process has by default. Prints a line of JSON for each of ours against each baseline, with medians over
the sentences.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as gunicorn.conf.py has it, and for its reason

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import Finding, interleaved
from benchmarks.support.screens_over_http import texts
from models.serving import engine
from models.serving.engine import Draw
from models.serving.generator import Generator, Sampling
from models.serving.shortlist import write_shortlist
from worker.publish.convert import convert_to_ctranslate2
from worker.training.shared.checkpoint import load_tokenizer

TOKENS = 20
LISTED = 12_000
GOALS = {"three generate calls": 12.0, "num_return_sequences=3": 8.0}
WEB_PROCESSES = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) // WEB_PROCESSES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        random_weights = t5_small_shape(Path(folder) / "random")
        with mock.patch.object(engine, "_longest_rewrite", return_value=TOKENS):  # which random weights always fill
            measure("t5-small shape", random_weights, Path(folder) / "1", options.rounds, options.threads, TOKENS)
        measure("embedded", EMBEDDED_BASE_MODEL, Path(folder) / "2", options.rounds, options.threads, None)


def measure(name: str, checkpoint: Path, serving: Path, rounds: int, threads: int, tokens: int | None) -> None:
    """Four findings on one model, or eight if its vocabulary is large."""
    convert_to_ctranslate2(checkpoint, serving)
    generators, sampling = {"": Generator(serving, 1, threads=threads, seed=1)}, Sampling()
    if tokens is not None:
        numbers = load_tokenizer(checkpoint).get_vocab()
        write_shortlist(serving, numbers, {token for token, number in numbers.items() if number < LISTED})
        generators = {"": Generator(serving, 1, threads=threads, seed=1), ", whole vocabulary": generators[""]}
    model: Any = T5ForConditionalGeneration.from_pretrained(checkpoint)  # loaded without dropout
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    sentences = texts()[:rounds]

    def screen(generator: Generator, text: str) -> object:
        return generator.generate(text, sampling)

    def samples(generator: Generator, text: str) -> object:
        source = generator.tokens(text)
        return generator._engine.draw(Draw(source, 3, sampling.temperature, sampling, frozenset()))

    @torch.inference_mode()
    def transformers(text: str, calls: int, returned: int) -> list[str]:
        source = torch.tensor([tokenizer.encode(text).ids])
        limits = {"max_new_tokens": tokens or 2 * source.shape[1] + 16, "min_new_tokens": tokens or 0}
        found = []
        for _ in range(calls):
            written = model.generate(
                source,
                do_sample=True,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=0,
                num_return_sequences=returned,
                **limits,
            )
            found += [tokenizer.decode(row.tolist()) for row in written]
        return found

    ours = {
        f"{what}{which}": over(sentences, partial(way, generator))
        for which, generator in generators.items()
        for what, way in (("screen", screen), ("samples", samples))
    }
    ways = {
        **ours,
        "three generate calls": over(sentences, lambda text: transformers(text, 3, 1)),
        "num_return_sequences=3": over(sentences, lambda text: transformers(text, 1, 3)),
    }
    interleaved(ways, 2)  # nobody's first time counts
    medians = {way: statistics.median(seen) for way, seen in interleaved(ways, rounds).items()}
    for way in ours:
        for baseline, goal in GOALS.items():
            ratio = medians[baseline] / medians[way]
            Finding(
                claim=f"three candidates, {name}, {way}, against {baseline}",
                goal=f"≥ {goal:g} ×",
                met=ratio >= goal,
                measured={"p50_ms": medians[way]},
                baseline=f"transformers, {baseline}",
                baseline_measured={"p50_ms": medians[baseline]},
                ratio=ratio,
            ).tell()


def over(sentences: list[str], work: Callable[[str], object]) -> Callable[[], float]:
    """A way that takes the next sentence at each call and returns the milliseconds that `work` took."""
    calls = 0

    def once() -> float:
        nonlocal calls
        text = sentences[calls % len(sentences)]
        calls += 1
        began = time.perf_counter()
        work(text)
        return (time.perf_counter() - began) * 1000

    return once


def t5_small_shape(folder: Path) -> Path:
    """Random weights in the shape of t5-small; the embedded tokenizer, filled up with words that nobody writes."""
    spec = json.loads((EMBEDDED_BASE_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = spec["model"]["vocab"]
    vocabulary += [[f"▁zq{number}", -30.0] for number in range(len(vocabulary), 32_128)]
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    fast: Any = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(spec)), **special)  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    shape = {"vocab_size": 32_128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8}
    config = T5Config.from_dict({**shape, "decoder_start_token_id": 0})
    T5ForConditionalGeneration(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
