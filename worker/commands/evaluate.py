"""`python -m worker evaluate`: how good a version or any checkpoint is, and whether it is better than another."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from app.config import Settings
from models.model_errors import PairFileError
from worker.commands.support.command import Command

_DESCRIPTION = """\
Measure how good rewrites are: neutral, alike in meaning, fluent, near to what people wrote, and, of the three that a
person is shown, how different they are. A model is measured in the form that serves. Every figure comes with a 95 %
interval, and two versions are compared text by text.
"""
_EPILOG = """\
examples:
  python -m worker evaluate
      the version that serves, on the 60 sentences that come with Mellow
  python -m worker evaluate --version 3 --baselines
      version 3 beside copying, deleting profane words, and people
  python -m worker evaluate --compare 3 2 --test_file paradetox.tsv --dev_split
      is version 3 better than version 2, on what neither of them was trained on?
  python -m worker evaluate --model_name_or_path t5-small --test_file pairs.jsonl --json report.json
  python -m worker evaluate --toxicity_model s-nlp/roberta_toxicity_classifier \\
      --fluency_model cointegrated/roberta-large-cola-krishna2020
      with classifiers of the Hugging Face hub; figures from different scorers cannot be compared

A test file is .tsv, .csv or .jsonl with the columns toxic, neutral1, neutral2 … (ParaDetox's own), source and
reference, or any others that training knows. docs/evaluation.md says what each figure means, and what it does not.
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to measure (default: the version that serves)")
    what.add_argument("--version", type=int, nargs="+", default=[], metavar="N", help="published versions")
    what.add_argument(
        "--model_name_or_path", nargs="+", default=[], metavar="DIR", help="checkpoint folders or hub names"
    )
    what.add_argument("--compare", nargs=2, default=[], metavar=("A", "B"), help="two versions or folders, A against B")
    what.add_argument("--baselines", action="store_true", help="also copying, deleting profane words, and people")
    data = parser.add_argument_group("on which texts (default: the 60 that come with Mellow)")
    data.add_argument(
        "--test_file",
        type=Path,
        help="a .tsv, .csv or .jsonl of sources and references, or a .txt of texts alone, one a line",
    )
    data.add_argument(
        "--dev_split",
        action="store_true",
        help="only the sources that what is measured, and what it comes from, was never trained on",
    )
    data.add_argument("--max_samples", type=_positive, metavar="N", help="only the first N sources")
    scorers = parser.add_argument_group("by which scorers (default: the embedded ones, which need no network)")
    scorers.add_argument("--toxicity_model", default="", metavar="NAME", help="a toxicity classifier")
    scorers.add_argument("--toxicity_label", default="", metavar="LABEL", help="its label for toxic, by name or number")
    scorers.add_argument(
        "--similarity_model", default="", metavar="NAME", help="a sentence encoder, averaged over tokens"
    )
    scorers.add_argument("--fluency_model", default="", metavar="NAME", help="an acceptability classifier")
    scorers.add_argument("--fluency_label", default="", metavar="LABEL", help="its label for acceptable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the whole report to FILE")


def run(options: argparse.Namespace) -> int:
    """Measure and print; returns 1, after one sentence, if something cannot be measured."""
    settings = Settings.from_env()
    from worker.evaluation.evaluation_errors import EvaluationError
    from worker.training.shared.writing import check_new, write_aside

    try:
        if options.json is not None:
            check_new(options.json)
        report, text = _report(options, settings)
    except (EvaluationError, PairFileError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was written.", file=sys.stderr)
        return 130
    print(text)
    if options.json is not None:
        write_aside(options.json, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        print(f"The report is in {options.json}.")
    return 0


def _report(options: argparse.Namespace, settings: Settings) -> tuple[dict[str, Any], str]:
    from models.serving.generator import Sampling
    from worker.evaluation import report, systems, testset
    from worker.evaluation.evaluation_errors import EvaluationError
    from worker.evaluation.measure import measure
    from worker.evaluation.scorers.loading import Choice, load_scorers

    if options.dev_split and not options.test_file:
        raise EvaluationError("--dev_split takes a share of a test file: name one with --test_file.")
    for kind in ("toxicity", "fluency"):
        if getattr(options, f"{kind}_label") and not getattr(options, f"{kind}_model"):
            raise EvaluationError(f"--{kind}_label is a label of --{kind}_model: name that, too.")
    sources = _sources(options, settings) if options.dev_split else {}
    unseen_by = [Path(source).parent if number else Path(source) for source, number in sources.values()]
    tests = (
        testset.read(options.test_file, unseen_by=unseen_by, max_samples=options.max_samples)
        if options.test_file
        else testset.heldout(max_samples=options.max_samples)
    )
    if tests.problems:
        print(tests.problems, file=sys.stderr)
    sources = sources or _sources(options, settings)
    screen = _Screen()
    screen.say("loading the scorers")
    scorers = load_scorers(
        settings.home / "cache", Choice(**{field.name: getattr(options, field.name) for field in fields(Choice)})
    )
    sampling = Sampling(settings.temperature, settings.top_p, settings.top_k)
    outputs = []
    for name, (source, number) in sources.items():
        screen.say(f"{name} writes")
        with systems.loaded(source, number) as system:
            outputs.append(system.write(name, tests, sampling, screen.tick))
    if options.baselines:
        screen.say("baselines")
        outputs += systems.baselines(tests)
    measured = measure(outputs, tests, scorers, screen.say)
    screen.done()
    found = report.build(measured, tests, scorers, sampling)
    if options.compare:
        found["comparisons"] = [report.compared(measured[0], measured[1])]
    return found, report.table(found)


def _sources(options: argparse.Namespace, settings: Settings) -> dict[str, tuple[str, int]]:
    """Return what to measure: name in the report → folder or hub name, and version number (0 for no version)."""
    from worker.evaluation.evaluation_errors import EvaluationError

    wanted = [*options.compare, *options.version, *options.model_name_or_path] or [_serving(settings)]
    names = [_name(item) for item in wanted]
    if options.compare and names[0] == names[1]:
        raise EvaluationError(f"{options.compare[0]} cannot be compared with itself: name two.")
    found = {}
    for name, number in dict.fromkeys(names):
        found[name] = (_version_folder(settings, number) if number else name, number)
    return found


def _name(item: int | str) -> tuple[str, int]:
    """Return the name of a system in the report, and its number if it is a version, else 0."""
    if isinstance(item, int) or (item.isdigit() and not Path(item).exists()):
        return f"version {int(item)}", int(item)
    return item, 0


def _version_folder(settings: Settings, number: int) -> str:
    from models.store.opening import open_store
    from models.store.store import SERVING_FOLDER

    return str(open_store(settings).folder(number) / SERVING_FOLDER)


def _serving(settings: Settings) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from app.db import make_sessions
    from app.services.versions import versions
    from worker.evaluation.evaluation_errors import EvaluationError

    number = None
    with suppress(SQLAlchemyError), make_sessions(settings.database_url)() as session:
        number = versions.serving_number(session)
    if number is None:
        raise EvaluationError("No version serves yet: name one with --version, or a model with --model_name_or_path.")
    return number


class _Screen:
    """Progress on standard error: one line that is written over, or, in a file, a line for each stage."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._what = ""

    def say(self, what: str) -> None:
        """A new stage."""
        self._what = what
        self._show(f"{what} …", ending="" if self._live else "\n")

    def tick(self, done: int, total: int) -> None:
        """`done` of `total` texts of this stage are done."""
        if self._live:
            filled = 30 * done // total
            self._show(f"{self._what} [{'=' * filled}{' ' * (30 - filled)}] {done}/{total}")

    def done(self) -> None:
        """Nothing more to say."""
        if self._live:
            self._show("", ending="\r")

    def _show(self, line: str, ending: str = "") -> None:
        start = "\r\x1b[K" if self._live else ""
        print(f"{start}{line}", end=ending, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


COMMAND = Command(
    name="evaluate",
    help="measure a version or any checkpoint, and compare two",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=_add_flags,
    run=run,
)
