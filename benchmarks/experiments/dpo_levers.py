"""What each lever of a DPO step saves, and how far the step is from the arithmetic that it cannot do without.

    python -m benchmarks.experiments.dpo_levers [--only NAME …] [--rounds 5]

Starting from a step with every lever of docs/performance.md ("A step of DPO") off, they are switched on one after the
other. Each state is a process of its own (benchmarks/support/dpo_side.py) that makes a few steps in turn with the
others, on one thread; what is told is the processor time of a step, the median over the rounds, so that other programs
count little. A step is 4 clicks on one of three texts of 6 to 24 tokens. The reference model, where it is asked once,
counts a tenth, since a run has ten epochs.

The floor is the time of the matrix products alone. With S tokens of prompts and T tokens of texts that differ in a
step, width d, inner width a = heads x 64, feed-forward width f, vocabulary V, e encoder and n decoder layers, a forward
pass multiplies and adds

    S e (4 d a + 2 d f)  +  T n (6 d a + 2 d f)  +  S n 2 d a  +  T d V                                         times

(attention itself is left out: under 2 % in sentences). A multiplication and addition are 2 FLOP. Training all weights
takes each product three times: forward, by the states, by the weights. Training an adapter takes it twice, since the
weights stand still, and for each rank-r adapter from i to o numbers three times r (i + o) more a token. Floor = FLOP /
rate, where rate is measured in the same run: all of these products in their sizes, one after the other, nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.dpo_steps import (
    CLICKS_A_STEP,
    EPOCHS,
    GREATEST_ERROR,
    SHAPES,
    Case,
    Shape,
    Side,
    make_model,
    preference_rows,
)
from benchmarks.support.harness import Finding, interleaved

SHORTEST = 6
RANK = 16
CASES = (
    Case("embedded", lora=True),
    Case("embedded"),
    Case("t5-small", lora=True),
    Case("t5-small"),
)
LEVERS = (
    "shared texts",
    "click order",
    "reference once",
    "no padding",
    "head as one function",
    "adapter without copies",
    "no statistics",
    "memory kept",
    "bfloat16",
)
"""In the order in which they are switched on; bfloat16 is an option."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases of just these names")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.only or case.name in options.only]
    if not chosen:
        raise SystemExit(f"No case has that name; there are: {'; '.join(case.name for case in CASES)}.")
    with tempfile.TemporaryDirectory() as work:
        for case in chosen:
            print(f"# {case.name}", file=sys.stderr, flush=True)
            levers_of(case, Path(work), options.rounds).tell()


def levers_of(case: Case, work: Path, rounds: int) -> Finding:
    """Milliseconds of processor time a step, from the naive one to all levers and bfloat16, and the floors."""
    shape = SHAPES[case.shape]
    rows = preference_rows(shape.vocab_size, clicks=True, shortest=SHORTEST)
    levers = [name for name in LEVERS if case.lora or name != "adapter without copies"]
    model = str(make_model(shape, work / case.shape))
    with ExitStack() as stack:
        turns = {}
        for number, name in enumerate(["naive", *levers]):
            on = levers[:number]
            job = {
                "model": model,
                "rows": rows,
                "lora": case.lora,
                "bf16": "bfloat16" in on,
                "beta": 0.5,
                "batch": 2 * CLICKS_A_STEP,
                "device": "cpu",
                "steps": max(2, shape.steps // 2),
                "threads": 1,
                "precompute": "reference once" in on,
                "off": [lever for lever in levers if lever not in on],
            }
            side = Side("mellow", work / f"{case.shape} {case.lora} {name}", job)
            turns[name] = stack.enter_context(side.running())
        for turn in turns.values():
            turn.round()
        interleaved({name: turn.round for name, turn in turns.items()}, rounds)
        seen = {
            name: statistics.median(turn.cpu_seconds[1:]) + turn.first["reference_cpu_seconds"] / EPOCHS
            for name, turn in turns.items()
        }
        error = max(abs(turn.first["loss"] - turn.first["exact"]) for name, turn in turns.items() if name != "bfloat16")
    flop = flop_of_a_step(shape, case.lora, rows)
    floors = {kind: flop / rate for kind, rate in rates(shape, case.lora, rows).items()}
    return Finding(
        claim=f"DPO, processor seconds a step with lever after lever, {case.name}",
        goal=f"each loss exact to {GREATEST_ERROR:g}",
        met=error <= GREATEST_ERROR,
        measured={
            **seen,
            "greatest error of the loss": error,
            "GFLOP": flop / 1e9,
            **{f"floor in {kind}": seconds for kind, seconds in floors.items()},
            "times the floor, float32": seen["memory kept"] / floors["float32"],
            "times the floor, bfloat16": seen["bfloat16"] / floors["bfloat16"],
        },
        ratio=seen["naive"] / seen["memory kept"],
        baseline="every lever off",
    )


@contextmanager
def switched_off(levers: Sequence[str]) -> Iterator[None]:
    """The trainer without these levers; `reference once` and `bfloat16` are settings, `memory kept` is dpo_side's."""
    from torch.nn import functional
    from trl.trainer.dpo_trainer import DPOTrainer

    from worker.training.t5 import packed_scores, packed_t5, seq2seq_dpo, seq2seq_head, token_scores

    def each_by_itself(items: Any) -> tuple[list[int], list[int]]:
        places = list(range(len(list(items))))
        return places, places

    def by_autograd(states: Any, weight: Any, targets: Any, outputs: tuple[str, ...] = ()) -> dict[str, Any]:
        scores = functional.linear(states, weight).float()
        log_p = scores.log_softmax(-1)
        found = token_scores.vocabulary_statistics(scores.detach(), log_p.detach(), targets, outputs)
        return {"log_probs": log_p.gather(-1, targets[:, None])[:, 0], **found}

    patches: Mapping[str, Any] = {
        "shared texts": patch.object(seq2seq_dpo, "distinct", each_by_itself),
        "click order": patch.object(seq2seq_dpo.Seq2SeqDPOTrainer, "_get_train_sampler", DPOTrainer._get_train_sampler),
        "no padding": patch.object(seq2seq_head, "can_be_packed", lambda *_: False),
        "head as one function": patch.object(packed_scores, "log_probs_of_states", by_autograd),
        "adapter without copies": patch.object(packed_t5, "project", lambda layer, states: layer(states)),
    }
    with ExitStack() as stack:
        for lever in set(levers) & set(patches):
            stack.enter_context(patches[lever])
        yield


@dataclass(frozen=True)
class Product:
    """`count` products a step of (tokens, inner) and (inner, outer); `directions` of 3 are computed."""

    tokens: int
    inner: int
    outer: int
    count: int
    directions: int

    @property
    def flop(self) -> float:
        """In a step."""
        return 2.0 * self.tokens * self.inner * self.outer * self.count * self.directions


def products(shape: Shape, lora: bool, rows: list[dict[str, str]]) -> list[Product]:
    """Every product of a step in the module's formula."""
    wide, width, deep = shape.d_model, shape.num_heads * 64, shape.d_ff
    encoder, decoder = shape.num_layers, shape.num_decoder_layers
    prompts, texts = tokens_of_a_step(rows)
    linear = [
        (prompts, wide, width, 4 * encoder),
        (prompts, wide, deep, 2 * encoder),
        (texts, wide, width, 6 * decoder),
        (texts, wide, deep, 2 * decoder),
        (prompts, wide, width, 2 * decoder),
    ]
    found = [Product(*one, directions=2 if lora else 3) for one in linear]
    found.append(Product(texts, wide, shape.vocab_size, 1, directions=2 if lora else 3))
    if lora:
        for tokens, inner, outer, count in linear:
            found += [Product(tokens, inner, RANK, count, 3), Product(tokens, RANK, outer, count, 3)]
    return found


def flop_of_a_step(shape: Shape, lora: bool, rows: list[dict[str, str]]) -> float:
    """FLOP of the module's formula."""
    return sum(product.flop for product in products(shape, lora, rows))


def tokens_of_a_step(rows: list[dict[str, str]]) -> tuple[int, int]:
    """Tokens of prompts, and of texts that differ, in a mean step of `CLICKS_A_STEP` clicks, EOS included."""
    prompts = {row["prompt"] for row in rows}
    texts = {(row["prompt"], row[part]) for row in rows for part in ("chosen", "rejected")}
    clicks = len(prompts) / CLICKS_A_STEP
    counted = (sum(len(text.split()) + 1 for text in found) for found in (prompts, (text for _, text in texts)))
    return tuple(round(count / clicks) for count in counted)  # type: ignore[return-value]


def rates(shape: Shape, lora: bool, rows: list[dict[str, str]]) -> dict[str, float]:
    """FLOP a second of the products of a step, in their sizes and shares, on one thread; the best of five passes."""
    import torch

    torch.set_num_threads(1)
    wanted = products(shape, lora, rows)
    found = {}
    for kind in (torch.float32, torch.bfloat16):
        best = float("inf")
        operands = [
            tuple(
                torch.randn(size, dtype=kind) for size in ((p.tokens, p.inner), (p.outer, p.inner), (p.tokens, p.outer))
            )
            for p in wanted
        ]
        for _ in range(5):
            seconds = 0.0
            for product, (states, weight, gradient) in zip(wanted, operands, strict=True):
                began = time.process_time()
                _ = states @ weight.T
                _ = gradient @ weight
                if product.directions == 3:
                    _ = gradient.T @ states
                seconds += (time.process_time() - began) * product.count
            best = min(best, seconds)
        found[str(kind).removeprefix("torch.")] = sum(product.flop for product in wanted) / best
    return found


if __name__ == "__main__":
    main()
