"""The SFT path of the queue's job: a run's id and its plan → initial training → a sealed version to conclude with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.services import runs, versions
from models.manifest import Manifest
from models.sft_recipe import SFTPlan
from models.store import CheckpointStore
from worker import initial_training
from worker.recorder import RunRecorder

Conclude = Callable[[Manifest, Path, Callable[[], None]], None]


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
    """Train as `config` says, from where an earlier attempt was, and hand the version to `conclude`.

    The run folder is removed when the run ends, well or not; it stays where the worker dies, or has lost its run to
    another attempt, which goes on from it.
    """
    from worker import publish

    store.remove_run_folders(keep=str(run_id))
    folder = store.run_folder(str(run_id))
    try:
        training = initial_training.from_plan(SFTPlan.from_mapping(config), store)
        with store.stage() as staged:
            metrics, digest = initial_training.train(training, settings, folder, staged, recorder)
            recorder.stage("publishing")
            with sessions() as session:
                number = store.next_number(versions.highest_number(session) + 1)
            manifest = publish.seal(
                store,
                staged,
                number=number,
                parent=training.parent,
                run_id=run_id,
                method=initial_training.METHOD,
                config=training.config,
                data_sha256=digest,
                metrics=metrics,
            )
            conclude(manifest, store.place(number), lambda: store.publish(staged, number))
    except Exception:
        with sessions() as session:
            still_ours = runs.owned(session, run_id, attempt) is not None
        if still_ours:
            initial_training.remove_run_folder(folder)
        raise
    initial_training.remove_run_folder(folder)
