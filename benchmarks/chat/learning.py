"""Measure what forty clicks change on a chat model's answers to instructions that nobody clicked.

    python -m benchmarks.chat.learning --model FOLDER [--work DIR] [--clicks 40] [--people 1 2]
    python -m benchmarks.chat.learning --model FOLDER --trying --people 7 --settings '{"beta": 0.05}' '{"beta": 0.1}'

A simulated person wants short, friendly answers (taste.py) and clicks one of three on so many instructions; an adapter
is trained on the pairs of those clicks by DPO, as `python -m worker dpo --use_peft` does. Then every answer of the new
version to an instruction that was not clicked is compared, by that taste, with every answer of the version before, as
benchmarks/learning.py does it: ties count half, and 0.50 says that nothing was learned. Beside it:

- `likable`: the same comparison by the taste without its wish for few words;
- `shorter`: how often the new answer has fewer words, so that nobody takes length for quality;
- `again`: other answers of the version before, in place of the new version's: what chance does;
- `ceiling`: the three that the taste itself picks of six answers of the version before;
- the mean number of words, how many of five marks of friendliness an answer has, the share of the instruction's words
  that it takes up, the shares of answers that are broken and that ended by themselves, and the log-probability that the
  version before gives the first tokens of an answer, which falls where answers turn into nonsense: after and, as the
  baseline, before.

The instructions (instructions.txt) are put in an order once: the first 48 are measured, the next 24 are measured with
`--trying` instead, to choose settings, and the others are clicked. Answers are drawn by the engine of the generation
process, in int8, at temperature 0.8 and top-p 0.95, with at most 60 tokens; they are drawn by chance, so a second run
gives other figures. FOLDER is that of `python -m worker merge` (docs/chat.md); its form is kept in WORK. Prints a line
of JSON for each person and, of several, one for all of them, whose interval is over people and instructions.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the generation process has it

import ctranslate2
import numpy as np
import torch

from benchmarks.chat.taste import brevity, click, friendliness, is_broken, likable, on_the_matter, short_and_friendly
from benchmarks.support.harness import Finding
from benchmarks.support.people import Cards, Click, ceiling, interval, pairs, win_rates
from benchmarks.support.tastes import words
from models.chat.conversation import Message
from models.chat.engine import ChatEngine, Draw
from models.chat.forms import form_of
from models.chat.source import ChatSource
from models.chat.writing import Answer, AnswerRequest, Event
from models.formats import rows_sha256
from models.settings.command_line import DPOOptions
from worker.chat.conversion import convert
from worker.job.dataset import split
from worker.training.methods import dpo
from worker.training.run.data import TrainingData
from worker.training.run.runner import train
from worker.training.run.saving import ADAPTER
from worker.training.shared.progress import SilentProgress

INSTRUCTIONS = Path(__file__).with_name("instructions.txt")
MEASURED, TRIED = 48, 24
SYSTEM = "You are a friendly assistant who gives short answers."
MOST_TOKENS, PRECISION, THREADS = 60, "int8", 2
FIRST_TOKENS = 15
"""As many are judged by the version before; later ones would be likelier, and answers differ in length."""
SHOWN = 3
DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 2e-4,
    "beta": 0.1,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 4,
    "lora_r": 16,
    "lora_dropout": 0.0,
}


@dataclass(frozen=True)
class Answers:
    """The answers to some instructions, and the share of them that ended by themselves."""

    cards: Cards
    ended: float

    def part(self, begin: int, end: int) -> Cards:
        """Those of certain places on each screen."""
        return [of[begin:end] for of in self.cards]


class Writer:
    """A version in its served form."""

    def __init__(self, source: ChatSource, work: Path) -> None:
        form = form_of(source, PRECISION, work / "forms", converted)
        self._engine = ChatEngine(form, "", compute_type=PRECISION, threads=THREADS)
        self._scorer = ctranslate2.Generator(str(form), compute_type=PRECISION, intra_threads=THREADS)

    def answers(self, instructions: Sequence[str], count: int = SHOWN) -> Answers:
        """So many answers to each instruction; those that are alike in length are written together."""
        screens: list[list[Answer]] = [[] for _ in instructions]
        draws = [self._draw(*row, count) for row in zip(instructions, screens, strict=True)]
        batch: list[Draw] = []
        for draw in sorted(draws, key=lambda one: len(one.tokens)):
            if batch and not self._engine.fits(batch, draw):
                self._engine.write(batch)
                batch = []
            batch.append(draw)
        self._engine.write(batch)
        cards = [[one.text for one in sorted(screen, key=lambda one: one.answer)] for screen in screens]
        return Answers(cards, float(np.mean([one.ended == "stop" for screen in screens for one in screen])))

    def nats(self, instruction: str, answer: str) -> float:
        """The mean log-probability that this version gives the first tokens of an answer."""
        prompt = self._engine.reader.tokens(conversation(instruction), MOST_TOKENS)
        tokens = self._engine.reader.tokenizer.encode(answer, add_special_tokens=False).tokens[:FIRST_TOKENS]
        [scored] = self._scorer.score_batch([[*prompt, *tokens]], max_input_length=0)
        return float(np.mean(scored.log_probs[len(prompt) - 1 :])) if tokens else 0.0

    def _draw(self, instruction: str, screen: list[Answer], count: int) -> Draw:
        request = AnswerRequest(conversation(instruction), count, MOST_TOKENS, temperature=0.8, top_p=0.95)

        def tell(event: Event) -> None:
            if isinstance(event, Answer):
                screen.append(event)

        return Draw(request, tell, lambda: False, self._engine.reader.tokens(request.messages, MOST_TOKENS))


def converted(source: ChatSource, target: Path) -> None:
    """Write the served form of a source."""
    convert(source, target, PRECISION)


def conversation(instruction: str) -> tuple[Message, ...]:
    """Say what the model is asked."""
    return Message("system", SYSTEM), Message("user", instruction)


def parts() -> tuple[list[str], list[str], list[str]]:
    """The instructions that are measured, those that are measured to choose settings, and those that are clicked."""
    lines = INSTRUCTIONS.read_text(encoding="utf-8").splitlines()
    random.Random(0).shuffle(lines)
    return lines[:MEASURED], lines[MEASURED : MEASURED + TRIED], lines[MEASURED + TRIED :]


def clicked(before: Writer, instructions: Sequence[str], number: int, person: int) -> list[Click]:
    """So many clicks of a person, on instructions in an order of their own."""
    chance = random.Random(person)
    texts = chance.sample(instructions, number)
    screens = before.answers(texts).cards
    return [
        Click(text, tuple(cards), click(text, cards, chance), ()) for text, cards in zip(texts, screens, strict=True)
    ]


def trained(model: Path, made: Sequence[Click], settings: Mapping[str, Any], folder: Path) -> Path:
    """Train an adapter on the pairs of the clicks that a studio would not hold out; return its folder."""
    rows = [
        {
            "prompt": [vars(message) for message in conversation(pair.prompt)],
            "chosen": [{"role": "assistant", "content": pair.chosen}],
            "rejected": [{"role": "assistant", "content": pair.rejected}],
        }
        for pair in split(pairs(made)).train
    ]
    options = DPOOptions.from_mapping(
        {"use_peft": True, "precompute_ref_log_probs": True, "dev_split": 0, "use_cpu": True, **settings}
    )
    train(dpo.METHOD, model, TrainingData(rows, [], [], rows_sha256(rows, []), {}), options, folder, SilentProgress())
    return folder / ADAPTER


@dataclass(frozen=True)
class Person:
    """A person by number, what they clicked, and six answers of the version before to each measured instruction."""

    number: int
    clicks: Sequence[Click]
    before: Answers


@dataclass(frozen=True)
class Seen:
    """Holds what one training changed: win rates by instruction, and means over all answers, after and before."""

    wins: Mapping[str, list[float]]
    after: Mapping[str, float]
    before: Mapping[str, float]


def seen(instructions: Sequence[str], after: Answers, before: Answers, nats: Callable[[str, str], float]) -> Seen:
    """Compare the answers of two versions; the version before has twice as many, and gives log-probabilities."""
    shown, again = before.part(0, SHOWN), before.part(SHOWN, 2 * SHOWN)
    best = ceiling(short_and_friendly, instructions, before.cards)
    rate = partial(win_rates, texts=instructions, before=shown)
    wins = {
        "shown": rate(short_and_friendly, after=after.cards),
        "likable": rate(likable, after=after.cards),
        "shorter": rate(brevity, after=after.cards),
        "again": rate(short_and_friendly, after=again),
        "ceiling": rate(short_and_friendly, after=best),
    }
    return Seen(wins, means(instructions, after, nats), means(instructions, before, nats))


def means(instructions: Sequence[str], answers: Answers, nats: Callable[[str, str], float]) -> dict[str, float]:
    """Tell what the answers are like, as means over all of them."""

    def mean(of: Callable[[str, str], float]) -> float:
        return float(
            np.mean([of(text, card) for text, cards in zip(instructions, answers.cards, strict=True) for card in cards])
        )

    return {
        "words": mean(lambda _, answer: len(words(answer))),
        "friendliness": mean(lambda _, answer: friendliness(answer)),
        "on_the_matter": mean(on_the_matter),
        "broken": mean(lambda _, answer: is_broken(answer)),
        "ended": answers.ended,
        "nats_a_token": mean(nats),
    }


def finding(claim: str, found: Sequence[Seen], seconds: float) -> Finding:
    """Return what was seen of some people, as one claim."""
    figures: dict[str, float] = {}
    for name in found[0].wins:
        value, low, high = interval([one.wins[name] for one in found])
        figures |= {name: value, f"{name}_low": low, f"{name}_high": high}
    after, before = (
        {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        for rows in ([one.after for one in found], [one.before for one in found])
    )
    return Finding(
        claim=claim,
        goal="the interval of the shown win rate is above 0.5",
        met=figures["shown_low"] > 0.5,
        measured={**figures, **after, "training s": seconds},
        baseline="the version before",
        baseline_measured=before,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--trying", action="store_true")
    parser.add_argument("--settings", type=json.loads, nargs="+", default=[{}])
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        measure(options, options.work or Path(folder))


def measure(options: argparse.Namespace, work: Path) -> None:
    """Let each person click, train with each of the settings, and tell what that changed."""
    measured, tried, to_click = parts()
    instructions = tried if options.trying else measured
    base = Writer(ChatSource(options.model), work)
    people = [
        Person(one, clicked(base, to_click, options.clicks, one), base.answers(instructions, 2 * SHOWN))
        for one in options.people
    ]
    for settings in options.settings:
        found, spent = zip(
            *(learnt(base, options.model, person, instructions, settings) for person in people), strict=True
        )
        claim = f"{options.clicks} clicks on a chat model, {_said(settings)}"
        for person, one, seconds in zip(people, found, spent, strict=True):
            finding(f"{claim}person {person.number}", [one], seconds).tell()
        if len(people) > 1:
            finding(f"{claim}{len(people)} people", found, float(np.mean(spent))).tell()


def learnt(
    base: Writer, model: Path, person: Person, instructions: Sequence[str], settings: Mapping[str, Any]
) -> tuple[Seen, float]:
    """Return what training on a person's clicks changed, and how many seconds it took."""
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        chosen = {**DEFAULTS, **settings, "seed": person.number}
        adapter = trained(model, person.clicks, chosen, Path(scratch) / "run")
        spent = time.perf_counter() - began
        after = Writer(ChatSource(model, adapter), Path(scratch)).answers(instructions)
    return seen(instructions, after, person.before, base.nats), spent


def _said(settings: Mapping[str, Any]) -> str:
    return f"{json.dumps(settings)}, " if settings else ""


if __name__ == "__main__":
    main()
