"""One attempt at a training run: the run's request, and the attempt number by which this process owns it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.db import TrainingRun, write_transaction
from app.services.training import runs
from app.services.versions import learned
from models.store.locks import remove_unless_locked
from models.store.store import CheckpointStore
from worker.studio.patience import DATABASE_AWAY


@dataclass(frozen=True)
class Attempt:
    """A run that this process carries out, until another attempt takes it over."""

    sessions: sessionmaker[Session]
    run_id: int
    key: str
    number: int
    method: str
    parent: int | None
    config: Mapping[str, Any]
    selection: Mapping[str, Any]
    last_judgment_id: int

    @classmethod
    def claim(cls, sessions: sessionmaker[Session], run_id: int) -> Attempt | None:
        """Claim the run for this process; return None if it does not wait, or another run comes before it."""
        with sessions() as session:
            number = runs.claim(session, run_id)
            if number is None:
                return None
            run = runs.get(session, run_id)
            return cls(
                sessions,
                run.id,
                run.key,
                number,
                method=run.method,
                parent=run.parent_version,
                config=run.config,
                selection=run.selection,
                last_judgment_id=run.last_judgment_id,
            )

    @property
    def folder_name(self) -> str:
        """Return what the run's folder in the store is called: by its id for people, by its key for certain."""
        return f"{self.run_id}-{self.key}"

    def owned(self, session: Session) -> TrainingRun | None:
        """Return the run, within the caller's transaction, if it is still this attempt's."""
        return runs.owned(session, self.run_id, self.number)

    def keep_judgments(self, ids: Iterable[int]) -> None:
        """Keep the ids of the judgments that the run learns from, if it is still this attempt's."""
        with self.sessions() as session, write_transaction(session):
            run = self.owned(session)
            if run is not None:
                run.judgments = learned.pack(ids)

    def fail(self, reason: str) -> None:
        """End the run with the reason, if it is still this attempt's."""
        with self.sessions() as session:
            runs.fail(session, self.run_id, self.number, reason)

    def end_cancelled(self) -> None:
        """End the run as cancelled, if it is still this attempt's."""
        with self.sessions() as session:
            runs.finish_cancel(session, self.run_id, self.number)

    @contextmanager
    def folder(self, store: CheckpointStore) -> Iterator[Path]:
        """Yield the run folder of the store, and remove it when the run ends, well or not.

        It stays if the worker dies or the database is away, so that the run can go on from it, and if another attempt
        has taken the run over or still works in it.
        """
        folder = store.run_folder(self.folder_name)
        try:
            yield folder
        except DATABASE_AWAY:
            raise  # the run has not ended
        except Exception:
            if self._surely_ours():
                remove_unless_locked(folder)
            raise
        remove_unless_locked(folder)

    def _surely_ours(self) -> bool:
        """Return whether the run is still this attempt's, False if the database cannot be asked."""
        try:
            with self.sessions() as session:
                return self.owned(session) is not None
        except DATABASE_AWAY:
            return False
