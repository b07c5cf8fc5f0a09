"""`python -m worker data`: look at files of training data, and turn one format into another."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from models.formats import (
    FORMAT_NAMES,
    FORMATS,
    RANKINGS,
    WRITERS,
    RowFile,
    by_objective,
    mix_rows,
    named_file,
    parse_mix,
    sentences,
    summary,
)
from models.model_errors import DataFileError
from worker.commands.support.command import Command
from worker.commands.support.data_files import columns_from

_DESCRIPTION = """\
Look at preference and instruction data, and turn one format into another, without a model and without training.

  python -m worker data check FILE      what a file holds, how much of it can be used, and why the rest cannot
  python -m worker data convert ...     the same rows in another format
"""
_CHECK = """\
Say which format a file has, how many of its rows can be used for training, and, with their lines, why the others
cannot. Ends with 1 if more than half of the rows are bad, as training would.
"""
_CONVERT = """\
Read data in any known format and write it in another. Rows that cannot be used, or that the new format cannot hold,
are reported with their lines. The file is written whole or not at all.
"""
_EXAMPLES = """\
examples:
  python -m worker data check clicks.jsonl
  python -m worker data check hh.jsonl.gz --lines 200 --report hh.json
  python -m worker data convert --input hh.jsonl.gz --to trl --output hh-trl.jsonl
  python -m worker data convert --input ultrafeedback.parquet --to trl --ranking all --output pairs.jsonl
  python -m worker data convert --input paradetox.tsv --to kto --output labelled.jsonl
  python -m worker data convert --input helpful=a.jsonl harmless=b.jsonl --mix helpful=0.7,harmless=0.3
      --to trl-chat --output mixed.jsonl

docs/data-formats.md shows a row of every format.
"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="check|convert")
    check = actions.add_parser(
        "check", help="what a file holds", description=_CHECK, epilog=_formats(), formatter_class=raw
    )
    check.add_argument("input", nargs="?", metavar="FILE", help=_FILES)
    check.add_argument("--lines", type=int, default=20, metavar="N", help="name so many bad rows (default: 20)")
    convert = actions.add_parser(
        "convert",
        help="one format into another",
        description=_CONVERT,
        epilog=f"{_formats()}\n{_EXAMPLES}",
        formatter_class=raw,
    )
    convert.add_argument(
        "--input", nargs="+", default=[], metavar="[NAME=]FILE", help=f"{_FILES}; of several, each with its objective"
    )
    convert.add_argument(
        "--to", required=True, choices=tuple(WRITERS), metavar="FORMAT", help="what to write; see below"
    )
    convert.add_argument("--output", type=Path, required=True, metavar="FILE", help="where; .gz compresses it")
    convert.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    convert.add_argument("--drop_duplicates", action="store_true", help="write equal rows once")
    convert.add_argument("--mix", default="", metavar="NAME=W,...", help="draw from the objectives by these weights")
    convert.add_argument("--seed", type=int, default=42, help="of the draw of --mix (default: 42)")
    for action in (check, convert):
        _add_reading(action)


_FILES = "JSON, JSON Lines, CSV, TSV, XLSX or Parquet, also packed"


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset_name", default="", help="a dataset of the hub, or a folder that holds one")
    parser.add_argument("--dataset_split", default="train", help="the split of --dataset_name (default: train)")
    parser.add_argument(
        "--format", choices=FORMAT_NAMES, default="auto", metavar="NAME", help="the format, if not found by itself"
    )
    parser.add_argument(
        "--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="columns of other names: prompt=question"
    )
    parser.add_argument(
        "--ranking",
        choices=RANKINGS,
        default="best-vs-rest",
        help="which pairs ranked answers make (default: best-vs-rest)",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="also write all that is said, as JSON")


def _formats() -> str:
    read = "".join(f"  {one.name:<27}{one.what}\n" for one in FORMATS.values())
    written = "".join(f"  {one.name:<27}{one.what}\n" for one in WRITERS.values())
    pairs = f"  {'pairs':<27}source and target, toxic and neutral1, neutral2 ... or text and rewrite\n"
    return f"formats that are read:\n{read}{pairs}\nformats that convert writes:\n{written}"


def run(options: argparse.Namespace) -> int:
    """Check or convert; returns the exit code."""
    return _check(options) if options.action == "check" else _convert(options)


def _check(options: argparse.Namespace) -> int:
    """Print what the data is; 1 if it cannot be trained on."""
    _prepare(options, [options.input] if options.input else [])
    file = _load(options.input, options)
    for sentence in sentences(file, options.lines):
        print(sentence)
    _report(options, summary(file))
    file.check_usable()
    return 0


def _convert(options: argparse.Namespace) -> int:
    """Write the data in another format; 1, with nothing written, if more than half of it cannot be used."""
    from worker.commands.support import data_files
    from worker.training.shared.writing import check_writable, write_aside

    _prepare(options, options.input)
    writer = WRITERS[options.to]
    data_files.check_output(options.output, writer, options.overwrite)
    check_writable(options.output)
    if options.report is not None and options.report.resolve() == options.output.resolve():
        raise DataFileError(f"{options.report} cannot be both the output and the report.")
    files = [(name, _load(path, options)) for name, path in map(named_file, options.input or [""])]
    for name, file in files:
        file.check_usable()
        _say(name, file)
    written = data_files.convert(_joined(files, options), writer, options.output)
    _report(options, {"files": [summary(file) for _, file in files], "output": written.summary()})
    written.check_usable()
    if written.problem_report():
        print(written.problem_report(), file=sys.stderr)
    write_aside(options.output, written.content)
    print(f"{options.output} has {written.count:,} rows in the format {options.to}.")
    return 0


def _prepare(options: argparse.Namespace, inputs: list[str]) -> None:
    """Refuse what cannot be meant, before anything is read."""
    from worker.training.shared.writing import check_new

    if bool(inputs) == bool(options.dataset_name):
        raise DataFileError("Name either a file or a --dataset_name.")
    if options.report is not None:
        check_new(options.report)


def _load(path: str | None, options: argparse.Namespace) -> RowFile:
    from worker.training.run.row_sources import load_row_file

    writer = WRITERS[options.to] if options.action == "convert" else None
    return load_row_file(
        Path(path) if path else None,
        options.dataset_name,
        options.dataset_split,
        writer.kind if writer else None,
        options.ranking,
        options.format,
        columns_from(options.columns),
    )


def _joined(files: list[tuple[str, RowFile]], options: argparse.Namespace) -> RowFile:
    """All rows to write, as one file; drawn by the weights of --mix if there are any."""
    from worker.commands.support.data_files import join

    whole = join([(name, file.without_duplicates() if options.drop_duplicates else file) for name, file in files])
    if not options.mix:
        return whole
    rows, said = mix_rows(by_objective(whole.rows), parse_mix(options.mix), options.seed)
    print(said, file=sys.stderr)
    return replace(whole, rows=tuple(rows), lines=(0,) * len(rows))


def _say(name: str, file: RowFile) -> None:
    """Print what training would log about a file, to standard error."""
    what = f"{name}: " if name else ""
    print(f"{what}The format is {file.format}: {file.row_count:,} rows.", file=sys.stderr)
    for sentence in (*file.notes, file.problem_report()):
        if sentence:
            print(f"{what}{sentence}", file=sys.stderr)


def _report(options: argparse.Namespace, content: Mapping[str, object]) -> None:
    from worker.training.shared.writing import write_aside

    if options.report is not None:
        write_aside(options.report, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


COMMAND = Command(
    name="data",
    help="check training data, and convert it",
    description=_DESCRIPTION,
    epilog=_EXAMPLES,
    add_flags=_add_flags,
    run=run,
)
