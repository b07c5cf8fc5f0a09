"""The run folder of the store in which one attempt at a run works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from app.services.training import runs
from models.store.locks import remove_unless_locked
from models.store.store import CheckpointStore


@contextmanager
def kept_while_owned(
    store: CheckpointStore, sessions: sessionmaker[Session], run_id: int, attempt: int
) -> Iterator[Path]:
    """The run folder, removed when the run ends, well or not.

    It stays where the worker dies, or has lost its run to another attempt, which goes on from it, or waited in vain for
    one that is still at work in it.
    """
    folder = store.run_folder(str(run_id))
    try:
        yield folder
    except Exception:
        with sessions() as session:
            still_ours = runs.owned(session, run_id, attempt) is not None
        if still_ours:
            remove_unless_locked(folder)
        raise
    remove_unless_locked(folder)
