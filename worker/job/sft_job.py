"""The SFT path of the queue's job: a run's id and its plan → initial training → a sealed version to conclude with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.services.versions import versions
from models.settings.sft import SFTPlan
from models.store.store import CheckpointStore
from worker.job import initial_training
from worker.job.recorder import RunRecorder
from worker.job.run_folders import kept_while_owned

if TYPE_CHECKING:
    from worker.publish.release import Conclude


def carry_out(
    settings: Settings,
    store: CheckpointStore,
    sessions: sessionmaker[Session],
    run_id: int,
    attempt: int,
    config: Mapping[str, Any],
    recorder: RunRecorder,
    conclude: Conclude,
) -> None:
    """Train as `config` says, from where an earlier attempt was, and hand the version to `conclude`."""
    from worker.publish import release

    with kept_while_owned(store, sessions, run_id, attempt) as folder:
        training = initial_training.from_plan(SFTPlan.from_mapping(config), store)
        with store.stage() as staged:
            metrics, digest = initial_training.train(training, settings, folder, staged, recorder)
            recorder.stage("publishing")
            seal_as = partial(initial_training.seal, training, store, staged, run_id, metrics, digest)
            release.publish_next(store, staged, partial(versions.next_number, sessions), seal_as, conclude)
