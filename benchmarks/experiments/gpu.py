"""What a GPU makes of training and serving, in one run: `python -m benchmarks.experiments.gpu`.

1. DPO in bfloat16 on t5-small and t5-base, all weights: tokens a second and model FLOP utilization, against TRL 0.28.0
   in its own environment. A step is 32 clicks, that is 64 pairs, of 24 tokens in and 24 out. Tokens are those of the
   pairs as they are stored, and the FLOPs those that the loss needs, on both sides: each text that differs once,
   forward and backward. The utilization is their rate over the rate of one large bfloat16 product on the same device.
2. Retrain of 1,000 clicks from start to end, with its defaults, on the shape of the embedded checkpoint.
3. CTranslate2 in float16 against transformers in bfloat16: sampled rewrites a second, 3 for each of 32 texts.

Without a CUDA device it refuses. `--device cpu --tiny` goes through all of it with tiny models, to see that it works;
what it prints then says nothing about a GPU.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as worker/__init__.py has it, and before torch is there

import torch

from benchmarks.dpo_steps import LAST_TRL, SHAPES, TOKENS, Shape, Side, make_model, preference_rows
from benchmarks.support.harness import Finding, interleaved

GOAL = 2.5
PAIRS = 64
TEXTS, REWRITES = 32, 3
TINY = Shape(600, 64, 128, 2, 2, 2, 2)
LARGE: dict[str, Shape] = {
    "t5-small": replace(SHAPES["t5-small"], steps=20),
    "t5-base": Shape(32128, 768, 3072, 12, 12, 12, 10),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny models and little data: a dry run")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA device, and there is none; --device cpu --tiny is a dry run.")
    if options.device == "cpu" and not options.tiny:
        raise SystemExit("On a CPU only the dry run makes sense: add --tiny.")
    shapes = {"tiny": TINY} if options.tiny else LARGE
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, shape in shapes.items():
            dpo(name, shape, work, options.device, options.rounds).tell()
        clicks, embedded = (8, TINY) if options.tiny else (1000, SHAPES["embedded"])
        retrain(clicks, make_model(embedded, work / "embedded"), work / "retrained").tell()
        for name, shape in shapes.items():
            rewrites(name, make_model(shape, work / name), work, options.device, options.rounds).tell()


def dpo(name: str, shape: Shape, work: Path, device: str, rounds: int) -> Finding:
    """Tokens a second of DPO, and their share of what the device can do."""
    job = {
        "model": str(make_model(shape, work / name)),
        "rows": preference_rows(shape.vocab_size, clicks=True, count=2 * PAIRS),
        "lora": False,
        "bf16": True,
        "beta": 0.5,
        "batch": PAIRS,
        "device": device,
        "steps": shape.steps,
        "threads": torch.get_num_threads(),
        "precompute": True,
    }
    ours = Side("mellow", work / "mellow", job)
    theirs = Side("trl", work / "trl", job)
    with ours.running() as mellow, theirs.running() as trl:
        ways = {"mellow": mellow.round, "trl": trl.round}
        for way in ways.values():
            way()
        seen = interleaved(ways, rounds)
    seconds = {side: statistics.median(values) for side, values in seen.items()}
    peak = product_rate(device)
    needed = flops_of_step(shape, PAIRS // 2)
    figures = {
        side: {
            "tokens/s": PAIRS * 3 * TOKENS / spent,
            "steps/s": 1 / spent,
            "utilization": needed / spent / peak,
        }
        for side, spent in seconds.items()
    }
    ratio = seconds["trl"] / seconds["mellow"]
    return Finding(
        claim=f"DPO in bfloat16 on {device}, {name}",
        goal=f"≥ {GOAL:g} ×",
        met=ratio >= GOAL,
        measured={**figures["mellow"], "peak TFLOP/s": peak / 1e12},
        baseline=LAST_TRL,
        baseline_measured=figures["trl"],
        ratio=ratio,
    )


def flops_of_step(shape: Shape, clicks: int, tokens: int = TOKENS) -> float:
    """The FLOPs of the matrix products that one step needs: 2 a weight and token forward, twice that backward.

    Each prompt once through the encoder, three texts of each click through decoder and head. The products of attention
    itself are left out: with sentences they are about a hundredth.
    """
    square, wide = shape.d_model * 64 * shape.num_heads, shape.d_model * shape.d_ff
    encoder = shape.num_layers * (4 * square + 2 * wide)
    decoder = shape.num_decoder_layers * (6 * square + 2 * wide)
    keys_of_prompts = shape.num_decoder_layers * 2 * square
    head = shape.vocab_size * shape.d_model
    return 6.0 * clicks * tokens * (encoder + keys_of_prompts + 3 * (decoder + head))


def product_rate(device: str, size: int = 8192, kind: torch.dtype = torch.bfloat16) -> float:
    """FLOP/s of one large square matrix product; the best of ten."""
    size = size if device == "cuda" else 512
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    return 2.0 * size**3 / min(timed(lambda: left @ right, device) for _ in range(10))


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds."""
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def retrain(clicks: int, parent: Path, output: Path) -> Finding:
    """Retrain with its defaults, loading and saving included."""
    from models.settings.clicks import DPOClickOptions
    from worker.training.clicks.click_dpo import train_dpo
    from worker.training.shared.examples import PreferenceExample
    from worker.training.shared.progress import SilentProgress

    vocabulary = 600
    examples = [
        PreferenceExample(row["prompt"], row["chosen"], row["rejected"])
        for row in preference_rows(vocabulary, clicks=True, count=clicks)
    ]
    began = time.perf_counter()
    result = train_dpo(parent, examples, DPOClickOptions(), output, SilentProgress())
    seconds = time.perf_counter() - began
    return Finding(
        claim=f"Retrain of {clicks:,} clicks",
        goal="told, not judged",
        met=True,
        measured={"seconds": seconds, "steps": result.steps, "steps/s": result.steps / seconds},
    )


def rewrites(name: str, model: Path, work: Path, device: str, rounds: int) -> Finding:
    """Sampled rewrites a second: what serves against what trains."""
    import ctranslate2

    from worker.publish.convert import convert_to_ctranslate2
    from worker.training.shared.checkpoint import load_model, load_tokenizer

    converted = work / f"{name}-ct2"
    convert_to_ctranslate2(model, converted)
    tokenizer = load_tokenizer(model)
    draw = random.Random(0)
    texts = [
        [f"w{draw.randrange(3, tokenizer.vocab_size)}" for _ in range(TOKENS - 1)] + ["</s>"] for _ in range(TEXTS)
    ]
    served = ctranslate2.Translator(
        str(converted), device=device, compute_type="float16" if device == "cuda" else "float32"
    )
    network: Any = load_model(model)
    network.to(device, torch.bfloat16)
    ids = torch.tensor([tokenizer.convert_tokens_to_ids(text) for text in texts], device=device)

    def by_ctranslate2() -> float:
        return timed(
            lambda: served.translate_batch(
                texts,
                beam_size=1,
                num_hypotheses=REWRITES,
                sampling_topk=0,
                min_decoding_length=TOKENS,
                max_decoding_length=TOKENS,
            ),
            device,
        )

    def by_transformers() -> float:
        with torch.no_grad():
            return timed(
                lambda: network.generate(
                    ids,
                    do_sample=True,
                    top_k=0,
                    num_return_sequences=REWRITES,
                    min_new_tokens=TOKENS,
                    max_new_tokens=TOKENS,
                ),
                device,
            )

    ways = {"ours": by_ctranslate2, "transformers": by_transformers}
    for way in ways.values():
        way()
    seen = {side: statistics.median(values) for side, values in interleaved(ways, rounds).items()}
    ratio = seen["transformers"] / seen["ours"]
    return Finding(
        claim=f"sampled rewrites a second on {device}, {name}",
        goal="≥ 1 ×",
        met=ratio >= 1,
        measured={"rewrites/s": TEXTS * REWRITES / seen["ours"]},
        baseline="transformers in bfloat16",
        baseline_measured={"rewrites/s": TEXTS * REWRITES / seen["transformers"]},
        ratio=ratio,
    )


if __name__ == "__main__":
    main()
