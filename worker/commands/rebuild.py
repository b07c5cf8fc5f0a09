"""`python -m worker rebuild`: make a version of clicks again from its record, and say how far apart the two are."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.config import Settings
from worker.commands.support.command import Command

if TYPE_CHECKING:
    from worker.job.rebuilds.rebuilding import Again, Comparison

_DESCRIPTION = """\
Make a version that was trained on clicks again: from the same parent, judgments, pairs of other texts, settings and
seed, with as many threads. On the same kind of processor, with the same code, the weights are the same bit by bit.
Otherwise it says what is not to be had any more, and how far apart the two versions are.

Nothing is kept of it unless --output_dir or --publish says so, and nothing else changes.
"""
_EPILOG = """\
examples:
  python -m worker rebuild 3
  python -m worker rebuild 3 --output_dir again
  python -m worker rebuild 3 --publish
      as a new version, which does not serve
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", type=int, metavar="N", help="the number of the version")
    parser.add_argument("--output_dir", type=Path, metavar="DIR", help="a new folder to keep what is made")
    parser.add_argument("--publish", action="store_true", help="publish it as a new version, which does not serve")


def run(options: argparse.Namespace) -> int:
    """Make the version again, and print how it compares; 130 after Ctrl-C."""
    from worker.commands.support.console import ConsoleProgress
    from worker.job.rebuilds import rebuilding
    from worker.studio.studio import Studio
    from worker.training.loading.merging import check_free

    if options.output_dir is not None:
        check_free(options.output_dir)
    studio = Studio.of(Settings.from_env()).with_version(options.version)
    again = rebuilding.prepare(studio, options.version)
    for sentence in again.missing:
        print(sentence)
    progress = ConsoleProgress()
    try:
        with studio.store.stage() as run_dir, studio.store.stage() as staged:
            facts, compared = rebuilding.rebuild(studio, again, run_dir, staged, progress)
            print(report(again, compared))
            if options.output_dir is not None:
                shutil.copytree(staged, options.output_dir, dirs_exist_ok=True)
                print(f"It is in {options.output_dir}.")
            if options.publish:
                number = rebuilding.publish(studio, again, staged, facts)
                print(f"It is published as version {number}, which does not serve.")
    except KeyboardInterrupt:
        progress.end()
        print("Stopped. Nothing is kept.", file=sys.stderr)
        return 130
    return 0


_SAME_HEAD = {True: ", and so is its head", False: ", but its head is another one", None: ""}
_OTHER_HEAD = {True: " Its head is the same.", False: " Its head is another one.", None: ""}


def report(again: Again, compared: Comparison) -> str:
    """Return how what was made again compares with the version, in sentences."""
    number, weights = again.manifest.number, compared.weights
    if weights.same:
        return f"The weights are those of version {number} bit by bit{_SAME_HEAD[compared.same_head]}."
    differ = f"The weights differ from those of version {number} by {weights.largest:.1e} at most"
    lines = [f"{differ}, {weights.mean:.1e} on average.{_OTHER_HEAD[compared.same_head]}"]
    lines += [
        f"{name}: {then:.4f} then, {at_present:.4f} now ({at_present - then:+.4f})."
        for name, (then, at_present) in compared.figures.items()
    ]
    return "\n".join(lines)


COMMAND = Command(
    name="rebuild",
    help="make a version of clicks again from its record, and compare the two",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=_add_flags,
    run=run,
)
