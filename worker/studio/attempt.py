"""One attempt at a training run: the run's request, and the attempt number by which this process owns it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.db import TrainingRun, Version, enter, everything, sessions_of, write_transaction
from app.services.training import runs
from app.services.training.rebuilds import labelled_pairs
from app.services.training.rebuilds.labelled_pairs import Pair
from app.services.training.rebuilds.readings import Exactly, Reading, Without
from app.services.training.selection import Selection
from app.services.versions import forgetting, learned
from app.services.versions.forgetting import Forgotten
from models.store.learned_from import LearnedFrom
from models.store.locks import remove_unless_locked
from models.store.store import CheckpointStore
from worker.studio.patience import AWAY, DATABASE_AWAY


@dataclass(frozen=True)
class Recorded:
    """The record of a training that is repeated: the judgments that it read, and the pairs that were labelled for it.

    `pairs` is None if they were not kept. `texts` were sampled for them, and `sureness` is how sure they were.
    `weights` are those of judgments that did not weigh 1, by their ids.
    """

    judgments: LearnedFrom
    pairs: tuple[Pair, ...] | None
    weights: Mapping[int, float]
    texts: int = 0
    sureness: float = 0.0


@dataclass(frozen=True)
class Attempt:
    """A run that this process carries out, until another attempt takes it over.

    Its `sessions` are of the run's project. `without` is what it is to forget. With `again` it repeats a training that
    has ended: then nothing of it is kept in the database.
    """

    sessions: sessionmaker[Session]
    run_id: int
    key: str
    number: int
    project: int
    method: str
    parent: int | None
    config: Mapping[str, Any]
    selection: Mapping[str, Any]
    last_judgment_id: int
    without: Forgotten | None = None
    again: Recorded | None = None

    @classmethod
    def claim(cls, sessions: sessionmaker[Session], run_id: int) -> Attempt | None:
        """Claim the run for this process; return None if it does not wait, or another run comes before it."""
        with sessions() as session:
            enter(session, None)
            number = runs.claim(session, run_id)
            if number is None:
                return None
            run = runs.get(session, run_id)
            return cls(
                sessions_of(sessions, run.project_id),
                run.id,
                run.key,
                number,
                project=run.project_id,
                method=run.method,
                parent=run.parent_version,
                config=run.config,
                selection=run.selection,
                last_judgment_id=run.last_judgment_id,
                without=forgetting.of_run(session, run),
            )

    @property
    def folder_name(self) -> str:
        """Return what the run's folder in the store is called: by its id for people, by its key for certain."""
        return f"{self.run_id}-{self.key}"

    @property
    def reading(self) -> Reading:
        """Return which judgments it reads."""
        if self.again is not None:
            return Exactly(self.again.judgments.ids)
        selection = Selection.parse(self.selection)
        return selection if self.without is None else Without(selection, self.without)

    def owned(self, session: Session) -> TrainingRun | None:
        """Return the run, within the caller's transaction, if it is still this attempt's."""
        return runs.owned(session, self.run_id, self.number)

    def intended_version(self) -> int | None:
        """Return the number under which an earlier attempt was about to publish, None if none was or it is taken."""
        with self.sessions() as session, everything(session):  # no two projects have a version of one number
            number = runs.get(session, self.run_id).intended_version
            return None if number is None or session.get(Version, number) is not None else number

    def keep_read(self, ids: Iterable[int], pairs: Sequence[Pair], comes_with_mellow: Callable[[str], bool]) -> None:
        """Keep the ids of the judgments that the run learns from and the pairs labelled for it, if it is still ours."""
        with self.sessions() as session, write_transaction(session):
            run = self.owned(session)
            if run is not None:
                run.judgments = learned.pack(ids)
                labelled_pairs.keep(session, run.id, pairs, comes_with_mellow)

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

        It stays if the worker or processes that it started die, or the database or the store is away, so that the run
        can go on from it, and if another attempt has taken the run over or still works in it.
        """
        folder = store.run_folder(self.folder_name)
        try:
            yield folder
        except (*AWAY, ChildProcessError):
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
