"""The RQ jobs. `train` is the lower half of the loop:

    run id → rows → DPO, ORPO or KTO → convert, check → evaluate → publish → gate → move the alias

or, for initial training, with uploaded pairs and SFT in place of clicks and those (sft_job.py).

The database is the truth. The job owns the run by its attempt number, is harmless to deliver twice, and either
publishes a whole version or nothing. A version that the gate refuses is published, so that it can be looked at, but it
does not serve.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.db import make_sessions, write_transaction
from app.runtime.queue import JobQueue
from app.services.training import runs
from app.services.training.selection import EVERYTHING, Selection
from app.services.versions import versions
from models.errors import ModelError, VersionMissing
from models.serving.generator import Sampling
from models.store.manifest import Manifest
from models.store.store import MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from worker.job import dataset, initial_training, sft_job
from worker.job.recorder import RunRecorder
from worker.job.retraining import prepare
from worker.job.run_folders import kept_while_owned

log = logging.getLogger(__name__)


def train(run_id: int) -> None:
    """Carry out a training run that waits, and let the next one begin; does nothing if it is not its turn."""
    settings = Settings.from_env()
    sessions = make_sessions(settings.database_url)
    with sessions() as session:
        attempt = runs.claim(session, run_id)
    if attempt is None:
        log.info("Run %d does not wait for a worker, or another one comes before it.", run_id)
        return
    _train(settings, sessions, run_id, attempt)
    _hand_out_next(settings, sessions)


def _train(settings: Settings, sessions: sessionmaker[Session], run_id: int, attempt: int) -> None:
    with RunRecorder(sessions, run_id, attempt) as recorder:
        # Importing the training libraries takes seconds; the heartbeat runs already and the page says why.
        recorder.stage("importing the training libraries")
        from worker.training.shared.errors import Cancelled, TrainingError

        try:
            _carry_out(settings, sessions, run_id, attempt, recorder)
        except Cancelled:
            with sessions() as session:
                runs.finish_cancel(session, run_id, attempt)
        except (TrainingError, ModelError) as error:
            _fail(sessions, run_id, attempt, str(error))
        except OSError as error:
            _fail(sessions, run_id, attempt, f"The worker could not read or write its files: {error}.")
        except MemoryError:
            _fail(sessions, run_id, attempt, "The worker ran out of memory: lower per_device_train_batch_size.")
        except Exception as error:
            log.exception("Run %d failed", run_id)
            _fail(sessions, run_id, attempt, f"The worker failed unexpectedly ({type(error).__name__}): {error}")


def _carry_out(
    settings: Settings, sessions: sessionmaker[Session], run_id: int, attempt: int, recorder: RunRecorder
) -> None:
    from worker.evaluation.automatic import Clicks, evaluate_staged
    from worker.publish import release
    from worker.publish.gate import evaluate_version
    from worker.training.loading.rendering import texts_of

    store = CheckpointStore(settings.store)
    conclude = partial(_conclude, settings, sessions, attempt)
    published = store.find_run(run_id)
    store.remove_run_folders("[0-9]*", keep=None if published else str(run_id))
    if published is not None:
        # An earlier attempt got as far as the store and died before the database knew.
        conclude(published, store.folder(published.number), lambda: None)
        return
    with sessions() as session:
        run = runs.get(session, run_id)
        method, parent, config = run.method, run.parent_version, run.config
    if method == initial_training.METHOD:
        sft_job.carry_out(settings, store, sessions, run_id, attempt, config, recorder, conclude)
        return
    if parent is None:
        raise VersionMissing(f"Run {run_id} names no version to train from.")
    with sessions() as session:
        run = runs.get(session, run_id)
        selection = Selection.parse(run.selection)
        retraining = prepare(session, method, config, run.last_judgment_id, selection)
    clicks = retraining.clicks
    parent_folder, parent_serving = (store.folder(parent) / name for name in (MODEL_FOLDER, SERVING_FOLDER))
    role = "the starting point" if method == "orpo" else "the starting point and the reference model"
    recorder.log(f"{retraining.learns_from}; version {parent} is {role}.")
    if selection != EVERYTHING:
        recorder.log(f"Chosen among all clicks: those {selection.describe()}.")
    if clicks.held_out:
        recorder.log(f"Pairs held out of training, to test the version with: {len(clicks.held_out)}.")
    with kept_while_owned(store, sessions, run_id, attempt) as run_dir, store.stage() as staged:
        trained = retraining.train(parent_folder, staged, run_dir, recorder)
        recorder.stage("converting")
        taught = map(texts_of, dataset.pair_rows(clicks.train))
        parity = release.prepare(staged, taught, parent_serving, recorder.log)
        _stop_if_cancelled(recorder)
        recorder.stage("evaluating")
        evaluation = evaluate_version(parent_folder, staged / MODEL_FOLDER, clicks.train)
        report = evaluate_staged(
            staged / SERVING_FOLDER,
            parent_serving,
            Sampling(settings.temperature, settings.top_p, settings.top_k),
            settings.home / "cache",
            Clicks(clicks.held_out, retraining.beta),
            check=lambda: _stop_if_cancelled(recorder),
        )
        if "problem" in report:
            recorder.log(report["problem"])
        _stop_if_cancelled(recorder)
        recorder.stage("publishing")

        def seal_as(number: int) -> Manifest:
            return release.seal(
                store,
                staged,
                number=number,
                parent=parent,
                run_id=run_id,
                method=method,
                config=retraining.config,
                data_sha256=retraining.data_sha256,
                metrics={**trained, **evaluation, "parity": parity, "evaluation": report},
            )

        release.publish_next(store, staged, partial(versions.next_number, sessions), seal_as, conclude)


def _conclude(
    settings: Settings,
    sessions: sessionmaker[Session],
    attempt: int,
    manifest: Manifest,
    folder: Path,
    publish_files: Callable[[], None],
) -> None:
    """Publish, record, gate, move the alias and end the run: all of it, or, if the run is not ours any more, nothing.

    The files are renamed into place inside the transaction, which keeps a cancellation from coming in between.
    """
    from worker.publish.gate import gate
    from worker.training.shared.errors import Cancelled

    run_id = int(manifest.run_id or 0)
    if manifest.method == initial_training.METHOD:
        note = initial_training.note(manifest)
    else:
        reasons = gate(dict(manifest.metrics))
        note = " ".join(["The version was published but does not serve.", *reasons]) if reasons else None
    with sessions() as session, write_transaction(session):
        run = runs.owned(session, run_id, attempt)
        if run is None or run.cancel_requested_at is not None:
            raise Cancelled("The run was cancelled before its version was published.")
        publish_files()
        versions.record_version(session, manifest, str(folder))
        if note is None:
            versions.point_serving_at(session, manifest.number, None)
        runs.succeed(session, run, manifest.number, note)
        run.data_hash = manifest.data_sha256
    log.info("Run %d published version %d.", run_id, manifest.number)
    if note is None:
        _tell(settings, manifest.number)


def _stop_if_cancelled(recorder: RunRecorder) -> None:
    from worker.training.shared.errors import Cancelled

    if recorder.cancelled():
        raise Cancelled("The run was cancelled.")


def _fail(sessions: sessionmaker[Session], run_id: int, attempt: int, reason: str) -> None:
    log.error("Run %d failed: %s", run_id, reason)
    with sessions() as session:
        runs.fail(session, run_id, attempt, reason)


def _hand_out_next(settings: Settings, sessions: sessionmaker[Session]) -> None:
    """Let the next run of the queue begin now rather than when a web process looks."""
    try:
        with sessions() as session:
            runs.hand_out_next(session, JobQueue(settings.redis_url).enqueue_training)
    except RedisError:
        log.warning("The queue is away: the next run waits until a web process finds it.")


def _tell(settings: Settings, number: int) -> None:
    try:
        JobQueue(settings.redis_url).tell_alias_moved(number)
    except RedisError:
        log.warning("The queue is away: the web processes will see version %d by polling.", number)
