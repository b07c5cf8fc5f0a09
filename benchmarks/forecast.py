"""Measure how often the forecast of a retraining is right: in nine of ten simulated studios it should be.

    python -m benchmarks.forecast [--studios 6] [--tastes brief random] [--seconds 240]
    python -m benchmarks.forecast --report

In a studio one simulated person (benchmarks/support/tastes.py) clicks the best of three, and a reward head that learns
from each click chooses the next three. After 10, 20, 40 and 60 clicks a forecast is made, of the head alone: nothing is
trained, because training so many studios would take days. Then every card that the head shows for other texts is
compared, by that taste, with every card that is shown without a head. `came true` is the share that is preferred; a
share of clicks that the person makes at random counts one half. The forecast is right if its 90 % interval holds that.

Samples and screens of rude sentences of talk pages (MELLOW_SHARED_DATA, default ../shared/data) are drawn once and kept
in build/forecast. From them the head chooses as the studio does, but among all samples where the studio has the judge
read the most promising ones. Each studio is a few lines of JSON in build/forecast/cells.jsonl; one that is there is not
computed again, and after so many `--seconds` no more is begun.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import ROOT
from benchmarks.support.people import Writer, rude_sentences, win_rates
from benchmarks.support.tastes import KINDS, Kind
from models.forecast import HEAD_ALONE, forecast, gain
from models.reward.head import Head, choose_widths, chosen_on, fit
from models.reward.judgments import JudgedScreen
from models.serving import head_choice
from models.serving.generator import Sampling
from models.serving.pool import Option, pack, unpack
from worker.publish.convert import convert_to_ctranslate2

FOLDER = ROOT / "build" / "forecast"
CELLS = FOLDER / "cells.jsonl"
CLICKS = (10, 20, 40, 60)
CARDS, SAMPLES = 3, 24
ORDER_SEED = 1_000_003
WIDER = 7 / 6
"""Samples that a head chooses among are drawn at so many times the temperature, as the studio draws them."""


@dataclass(frozen=True)
class Drawn:
    """A text, the screen that is shown without a head, and the samples that a head chooses among."""

    text: str
    plain: tuple[Option, ...]
    pool: tuple[Option, ...]


def drawn(texts: Iterable[str], until: float) -> Iterator[Drawn]:
    """Yield the texts of which three cards can be shown; what was never drawn is drawn until that time, and kept."""
    writer: Writer | None = None
    with tempfile.TemporaryDirectory() as folder:
        for text in texts:
            plain, pool = (
                FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.{kind}" for kind in ("shown", "pool")
            )
            if not pool.exists():
                if time.monotonic() > until:
                    return
                if writer is None:
                    convert_to_ctranslate2(EMBEDDED_BASE_MODEL, Path(folder) / "serving")
                    writer = Writer(Path(folder) / "serving", seed=5)
                draw(writer, text, plain, pool)
            found = Drawn(text, unpack(plain.read_bytes()), unpack(pool.read_bytes()))
            if len(found.plain) == CARDS and len(found.pool) >= CARDS:
                yield found


def draw(writer: Writer, text: str, plain: Path, pool: Path) -> None:
    """Draw the screen of a text and the samples, and keep them in those files."""
    wider = replace(Sampling(), temperature=WIDER * Sampling().temperature)
    cards = [Option(one.text, one.log_probability, 0, 0, 0, 0, one.features) for one in writer.cards(text)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    plain.write_bytes(pack(cards))
    pool.write_bytes(pack(writer.generator.samples(text, wider, SAMPLES)))


def shown(one: Drawn, head: Head | None, chance: random.Random) -> list[Option]:
    """Return the three cards of a text, in a random order."""
    if head is None:
        return list(one.plain)
    cards = [one.pool[pick.place] for pick in head_choice.prefer(one.text, one.pool, CARDS, head, chance)]
    chance.shuffle(cards)
    return cards


def clicked(text: str, cards: Sequence[Option], kind: Kind, chance: random.Random) -> JudgedScreen:
    """Return the click of a person of that kind."""
    scores = [kind.taste(text, card.text) for card in cards]
    best = chance.choice([place for place, score in enumerate(scores) if score == max(scores)])
    if chance.random() < kind.noise:
        best = chance.randrange(len(cards))
    return JudgedScreen([card.features for card in cards], (best,))


def studio(taste: str, number: int, texts: Sequence[Drawn]) -> Iterator[dict[str, Any]]:
    """Yield what was forecast in a studio after each number of CLICKS, and what came true."""
    kind, chance = KINDS[taste], random.Random(f"{taste} {number}")
    order = chance.sample(texts, len(texts))
    asked, unseen = order[: max(CLICKS)], order[max(CLICKS) :]
    judged: list[JudgedScreen] = []
    head: Head | None = None
    widths: tuple[float, ...] = ()
    for one in asked:
        judged.append(clicked(one.text, shown(one, head, chance), kind, chance))
        if len(judged) == chosen_on(len(judged)):
            widths = choose_widths(judged)
        head = fit(judged, widths)
        if len(judged) in CLICKS:
            started = time.perf_counter()
            found = gain(judged, widths)
            assert found is not None
            said = forecast(found, HEAD_ALONE)
            took = 1000 * (time.perf_counter() - started)
            yield {
                "taste": taste,
                "studio": number,
                "clicks": len(judged),
                "forecast": [round(value, 4) for value in (said.value, said.low, said.high)],
                "came_true": round(came_true(kind, unseen, head, chance), 4),
                "milliseconds": round(took, 1),
            }


def came_true(kind: Kind, unseen: Sequence[Drawn], head: Head | None, chance: random.Random) -> float:
    """Return how often the person prefers a card that the head shows to one that is shown without it."""
    after = [[card.text for card in shown(one, head, chance)] for one in unseen]
    before = [[card.text for card in one.plain] for one in unseen]
    won = float(np.mean(win_rates(kind.taste, [one.text for one in unseen], after, before)))
    return (1 - kind.noise) * won + kind.noise / 2


def known() -> list[dict[str, Any]]:
    """Return the cells that were computed, here or in an earlier run."""
    return [json.loads(line) for line in CELLS.read_text("utf-8").splitlines()] if CELLS.exists() else []


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return the cells as a table of Markdown: a row for each taste and for all of them, by the number of clicks."""
    lines = ["| taste | clicks | studios | forecast | came true | width | within |", "|" + " --- |" * 7]
    tastes = sorted({one["taste"] for one in cells})
    for taste, clicks in [*itertools.product(tastes, CLICKS), *(("all", clicks) for clicks in CLICKS), ("all", None)]:
        some = [one for one in cells if taste in (one["taste"], "all") and clicks in (one["clicks"], None)]
        if some:
            value, low, high = np.array([one["forecast"] for one in some]).T
            true = np.array([one["came_true"] for one in some])
            within = np.mean((low <= true) & (true <= high))
            means = f"{value.mean():.3f} | {true.mean():.3f} | {(high - low).mean():.3f} | {within:.0%}"
            lines.append(f"| {taste} | {clicks or 'any'} | {len(some)} | {means} |")
    return "\n".join(lines)


def main() -> None:
    """Compute the studios that are missing, then print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studios", type=int, default=6, help="of each taste (%(default)s)")
    parser.add_argument("--tastes", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--texts", type=int, default=400, help="to click and to be measured on (%(default)s)")
    parser.add_argument("--seconds", type=float, default=240.0, help="after which nothing more is begun (%(default)s)")
    parser.add_argument("--report", action="store_true", help="only print the table of what is there")
    options = parser.parse_args()
    if not options.report:
        compute(options, time.monotonic() + options.seconds)
    print(table(known()))


def compute(options: argparse.Namespace, until: float) -> None:
    """Add the missing cells to the file, one studio after the other, until that time."""
    data = Path(os.environ.get("MELLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    texts = list(drawn(itertools.islice(rude_sentences(data, ORDER_SEED), options.texts), until))
    done = {(one["taste"], one["studio"]) for one in known()}
    for number, taste in itertools.product(range(options.studios), options.tastes):
        if time.monotonic() > until:
            return
        if (taste, number) not in done:
            cells = list(studio(taste, number, texts))
            with CELLS.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(one) + "\n" for one in cells)


if __name__ == "__main__":
    main()
