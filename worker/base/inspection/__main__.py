"""Write what a checkpoint makes of the hand-made inputs, to be read by eye: `python -m worker.base.inspection`.

The page has, of each input, the best rewrite and the three that a person would be shown, each with the kinds of failure
that a rule finds (worker/base/inspection/failures.py), and at the end how many of each kind there are.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from app.config import EMBEDDED_BASE_MODEL
from models.serving.generator import Generator, Sampling
from worker.base.inspection.failures import FAILURES, failures
from worker.base.texts.handmade import Input, handmade_inputs
from worker.publish.convert import convert_to_ctranslate2

_SEED = 20


@dataclass(frozen=True)
class Looked:
    """An input with the best rewrite of it, and those that are shown."""

    input: Input
    best: str
    shown: tuple[str, ...]


def looked_at(model: Path, inputs: Sequence[Input]) -> Iterator[Looked]:
    """Yield what the checkpoint in a folder makes of each input, as the studio serves it."""
    with tempfile.TemporaryDirectory() as folder:
        convert_to_ctranslate2(model, Path(folder) / "serving")
        generator = Generator(Path(folder) / "serving", 1, threads=1, seed=_SEED)
        for one in inputs:
            screen = generator.generate(one.text, Sampling())
            yield Looked(one, generator.best(one.text), tuple(card.text for card in screen.candidates))


def page(looked: Sequence[Looked]) -> str:
    """Return the page as Markdown."""
    lines: list[str] = []
    for kind, group in groupby(looked, lambda one: one.input.kind):
        lines += [f"## {kind}", ""]
        for one in group:
            lines += [f"**{one.input.text}**", "", _line("best", one.input, one.best)]
            lines += [*(_line("shown", one.input, text) for text in one.shown), ""]
    return "\n".join([*lines, "## Failures that a rule finds", "", *_table(looked)])


def _line(name: str, one: Input, text: str) -> str:
    found = failures(one, text)
    return f"- {name}: {text}" + (f" [{', '.join(found)}]" if found else "")


def _table(looked: Sequence[Looked]) -> list[str]:
    best = Counter(kind for one in looked for kind in failures(one.input, one.best))
    shown = Counter(kind for one in looked for text in one.shown for kind in failures(one.input, text))
    cards = sum(len(one.shown) for one in looked)
    head = [f"| failure | of {len(looked)} best rewrites | of {cards} shown |", "| --- | --- | --- |"]
    return [*head, *(f"| {kind} | {best[kind]} | {shown[kind]} |" for kind in FAILURES)]


def main() -> None:
    """Look at a checkpoint from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.inspection", description=__doc__)
    parser.add_argument(
        "--model", type=Path, default=EMBEDDED_BASE_MODEL, help="folder of the checkpoint, default %(default)s"
    )
    print(page(list(looked_at(parser.parse_args().model, handmade_inputs()))))


if __name__ == "__main__":
    main()
