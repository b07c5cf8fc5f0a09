"""A zip of everything that is stored of one person: a file of JSON Lines for each kind of row, and a README."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, cast

from sqlalchemy.orm import Session

from app.db import Judgment, User, everything, now
from app.domain_errors import NotFound
from app.services.exchange.judgment_table import Written
from app.services.exchange.personal import rows
from app.services.exchange.personal.rows import KINDS, Row
from app.words import gettext

_LINES_AT_ONCE = 50
_encode = json.JSONEncoder(ensure_ascii=False).encode
_File = tuple[str, str, Iterable[Row]]
"""The name of a file, a sentence about its rows, and these."""


def of_account(session: Session, user_id: int) -> Iterator[bytes]:
    """Yield the zip of a person with an account piece by piece; memory holds some hundred rows. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(gettext("There is no user %(id)s.", id=user_id))
    files = ((kind.name, f"{kind.about} {_deleted(kind.on_deletion)}", kind.read(session, user_id)) for kind in KINDS)
    return _of_all_projects(session, _pieces(user.email, files))


def of_imported(session: Session, name: str) -> Iterator[bytes]:
    """Yield the zip of a person whom imported files name."""
    said = f"Every judgment that names them. {_deleted('They go, or stay under a pseudonym.')}"
    lines = rows.judgments(session, Judgment.annotator == name)
    return _of_all_projects(session, _pieces(name, [("judgments", said, lines)]))


def headers(name: str) -> dict[str, str]:
    """Return the headers of the response that is the zip of a person."""
    return {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="mellow-{name}.zip"',
        "Cache-Control": "no-store",
    }


def _of_all_projects(session: Session, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with everything(session):
        yield from pieces


def _deleted(what: str) -> str:
    return f"When the person is deleted: {what}"


def _pieces(person: str, files: Iterable[_File]) -> Iterator[bytes]:
    written = Written()
    said = []
    with zipfile.ZipFile(cast("IO[bytes]", written), "w", zipfile.ZIP_DEFLATED) as made:
        for name, about, lines in files:
            count = 0
            with made.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                remaining = iter(lines)
                while some := list(islice(remaining, _LINES_AT_ONCE)):
                    count += len(some)
                    file.write("".join(_encode(row) + "\n" for row in some).encode())
                    yield written.take()
            said.append(f"- `{name}.jsonl`, {count} {'row' if count == 1 else 'rows'}: {about}")
        made.writestr("README.md", _readme(person, said))
    yield written.take()


def _readme(person: str, files: Iterable[str]) -> str:
    listed = "\n".join(files)
    return f"""\
# What Mellow has stored of {person}

Written on {now():%Y-%m-%d at %H:%M} UTC. Each file has one JSON object a line, a row of the database; times are UTC.
Passwords, tokens and other secrets are not in it, nor their hashes.

{listed}

Besides, backups have what the database had on their day, and versions what they learned from the judgments.
"""
