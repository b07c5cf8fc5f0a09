"""Projects of a studio: their names, instructions and addresses, and the archive."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.db import FIRST, LONGEST_INSTRUCTION, REWRITING, Project, now, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.system import audit
from app.words import gettext

LONGEST_NAME = 100
LONGEST_SLUG = 40
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"
"""What names a project in addresses."""


class Text(NamedTuple):
    """Name and instruction of a project, as a form or a program gives them."""

    name: str
    instruction: str

    def checked(self) -> Text:
        """Return them stripped; raises Invalid."""
        name, instruction = self.name.strip(), self.instruction.strip().replace("\r\n", "\n")
        if not 1 <= len(name) <= LONGEST_NAME or "\x00" in name:
            raise Invalid(gettext("Give the project a name of at most %(most)s characters.", most=LONGEST_NAME))
        if len(instruction) > LONGEST_INSTRUCTION or "\x00" in instruction:
            raise Invalid(
                gettext("The instruction must be a text of at most %(most)s characters.", most=LONGEST_INSTRUCTION)
            )
        return Text(name, instruction)


def every(session: Session) -> list[Project]:
    """Return all projects, the oldest first, archived ones included."""
    return list(session.scalars(select(Project).order_by(Project.id)))


def get(session: Session, project_id: int) -> Project:
    """Return one project; raises NotFound."""
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound(gettext("There is no project %(id)s.", id=project_id))
    return project


def by_slug(session: Session, slug: str) -> Project:
    """Return the project that addresses call so; raises NotFound."""
    project = session.scalar(select(Project).where(Project.slug == slug)) if re.fullmatch(SLUG, slug) else None
    if project is None:
        raise NotFound(gettext("There is no project %(id)s.", id=slug[:LONGEST_SLUG]))
    return project


def add(session: Session, by: int, slug: str, text: Text, task: str = REWRITING) -> Project:
    """Add a project; without a slug one is made of its name. Raises Invalid and Conflict."""
    text = text.checked()
    wanted = slug.strip()
    if wanted and not (re.fullmatch(SLUG, wanted) and len(wanted) <= LONGEST_SLUG):
        raise Invalid(
            gettext(
                "The address may have at most %(most)s small letters from a to z, digits, and hyphens between them.",
                most=LONGEST_SLUG,
            )
        )
    with write_transaction(session):
        if wanted and _taken(session, wanted):
            raise Conflict(gettext("There is a project with the address %(slug)s already.", slug=wanted))
        project = Project(slug=wanted or _free(session, suggested(text.name)), task=task, **text._asdict())
        session.add(project)
        session.flush()
        said = {"slug": project.slug, "name": text.name, "task": task}
        audit.record(session, by, "project.created", f"project {project.id}", **said)
    return project


def discard(session: Session, by: int, project_id: int) -> None:
    """Delete a project that was just added and holds nothing yet."""
    with write_transaction(session):
        project = get(session, project_id)
        audit.record(session, by, "project.discarded", f"project {project_id}", slug=project.slug)
        session.delete(project)


def change(session: Session, by: int, project_id: int, text: Text) -> Project:
    """Change the name and the instruction of a project; raises NotFound and Invalid."""
    text = text.checked()
    with write_transaction(session):
        project = get(session, project_id)
        changed = {name: value for name, value in text._asdict().items() if getattr(project, name) != value}
        if changed:
            project.name, project.instruction = text
            audit.record(session, by, "project.changed", f"project {project_id}", slug=project.slug, **changed)
    return project


def set_archived(session: Session, by: int, project_id: int, archived: bool) -> Project:
    """Archive a project, or restore it; raises NotFound, and Conflict for the first one."""
    with write_transaction(session):
        project = get(session, project_id)
        if archived and project_id == FIRST:
            raise Conflict(gettext("The first project stays: it is meant where an address names none."))
        if archived != (project.archived_at is not None):
            project.archived_at = now() if archived else None
            action = "project.archived" if archived else "project.restored"
            audit.record(session, by, action, f"project {project_id}", slug=project.slug)
    return project


def suggested(name: str) -> str:
    """Return the slug that a name suggests: its letters and digits in ASCII, with hyphens between words."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain)[:LONGEST_SLUG].strip("-") or "project"


def _free(session: Session, slug: str) -> str:
    """Return a slug, with a number behind it if it is taken."""
    number, tried = 1, slug
    while _taken(session, tried):
        number += 1
        tried = f"{slug[: LONGEST_SLUG - 1 - len(str(number))]}-{number}"
    return tried


def _taken(session: Session, slug: str) -> bool:
    return bool(session.scalar(select(exists().where(Project.slug == slug))))
