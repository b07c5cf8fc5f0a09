"""The commands that bring texts in and take judgments out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, get_args

import click

from app.cli import standard_output
from app.cli.plain_errors import plain_errors
from app.cli.project import in_project
from app.context import mellow
from app.domain_errors import Invalid
from app.extensions import db
from app.services.exchange import exports, imports
from app.services.exchange.hub import data_set
from app.services.exchange.hub.data_set import Contents
from app.services.exchange.incoming.import_plan import ImportPlan
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.mapping import is_known
from app.services.exchange.outgoing import manifest
from app.services.exchange.outgoing.manifest import Export, ExportPlan
from app.services.exchange.outgoing.redaction import Choices, Evaluation, Personal
from app.services.prompts.prompts import ImportReport

P = ParamSpec("P")


@click.command("import-prompts")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--leave-out", "left_out", multiple=True, metavar="COLUMN", help="Do not keep this column.")
@in_project
@plain_errors
def import_prompts(path: Path, left_out: tuple[str, ...]) -> None:
    """Queue the texts of a file for the annotators: CSV, TSV, JSON, JSON Lines, XLSX, Parquet or plain lines.

    Its other columns are kept with the texts, but for those that are left out. A folder or a zip in the layout of the
    Hugging Face hub is read as its one file of data.
    """
    session, longest, report = db.session(), mellow().longest_text, ImportReport()
    found = imports.preview(session, path, {}, longest)
    _refuse_unclear_columns(found, left_out)
    leave_out = [*found.mapping.leave_out, *left_out]
    plan = ImportPlan.parse(found.mapping.as_json() | {"leave_out": leave_out}, path.name)
    for progress in imports.run(session, None, path, plan, longest):
        report = progress.report
    _tell(report, kept=[name for name in found.beside() if name not in leave_out])
    if report.rejected and not report.added + report.duplicates:
        raise SystemExit(1)


def _refuse_unclear_columns(found: imports.Preview, left_out: tuple[str, ...]) -> None:
    """Raise Invalid if it is not clear which column has the texts, or if one that is to be left out is not there."""
    if len(found.found.columns) > 1 and not is_known(found.mapping.text):
        columns = ", ".join(found.found.columns)[:200]
        raise Invalid(f"Call the column of the texts `text`, or map it on the Data page: the columns are {columns}.")
    beside = found.beside()
    unknown = [name for name in left_out if name not in beside]
    if unknown:
        there = ", ".join(beside)[:200] or "none"
        raise Invalid(f"There is no column {unknown[0]} beside the texts: there are {there}.")


def _tell(report: ImportReport, kept: list[str]) -> None:
    """Print how many texts were queued, and why the others were not."""
    counted = [
        f"{report.waiting} queued",
        f"{report.checks} as attention checks" * bool(report.checks),
        f"{report.judged} judged often enough" * bool(report.judged),
        f"{report.duplicates} known already",
        f"{report.rejected_count} not usable",
    ]
    click.echo(", ".join(filter(None, counted)) + ".")
    if report.unused_count:
        click.echo(f"Parts of rows that are not used: {report.unused_count}.")
    if report.systems:
        click.echo(f"System messages kept as metadata, while the desk uses the project's: {report.systems}.")
    if kept:
        click.echo(f"Kept with them: {', '.join(kept)}.")
    for row in report.rejected:
        click.echo(f"  line {row['line']}: {row['reason']}", err=True)


def _redaction(command: Callable[P, None]) -> Callable[P, None]:
    """Add the options of what may be masked or left out of an export."""
    personal = click.option(
        "--personal",
        type=click.Choice(get_args(Personal)),
        default="keep",
        show_default=True,
        help="What becomes of e-mail addresses, telephone numbers, handles and the like.",
    )
    evaluation = click.option(
        "--evaluation",
        type=click.Choice(get_args(Evaluation)),
        default="keep",
        show_default=True,
        help="What becomes of texts that versions are tested on, and their near-duplicates.",
    )
    return personal(evaluation(command))


@click.command("export")
@click.option("--format", "format_name", type=click.Choice(list(exports.FORMATS)), default="trl", show_default=True)
@click.option("--pseudonyms", is_flag=True, help="Give people names that are drawn for this export alone.")
@_redaction
@click.option(
    "--manifest",
    "place",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a new file that says what was exported, masked and left out.",
)
@in_project
@plain_errors
def export(format_name: str, pseudonyms: bool, personal: Personal, evaluation: Evaluation, place: Path | None) -> None:
    """Write every standing judgment to standard output."""
    choices = Choices(personal, evaluation)
    if choices.alter and place is None:
        raise Invalid("Name a file for what is masked and left out: --manifest FILE.")
    if place is None:
        standard_output.write(exports.content(db.session(), format_name, pseudonyms=pseudonyms))
        return
    made = Export(db.session(), ExportPlan(format_name, JudgmentFilter(), pseudonyms, choices))
    with place.open("x", encoding="utf-8") as file:
        standard_output.write(made.content())
        file.write(manifest.as_text(made.manifest()))


@click.command("export-dataset")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--contents", type=click.Choice(get_args(Contents)), default="pairs", show_default=True)
@_redaction
@in_project
@plain_errors
def export_data_set(path: Path, contents: Contents, personal: Personal, evaluation: Evaluation) -> None:
    """Write what stands as a new zip in the layout of the Hugging Face hub: a card, a manifest and a Parquet file."""
    choices = Choices(personal, evaluation)
    with data_set.archive(db.session(), contents, choices=choices) as made, path.open("xb") as file:
        shutil.copyfileobj(made, file)
