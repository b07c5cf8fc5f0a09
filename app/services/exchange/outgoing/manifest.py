"""An export with its manifest: what was chosen, how many rows there are, what was masked, which judgments are left out.

The manifest can only be written once all rows were read: it stands after them in a zip, or comes by itself.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Project, now, project_of
from app.services.exchange import exports
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.judgment_table import Written
from app.services.exchange.outgoing.redaction import Choices, Redactor
from app.version import VERSION
from models.texts.personal_details import RULES, masked_value

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ExportPlan:
    """Names what is exported, and how; `project` is what the file calls it, None for the first one."""

    format_name: str
    wanted: JudgmentFilter
    pseudonyms: bool
    choices: Choices
    project: str | None = None

    @property
    def file_name(self) -> str:
        """The name of the file with the rows."""
        whose = f"{self.project}-" if self.project else ""
        return f"mellow-{whose}preferences-{self.format_name}.{exports.FORMATS[self.format_name].extension}"


class Export:
    """One export, counted while it is read."""

    def __init__(self, session: Session, plan: ExportPlan) -> None:
        self._session, self._plan = session, plan
        self._redactor = Redactor(session, plan.choices)
        self._sha256 = hashlib.sha256()

    def content(self) -> Iterator[bytes]:
        """Yield the file piece by piece."""
        plan = self._plan
        for piece in exports.content(self._session, plan.format_name, plan.wanted, plan.pseudonyms, self._redactor):
            self._sha256.update(piece)
            yield piece

    def manifest(self) -> dict[str, Any]:
        """Return the manifest, once all of the content was read."""
        plan = self._plan
        what = {
            "file": plan.file_name,
            "project": slug(self._session),
            "format": plan.format_name,
            "pseudonyms": plan.pseudonyms,
        }
        return manifest(self._redactor, plan.wanted, self._sha256.hexdigest(), **what)

    def zipped(self) -> Iterator[bytes]:
        """Yield a zip of the file and its manifest, piece by piece."""
        written = Written()
        with zipfile.ZipFile(cast("IO[bytes]", written), "w", zipfile.ZIP_DEFLATED) as archive:
            rows = zipfile.ZipInfo(self._plan.file_name)
            rows.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(rows, "w", force_zip64=True) as place:
                for piece in self.content():
                    place.write(piece)
                    yield written.take()
            archive.writestr(zipfile.ZipInfo(MANIFEST), as_text(self.manifest()))
        yield written.take()


def slug(session: Session) -> str:
    """Return what addresses call the session's project."""
    return session.scalars(select(Project.slug).where(Project.id == project_of(session))).one()


def manifest(redactor: Redactor, wanted: JudgmentFilter, sha256: str, **what: Any) -> dict[str, Any]:
    """Return the manifest of what a redactor let pass; `sha256` is that of the file, which `what` describes.

    What was searched for is masked, too, where details are not kept.
    """
    tally, choices = redactor.tally, redactor.choices
    selection = {name: value for name, value in wanted.as_query().items() if name != "undone"}
    return {
        "made_at": now().isoformat(),
        "mellow": VERSION,
        "rules": RULES,
        **what,
        "selection": selection if choices.personal == "keep" else masked_value(selection)[0],
        "choices": asdict(choices),
        "judgments": tally.judgments,
        "rows": tally.rows,
        "sha256": sha256,
        "personal_details": {
            "judgments": tally.with_details,
            "kinds": dict(tally.holding),
            "masked": dict(tally.places),
        },
        "evaluation_texts": {"same": tally.same, "near": tally.near},
        "left_out": {reason: ids.tolist() for reason, ids in tally.left_out.items()},
    }


def as_text(made: dict[str, Any]) -> str:
    """Return a manifest as the text of its file."""
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"
