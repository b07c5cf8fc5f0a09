"""The commands about the audit log."""

from __future__ import annotations

import re
from pathlib import Path

import click

from app.cli import standard_output
from app.cli.plain_errors import plain_errors
from app.domain_errors import Conflict, Invalid
from app.extensions import db
from app.services.system import audit_copies


@click.group("audit")
def audit() -> None:
    """Check and copy the audit log."""


@audit.command("export")
@click.option("--since", type=click.IntRange(min=0), metavar="ID", help="Only the entries after this one.")
@plain_errors
def export_audit(since: int | None) -> None:
    """Write the audit log to standard output as JSON Lines, to be kept where nobody who can write to Mellow can."""
    standard_output.write(audit_copies.pieces(db.session(), since))


@audit.command("verify")
@click.option("--head", metavar="HASH|FILE", help="The hash of an entry, or a copy whose last one must still be there.")
@click.option("--file", "copy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Check this copy.")
@plain_errors
def verify_audit(head: str | None, copy: Path | None) -> None:
    """Check that nothing in the audit log, or in a copy of it, was changed, removed or inserted."""
    wanted = _head(head) if head else None
    if copy:
        with copy.open("rb") as file:
            found = audit_copies.verify_copy(file, wanted)
    else:
        found = audit_copies.verify(db.session(), wanted)
    if found.broken:
        raise Conflict(f"The chain breaks at entry {found.broken.id}. {found.broken.sentence}")
    span = f" ({found.first} to {found.last})" if found.count else ""
    click.echo(f"The chain holds: {found.count} entries{span}, {found.erased} details erased.")
    click.echo(f"head {found.head}")
    if wanted and found.wanted_at is None:
        raise Conflict(f"No entry has the hash {wanted}: entries were removed from the end, or all of it is new.")
    if wanted:
        click.echo(f"The entry with the given hash is {found.wanted_at}.")


def _head(given: str) -> str:
    """Return a hash as it is given, or that of the last entry of a copy; raises Invalid."""
    if re.fullmatch("[0-9a-f]{64}", given):
        return given
    with Path(given).open("rb") as file:
        found = audit_copies.verify_copy(file)
    if found.broken:
        raise Invalid(f"The chain of the copy {given} breaks at entry {found.broken.id}. {found.broken.sentence}")
    return found.head
