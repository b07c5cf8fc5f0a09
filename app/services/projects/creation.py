"""The creation of a project, with the version that it begins with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.db import ANSWERING, REWRITING, Project, Version, everything, within, write_transaction
from app.domain_errors import Conflict, Invalid
from app.services.projects import projects
from app.services.projects.projects import Text
from app.services.prompts import studio_settings
from app.services.versions import first_version, versions
from app.words import gettext
from models.model_errors import LoadError
from models.store.store import CheckpointStore

TASKS = (REWRITING, ANSWERING)


class Beginning(NamedTuple):
    """The task of a project, and the version that its first one is a copy of; None: the base, or what answers.

    What answers is the model in the folder `chat_model`, or, if that is empty, the model `server_model` at the address
    `chat_server`; both are empty if the settings name neither.
    """

    task: str = REWRITING
    copy_of: int | None = None
    chat_model: str = ""
    chat_server: str = ""
    server_model: str = ""


def create(
    session: Session, store: CheckpointStore, by: int, slug: str, text: Text, beginning: Beginning
) -> tuple[Project, int]:
    """Add a project that begins so; returns it with its first version.

    The web processes are to be told afterwards that an alias has moved. Raises Invalid, Conflict, NotFound for a
    version that is not there, and StoreError if its files cannot be stored; then there is no project either.
    """
    _check(session, beginning)
    project = projects.add(session, by, slug, text, beginning.task)
    try:
        number = _publish(session, store, by, project.id, beginning)
    except Exception:
        session.rollback()
        projects.discard(session, by, project.id)
        raise
    if beginning.task == ANSWERING:
        with within(session, project.id), write_transaction(session):
            studio_settings.store(session, by, studio_settings.OF_ANSWERING)
    return project, number


def origins(session: Session) -> list[tuple[Project, Version]]:
    """Return the versions of all projects that a new one can begin with, the newest of each project first."""
    with everything(session):
        found = [one for one in versions.all_versions(session) if one.deleted_at is None]
        return [(project, one) for project in projects.every(session) for one in found if one.project_id == project.id]


def _check(session: Session, beginning: Beginning) -> None:
    """Raise Invalid, NotFound or Conflict unless a project can begin so."""
    if beginning.task not in TASKS:
        raise Invalid(gettext("The task must be rewriting or answering."))
    if beginning.copy_of is not None:
        with everything(session):
            of = projects.get(session, versions.get(session, beginning.copy_of).project_id)
        if of.task != beginning.task:
            raise Invalid(_wrong_task(beginning.task))
    elif beginning.task == ANSWERING and not (beginning.chat_model or beginning.chat_server):
        raise Conflict(
            gettext("CHAT_MODEL names no chat model: set it, or let the project begin with a version of a chat model.")
        )


def _wrong_task(task: str) -> str:
    """Return why a version of the other task cannot be a project's first."""
    if task == ANSWERING:
        return gettext("A project that answers begins with a version of a chat model, not with one that rewrites.")
    return gettext("A project that rewrites cannot begin with a version of a chat model.")


def _publish(session: Session, store: CheckpointStore, by: int, project_id: int, beginning: Beginning) -> int:
    if beginning.task == ANSWERING and beginning.copy_of is None:
        if not beginning.chat_model:
            address, model = beginning.chat_server, beginning.server_model
            return first_version.publish_chat_server(session, store, project_id, by, address, model)
        try:
            return first_version.publish_chat_model(session, store, project_id, by, Path(beginning.chat_model))
        except LoadError as error:
            raise Conflict(gettext("The chat model cannot be used: %(error)s", error=error)) from None
    return first_version.publish_first(session, store, project_id, by, beginning.copy_of)
