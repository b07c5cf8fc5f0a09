"""Measure what clicks change on texts that nobody clicked: the figure that a person buys with them.

    python -m benchmarks.learning [--tastes brief formal] [--clicks 0 5 20 60 200] [--people 5] [--texts 100]
    python -m benchmarks.learning --arms retrain --settings '{"beta": 0.3}' '{"num_train_epochs": 4}'
    python -m benchmarks.learning --model build/rephrase/checkpoint --arms head --clicks 0 20
    python -m benchmarks.learning --report

A simulated person has a taste (benchmarks/support/tastes.py) and clicks the best of three on so many texts. Then every
card that is shown for an unseen text is compared, by that taste, with every card that was shown for it before; ties
count half, so 0.50 says that nothing was learned:

- `shown`: the cards of a screen, chosen as the studio chooses;
- `plain`: samples of the T5 itself at temperature 0.9, without any choice among them;
- `ceiling`: the three that the taste itself picks among what was drawn before, against what was shown before.

Beside them, of the cards that are shown: the share that is neutral (STA), the mean meaning (SIM) and fluency (FL) by
scorers that have no part in choosing, the product of the three (J), the share of copies and of screens of three cards,
and the length in words; after and, as `before_…`, before. `told` is what the report of a training says of it. Rude
sentences of talk pages are read from MELLOW_SHARED_DATA (default ../shared/data); the unseen ones are the same for
everybody, and nobody clicks them.

Each cell (arm, taste, clicks, person) is a line of JSON in build/learning/cells.jsonl; a cell that is there is not
computed again, and those of another model than the embedded one are in a folder of their own. The table has means over
people, with 95 % intervals by the bootstrap over people and texts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import ROOT
from benchmarks.support.people import (
    POOL,
    Cards,
    Click,
    Writer,
    ceiling,
    clicks,
    interval,
    judgments,
    learned,
    pairs,
    rude_sentences,
    win_rates,
)
from benchmarks.support.tastes import KINDS
from models.model_errors import RecipeError
from models.reward.head import Head
from models.serving.generator import Sampling, wording
from models.settings.clicks import DPOClickOptions
from models.store.manifest import hash_file
from models.store.store import HEAD_FILE
from worker.evaluation.expected_preference import measured_preference
from worker.evaluation.measure import TOXIC
from worker.evaluation.scorers import Scorers
from worker.evaluation.scorers.loading import load_scorers
from worker.job.dataset import split
from worker.publish.convert import convert_to_ctranslate2
from worker.training.clicks.click_dpo import train_dpo
from worker.training.clicks.interpolation import interpolate_towards
from worker.training.clicks.labelling import label
from worker.training.clicks.samples import Samples
from worker.training.clicks.shipped_texts import shipped_texts
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import SilentProgress

FOLDER = ROOT / "build" / "learning"
CELLS = FOLDER / "cells.jsonl"
KEY = ("arm", "taste", "clicks", "person", "texts")
UNSEEN_SEED = 1_000_003
"""Of the order of the sentences whose first ones nobody clicks."""


@dataclass(frozen=True)
class Version:
    """A version: the folders of its model and of its serving form, and the head that chooses what it shows.

    `origin` is the model with which its training on clicks began, None before there was any.
    """

    model: Path
    serving: Path
    head: Head | None = None
    origin: Path | None = None


@dataclass(frozen=True)
class Arm:
    """A way to learn: from the version before, clicks, a scratch folder and a seed to the version afterwards.

    With `live` clicks a head has chosen each screen by those before it; with `edits` people write instead of clicking.
    There are so many clicks in each of `rounds`, those of a later one on the version that the round before led to.
    """

    learn: Callable[[Version, Sequence[Click], Path, int], Version]
    live: bool
    edits: bool = False
    rounds: int = 1


def dpo(before: Version, made: Sequence[Click], work: Path, seed: int) -> Version:
    """Retrain as it was before it had a head: on the clicked pairs alone, held fast to what the version was."""
    if not made:
        return before
    recipe = DPOClickOptions(seed=seed, beta=0.5, anchor_weight=100.0, num_train_epochs=10)
    return _trained(before, pairs(made), recipe, work, None)


def head(before: Version, made: Sequence[Click], work: Path, seed: int) -> Version:
    """No training: the head that every click moves at once."""
    return replace(before, head=learned(made))


def retrain(
    before: Version, made: Sequence[Click], work: Path, seed: int, settings: Mapping[str, object] | None = None
) -> Version:
    """Retrain as the studio does, with `settings` over its defaults: the clicks, and pairs of texts of the recipe.

    What a studio holds out of the clicks is neither trained on nor seen by the head that labels.
    """
    chooses = learned(made)
    if chooses is None:
        return before
    clicked = split(pairs(made))
    labels = learned([one for one in made if not clicked.holds_out(one.text)])
    assert labels is not None
    recipe = DPOClickOptions.from_mapping({**(settings or {}), "seed": seed})
    samples = Samples(before.serving, Sampling(), FOLDER / "samples")
    texts = shipped_texts()
    samples.draw(texts)
    pools = [(text, pool) for text in texts if (pool := samples.known(text)) is not None]
    taught = label(labels, pools, recipe.head_pairs).examples
    return _trained(before, [*clicked.train, *taught], recipe, work, replace(chooses, taught=bool(taught)))


def _trained(
    before: Version, examples: Sequence[PreferenceExample], recipe: DPOClickOptions, work: Path, chooses: Head | None
) -> Version:
    """Train from the version before, and keep the head beside the version as a studio does."""
    train_dpo(before.model, examples, recipe, work / "model", SilentProgress())
    if before.origin is not None:
        interpolate_towards(before.origin, work / "model")
    convert_to_ctranslate2(work / "model", work / "serving")
    if chooses is not None:
        (work / HEAD_FILE).write_bytes(chooses.to_bytes())
    return Version(work / "model", work / "serving", chooses, before.origin or before.model)


ARMS: Mapping[str, Arm] = {
    "dpo": Arm(dpo, live=False),
    "head": Arm(head, live=True),
    "retrain": Arm(retrain, live=True),
    "again": Arm(retrain, live=True, rounds=2),
    "edits": Arm(retrain, live=True, edits=True),
}


def arm_of(name: str) -> Arm:
    """The arm of that name; `retrain {"beta": 0.3}` is the arm retrain with those settings."""
    known, _, settings = name.partition(" ")
    return replace(ARMS[known], learn=partial(retrain, settings=json.loads(settings))) if settings else ARMS[known]


def tried(text: str) -> str:
    """The name of the arm that lays settings, given as JSON, over the defaults of Retrain; raises ValueError."""
    settings = json.loads(text)
    try:
        DPOClickOptions.from_mapping(settings)
    except RecipeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return f"retrain {json.dumps(settings, sort_keys=True)}"


class Person:
    """A person whose taste is left open: the unseen texts, and what was shown for them before."""

    def __init__(self, number: int, serving: Path, unseen: Sequence[str], data: Path) -> None:
        self.number, self.unseen, self.data = number, unseen, data
        self.writer = Writer(serving, seed=2 * number + 1)
        self.shown: Cards = self.writer.screens(unseen)
        self.plain: Cards = self.writer.plain(unseen)
        self.plain_again: Cards = self.writer.plain(unseen)
        self.pools: Cards = self.writer.screens(unseen, wanted=POOL)
        self._clicks: dict[tuple[str, int, bool, bool], list[Click]] = {}

    def texts(self) -> Iterator[str]:
        """The sentences that this person may click, in an order of their own."""
        return (text for text in rude_sentences(self.data, self.number) if text not in self.unseen)

    def clicks(self, kind: str, number: int, *, live: bool = False, edits: bool = False) -> list[Click]:
        """So many clicks of a person of that kind on the version before, or so many edits."""
        key = (kind, number, live, edits)
        if key not in self._clicks:
            self._clicks[key] = clicks(
                self.writer, KINDS[kind], self.texts(), number, self.number * 1000, live=live, edits=edits
            )
        return self._clicks[key]


def cell(arm: str, kind: str, number: int, person: Person, before: Version, scorers: Scorers) -> dict[str, Any]:
    """Measure what one person's clicks changed by one arm: win rates of each text, means of what must not suffer."""
    taste, texts, how = KINDS[kind].taste, person.unseen, arm_of(arm)
    made = person.clicks(kind, number, live=how.live, edits=how.edits)
    with tempfile.TemporaryDirectory() as work:
        parent, now, seconds = before, before, 0.0
        for turn in range(how.rounds):
            if turn:
                made = _more_clicks(now, kind, number, made, person)
            started = time.perf_counter()
            parent, now = now, how.learn(now, made, _folder(work, turn), person.number)
            seconds += time.perf_counter() - started
        writer = Writer(now.serving, seed=2 * person.number + 2)
        shown = writer.screens(texts, now.head)
        plain = person.plain_again if now.serving == before.serving else writer.plain(texts)
        told = _told(parent, now, made)
    wins = {
        "shown": win_rates(taste, texts, shown, person.shown),
        "plain": win_rates(taste, texts, plain, person.plain),
        "ceiling": win_rates(taste, texts, ceiling(taste, texts, person.pools), person.shown),
    }
    earlier = {f"before_{name}": value for name, value in collateral(texts, person.shown, scorers).items()}
    return {
        "arm": arm,
        "taste": kind,
        "clicks": number,
        "person": person.number,
        "texts": len(texts),
        "seconds": round(seconds, 1),
        "told": told,
        **{name: [round(rate, 4) for rate in rates] for name, rates in wins.items()},
        **{name: round(value, 4) for name, value in {**collateral(texts, shown, scorers), **earlier}.items()},
    }


def _folder(work: str, turn: int) -> Path:
    folder = Path(work) / str(turn)
    folder.mkdir()
    return folder


def _more_clicks(version: Version, kind: str, number: int, made: list[Click], person: Person) -> list[Click]:
    """The clicks so far, and so many more on what the version of the last round shows for other texts."""
    seen = {one.text for one in made}
    texts = (text for text in person.texts() if text not in seen)
    writer = Writer(version.serving, seed=2 * person.number + 101)
    return clicks(
        writer, KINDS[kind], texts, len(made) + number, person.number * 1000 + len(made), live=True, before=made
    )


def _told(parent: Version, version: Version, made: Sequence[Click]) -> dict[str, Any]:
    """What the report of a training says of how often people will prefer it; empty if nothing was trained."""
    if version.head is None or version.serving == parent.serving:
        return {}
    prompts = [one.text for one in made]
    return measured_preference(version.serving, parent.serving, version.head, judgments(made), prompts, Sampling())


def collateral(texts: Sequence[str], shown: Cards, scorers: Scorers) -> dict[str, float]:
    """What must not suffer, as means over the cards; `three` is the share of screens with three of them."""
    sources, cards = zip(*((text, card) for text, of in zip(texts, shown, strict=True) for card in of), strict=True)
    neutral = np.array(scorers.toxicity(cards)) < TOXIC
    meaning, fluency = np.array(scorers.similarity(sources, cards)), np.array(scorers.fluency(cards))
    return {
        "neutral": float(neutral.mean()),
        "meaning": float(meaning.mean()),
        "fluency": float(fluency.mean()),
        "j": float((neutral * meaning * fluency).mean()),
        "copies": float(np.mean([wording(a) == wording(b) for a, b in zip(sources, cards, strict=True)])),
        "words": float(np.mean([len(card.split()) for card in cards])),
        "three": float(np.mean([len(of) == 3 for of in shown])),
    }


def cells_of(model: Path) -> Path:
    """The file of the cells of a model: that of the embedded one, or one in a folder named by its weights."""
    if model == EMBEDDED_BASE_MODEL:
        return CELLS
    return FOLDER / hash_file(model / "model.safetensors")[:12] / CELLS.name


def known(cells: Path) -> list[dict[str, Any]]:
    """The cells of a file that were computed, here or in an earlier run."""
    return [json.loads(line) for line in cells.read_text("utf-8").splitlines()] if cells.exists() else []


def table(cells: Iterable[Mapping[str, Any]]) -> str:
    """The cells as a table of Markdown: a row for each arm, taste and number of clicks."""
    names = ("neutral", "meaning", "fluency", "j", "copies", "words", "three")
    head = ("arm", "taste", "clicks", "people", "shown", "plain", "ceiling", *names, "seconds")
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    rows = sorted(cells, key=lambda one: (one["arm"], one["taste"], one["clicks"]))
    for (arm, taste, number), group in itertools.groupby(rows, lambda one: (one["arm"], one["taste"], one["clicks"])):
        people = list(group)
        rates = [interval([one[name] for one in people]) for name in ("shown", "plain", "ceiling")]
        moved = [
            [float(np.mean([one[f"{when}{name}"] for one in people])) for when in ("before_", "")] for name in names
        ]
        said = (
            *(f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in rates),
            *(f"{then:.3f} → {now:.3f}" for then, now in moved),
            f"{np.mean([one['seconds'] for one in people]):.0f}",
        )
        lines.append(f"| {arm} | {taste} | {number} | {len(people)} | {' | '.join(said)} |")
    return "\n".join(lines)


def main() -> None:
    """Compute the cells that are missing, then print the table of all that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model",
        type=Path,
        default=EMBEDDED_BASE_MODEL,
        help="folder of the checkpoint that is clicked on (%(default)s)",
    )
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument(
        "--settings",
        nargs="+",
        type=tried,
        default=[],
        metavar="JSON",
        help="of Retrain to try, each an arm of its own",
    )
    parser.add_argument("--tastes", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--clicks", nargs="+", type=int, default=[0, 5, 20, 60, 200])
    parser.add_argument("--people", type=int, default=5, help="of each taste; three at most with 200 clicks")
    parser.add_argument("--from-person", type=int, default=0, help="the first of them (%(default)s)")
    parser.add_argument("--texts", type=int, default=100, help="unseen ones (%(default)s)")
    parser.add_argument("--report", action="store_true", help="only print the table of what is there")
    options = parser.parse_args()
    if not options.report:
        compute(options)
    print(table(known(cells_of(options.model))))


def compute(options: argparse.Namespace) -> None:
    """Add the missing cells to the file, one after the other; what was interrupted goes on there."""
    torch.set_num_threads(1)
    data = Path(os.environ.get("MELLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    unseen = list(itertools.islice(rude_sentences(data, UNSEEN_SEED), options.texts))
    cells = cells_of(options.model)
    done = {tuple(one[name] for name in KEY) for one in known(cells)}
    cells.parent.mkdir(parents=True, exist_ok=True)
    scorers = load_scorers(FOLDER / "cache")
    with tempfile.TemporaryDirectory() as folder:
        before = Version(options.model, Path(folder) / "serving")
        convert_to_ctranslate2(before.model, before.serving)
        for number in range(options.from_person, options.people):
            wanted = [
                (arm, kind, clicks)
                for arm, kind, clicks in itertools.product(
                    [*options.arms, *options.settings], options.tastes, options.clicks
                )
                if (arm, kind, clicks, number, options.texts) not in done
                and not (clicks >= 200 and number >= 3)
                and (KINDS[kind].edit or not arm_of(arm).edits)
            ]
            person = Person(number, before.serving, unseen, data) if wanted else None
            for arm, kind, clicks in wanted:
                assert person is not None
                line = json.dumps(cell(arm, kind, clicks, person, before, scorers))
                with cells.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
