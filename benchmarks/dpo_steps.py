"""DPO steps a second of an encoder-decoder, against TRL 0.28.0, the last release whose DPO took one.

    python -m benchmarks.dpo_steps [--only NAME …] [--rounds 3]

A step is 4 clicks, that is 8 pairs, of 24 tokens in and 24 out: full rows, all of one length, which suits TRL, since in
real sentences it computes padding too and we do not. Models have the shape of the embedded checkpoint and that of
t5-small (60 million weights), with random weights, since speed does not depend on them. Each is trained whole and with
the adapter of Retrain's default.

Both sides compute in float32, without gradient checkpointing, log every step, and ask the reference once, before
training; a tenth of that time is counted to each step, since a run has ten epochs. Ours is measured as Retrain has it,
with the anchors' penalty, and without it, as TRL has none; TRL also as it comes, with the reference asked at every
step. Each of the four runs with what is quickest for it, tried before: one thread, two as PyTorch comes, or two that
sleep while they wait, as in a worker (there, ours computes two parts of a batch side by side). `plain pairs`
share no prompt and no text: they say what is left where there are no clicks.

Each side is a process of its own that makes a few steps in turn with the others. The first loss, of a policy that has
been moved from its reference, is held against the exact one (benchmarks/support/dpo_side.py).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.harness import ROOT, Finding, baseline_python, interleaved

GOAL = 2.5
GREATEST_ERROR = 1e-4
CLICKS_A_STEP = 4
TOKENS = 24
EPOCHS = 10
BASELINE = ("trl==0.28.0", "transformers==5.2.0", "torch==2.13.0", "peft==0.18.1", "sentencepiece==0.2.3")
MELLOW, ALONE, TRL, TRL_ALWAYS = "mellow", "mellow, no anchors", "trl", "trl, reference at every step"
LAST_TRL = "TRL 0.28.0 with transformers 5.2.0, reference computed once"
THREADS = ((1, False), (2, False), (2, True))
"""How many, and whether they sleep while they wait."""


@dataclass(frozen=True)
class Shape:
    """The size of a T5, and how many steps a round has."""

    vocab_size: int
    d_model: int
    d_ff: int
    num_layers: int
    num_decoder_layers: int
    num_heads: int
    steps: int

    @property
    def config(self) -> dict[str, Any]:
        """As `T5Config` names it."""
        return {name: value for name, value in vars(self).items() if name != "steps"} | {"d_kv": 64}


SHAPES: Mapping[str, Shape] = {
    "embedded": Shape(8192, 256, 1024, 6, 3, 4, 8),
    "t5-small": Shape(32128, 512, 2048, 6, 6, 8, 2),
}


@dataclass(frozen=True)
class Case:
    """What is compared: a shape, whether an adapter is trained, and whether pairs are clicks'."""

    shape: str
    lora: bool = False
    clicks: bool = True

    @property
    def name(self) -> str:
        """In words, as in the claim."""
        parts = [self.shape, "LoRA" if self.lora else "all weights"]
        parts += [] if self.clicks else ["plain pairs"]
        return ", ".join(parts)


CASES = (
    *(Case(shape, lora) for shape in SHAPES for lora in (False, True)),
    Case("embedded", clicks=False),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases whose name has one of these words in it")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.only or any(word in case.name for word in options.only)]
    if not chosen:
        raise SystemExit(f"No case has that in its name; there are: {'; '.join(case.name for case in CASES)}.")
    with tempfile.TemporaryDirectory() as work:
        for case in chosen:
            compare(case, Path(work), options.rounds).tell()


def compare(case: Case, work: Path, rounds: int) -> Finding:
    """One claim."""
    print(f"# {case.name}", file=sys.stderr, flush=True)
    shape = SHAPES[case.shape]
    job = {
        "model": str(make_model(shape, work / case.shape)),
        "rows": preference_rows(shape.vocab_size, case.clicks),
        "lora": case.lora,
        "bf16": False,
        "beta": 0.5,
        "batch": 2 * CLICKS_A_STEP,
        "device": "cpu",
        "steps": shape.steps,
        "precompute": True,
    }
    ways = {
        MELLOW: ("mellow", {"anchors": True}),
        ALONE: ("mellow", {}),
        TRL: ("trl", {}),
        TRL_ALWAYS: ("trl", {"precompute": False}),
    }
    sides = {
        way: quickest(
            [
                Side(kind, work / f"{way}, {count}, {asleep}", {**job, **own, "threads": count, "asleep": asleep})
                for count, asleep in THREADS
            ]
        )
        for way, (kind, own) in ways.items()
    }
    with ExitStack() as stack:
        running = {way: stack.enter_context(side.running()) for way, side in sides.items()}
        for turn in running.values():
            turn.round()  # the first makes the optimizer's state
        seen = interleaved({way: turn.round for way, turn in running.items()}, rounds)
        cpu = {way: statistics.median(turn.cpu_seconds[1:]) for way, turn in running.items()}
        first = {way: turn.first for way, turn in running.items()}
    once = {way: figures["reference_seconds"] / EPOCHS for way, figures in first.items()}
    seconds = {way: statistics.median(values) + once[way] for way, values in seen.items()}
    rounds_of = {way: [value + once[way] for value in values] for way, values in seen.items()}
    ratios = [theirs / ours for ours, theirs in zip(rounds_of[MELLOW], rounds_of[TRL], strict=True)]
    errors = {way: abs(figures["loss"] - figures["exact"]) for way, figures in first.items()}
    ratio = seconds[TRL] / seconds[MELLOW]
    exact = max(errors[MELLOW], errors[ALONE]) <= GREATEST_ERROR
    return Finding(
        claim=f"DPO steps a second, {case.name}",
        goal=f"≥ {GOAL:g} ×, loss exact to {GREATEST_ERROR:g}",
        met=ratio >= GOAL and exact,
        measured={
            **speed(sides[MELLOW], seconds[MELLOW], cpu[MELLOW], errors[MELLOW]),
            "least ratio of a round": min(ratios),
            "greatest ratio of a round": max(ratios),
            "ratio without anchors": seconds[TRL] / seconds[ALONE],
            "ratio to its reference at every step": seconds[TRL_ALWAYS] / seconds[MELLOW],
        },
        baseline=LAST_TRL,
        baseline_measured={
            **speed(sides[TRL], seconds[TRL], cpu[TRL], errors[TRL]),
            "steps/s with its reference at every step": 1 / seconds[TRL_ALWAYS],
        },
        ratio=ratio,
    )


def quickest(sides: Sequence[Side]) -> Side:
    """The side whose second round is the shortest, each alone."""
    seconds = []
    for side in sides:
        with side.running() as turn:
            turn.round()
            seconds.append(turn.round())
    return sides[seconds.index(min(seconds))]


def speed(side: Side, seconds: float, cpu: float, error: float) -> dict[str, float]:
    """What is told of a side's step."""
    return {
        "steps/s": 1 / seconds,
        "threads": side.job["threads"],
        "asleep": int(side.job["asleep"]),
        "CPU seconds a step": cpu,
        "error of the loss": error,
    }


def make_model(shape: Shape, folder: Path) -> Path:
    """A T5 of that shape with random weights, and a tokenizer whose words `w3`, `w4`, … are its tokens 3, 4, …."""
    if (folder / "config.json").exists():
        return folder
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    from worker.training.shared.quiet_libraries import quiet

    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{number}": number for number in range(3, shape.vocab_size)}
    unknown: dict[str, Any] = {"unk_token": "<unk>"}
    tokenizer = Tokenizer(models.WordLevel(words, **unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    named: dict[str, Any] = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    special: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    torch.manual_seed(0)
    with quiet():
        model = T5ForConditionalGeneration(T5Config(**shape.config, **special))
        with torch.no_grad():
            model.shared.weight.mul_(0.3)
        model.save_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=512, **named
    )
    fast.save_pretrained(folder)
    return folder


def preference_rows(vocab_size: int, clicks: bool, count: int = 40, shortest: int = TOKENS) -> list[dict[str, str]]:
    """The pairs of `count` clicks, one text chosen over two; or as many pairs that share neither prompt nor text.

    Texts have `shortest` to `TOKENS` tokens, EOS included.
    """
    draw = random.Random(0)

    def text() -> str:
        length = TOKENS if shortest == TOKENS else draw.randint(shortest, TOKENS)
        return " ".join(f"w{draw.randrange(3, vocab_size)}" for _ in range(length - 1))  # and EOS

    rows = []
    for _ in range(count):
        prompt, chosen = text(), text()
        rows.append({"prompt": prompt, "chosen": chosen, "rejected": text()})
        if not clicks:
            prompt, chosen = text(), text()
        rows.append({"prompt": prompt, "chosen": chosen, "rejected": text()})
    return rows


@dataclass
class Side:
    """One trainer in a process of its own."""

    kind: str
    work: Path
    job: dict[str, Any]

    @contextmanager
    def running(self) -> Iterator[Turn]:
        """The process, ready to make its first step."""
        self.work.mkdir(exist_ok=True)
        file = self.work / "job.json"
        file.write_text(json.dumps({**self.job, "work": str(self.work)}), encoding="utf-8")
        python = baseline_python("trl-0.28", BASELINE) if self.kind == "trl" else Path(sys.executable)
        command = [str(python), str(ROOT / "benchmarks" / "support" / "dpo_side.py"), self.kind, str(file)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        environment |= {"OMP_WAIT_POLICY": "PASSIVE"} if self.job.get("asleep", True) else {}
        with (self.work / "log").open("w") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
            try:
                yield Turn(process, self.work / "log")
            finally:
                process.communicate()  # closes its input, and with it ends it


class Turn:
    """What a running side told first, and its rounds."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log
        self.first = self._line()
        self.cpu_seconds: list[float] = []

    def round(self) -> float:
        """The seconds of a step, over one round."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self._line()
        self.cpu_seconds.append(line["cpu_seconds"])
        return line["seconds"]

    def _line(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text(encoding="utf-8").strip().splitlines()
            raise SystemExit(f"A side ended by itself: {said[-1] if said else 'it said nothing'}.")
        found: dict[str, float] = json.loads(line)
        return found


if __name__ == "__main__":
    main()
