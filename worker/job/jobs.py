"""The RQ job `train`, from a run's id to its version:

    run id → rows → DPO, ORPO or KTO → convert, check → evaluate → publish → gate → move the alias

or, for initial training, SFT on uploaded pairs (sft_job.py).

The database is the truth. The job owns the run by its attempt number, may be delivered twice without harm, and
publishes either a whole version or nothing. A version that the gate refuses is published for inspection but does not go
live. While the database is away the training goes on, and its end waits for it (patience.py).
"""

from __future__ import annotations

import logging
from functools import partial
from types import ModuleType

from app.config import Settings
from app.db.full_disk import is_full
from app.runtime import announcements
from app.services.prompts import studio_settings
from app.services.training.rebuilds import forgetting_runs
from models.chat.versions import base_named, base_of
from models.model_errors import ModelError
from models.settings.sft import SFTRecipe
from models.store.manifest import Manifest
from worker.job import initial_training, retraining, sft_job
from worker.job.chat import chat_retraining
from worker.job.recorder import RunRecorder
from worker.publish import release
from worker.studio.attempt import Attempt
from worker.studio.patience import AWAY, STORE_AWAY, patiently, what_is_away
from worker.studio.studio import Studio

log = logging.getLogger(__name__)

_TIMES_AWAY = 3
"""The most times that a run is taken up because the database or the store was away."""


def train(run_id: int) -> None:
    """Carry out a waiting training run, then announce the next one; do nothing if it is not the run's turn."""
    studio = Studio.of(Settings.from_env())
    attempt = Attempt.claim(studio.sessions, run_id)
    if attempt is None:
        log.info("Run %d does not wait for a worker, or another one comes before it.", run_id)
        return
    _train(studio.in_project(attempt.project), attempt)
    with studio.sessions() as session:
        if not announcements.run_waits(studio.queue, session):
            log.warning("The queue is away: the next run waits until a web process finds it.")


def _train(studio: Studio, attempt: Attempt) -> None:
    """Carry the run out, or end it with the reason."""
    with RunRecorder(attempt.sessions, attempt.run_id, attempt.number) as recorder:
        # Importing the training libraries takes seconds; the heartbeat runs already and the page says why.
        recorder.stage("importing the training libraries")
        from worker.training.shared.training_errors import Cancelled, ProcessesLost

        try:
            _carry_out_patiently(studio, attempt, recorder)
        except AWAY as error:
            log.error("Run %d: %s. What was trained is kept, and goes on later.", attempt.run_id, what_is_away(error))
            raise
        except ProcessesLost as error:
            log.error("Run %d: %s A web process hands it out anew.", attempt.run_id, error)
            raise
        except Cancelled:
            patiently(recorder.tell)
            patiently(attempt.end_cancelled)
        except Exception as error:
            _fail(attempt, recorder, _reason(error))


def _reason(error: Exception) -> str:
    """Return why a run failed, as a sentence for whoever asked for it; log what nobody expected."""
    from worker.training.shared.training_errors import TrainingError

    if is_full(error):
        return "The disk is full, so the run could not write what it made. Make room, then ask for it again."
    if isinstance(error, TrainingError | ModelError):
        return str(error)
    if isinstance(error, OSError):
        return f"The worker could not read or write its files: {error}."
    if isinstance(error, MemoryError):
        return "The worker ran out of memory: lower per_device_train_batch_size."
    log.error("A run failed unexpectedly.", exc_info=error)
    return f"The worker failed unexpectedly ({type(error).__name__}): {error}"


def _carry_out_patiently(studio: Studio, attempt: Attempt, recorder: RunRecorder) -> None:
    """Carry the run out; where the database or the store was needed and away, wait and go on from what is trained.

    Raises one of AWAY if it does not come back, and Cancelled if the run was cancelled or lost meanwhile.
    """
    times_away = 0
    while True:
        try:
            _carry_out(studio, attempt, recorder)
            return
        except AWAY as error:
            times_away += 1
            if times_away == _TIMES_AWAY:
                raise
            log.warning("Run %d waits: %s", attempt.run_id, error)
            recorder.log(f"{what_is_away(error)}: the run goes on later, from what is trained already.")
            patiently(recorder.tell)
            patiently(studio.store.numbers, STORE_AWAY)


def _carry_out(studio: Studio, attempt: Attempt, recorder: RunRecorder) -> None:
    """Train, and release the result as the next version; what is published already is recorded. Raises Cancelled."""
    from worker.training.shared.progress import stop_if_cancelled

    job = _job_of(studio, attempt)
    published = studio.store.find_run(attempt.key)
    if published is not None and not published.is_made_of(
        attempt.parent, attempt.method, *job.made_from(studio, attempt)
    ):
        recorder.log(f"Version {published.number} is of this run but of other data or settings: it is trained again.")
        published = None
    studio.store.remove_run_folders("[0-9]*", keep=None if published else attempt.folder_name)
    if published is not None:
        # An earlier attempt died between publishing the files and recording them in the database.
        release.record(studio, published, _refusal(studio, attempt, published), attempt)
    else:
        with attempt.folder(studio.store) as run_dir, studio.store.stage() as staged:
            stop_if_cancelled(recorder)
            facts = job.carry_out(studio, attempt, run_dir, staged, recorder)
            recorder.stage("publishing")
            patiently(recorder.tell)  # what the run has still to say; once it has ended it says nothing more
            release.release(studio, staged, facts, _refusal(studio, attempt, facts), attempt)


def _job_of(studio: Studio, attempt: Attempt) -> ModuleType:
    """Return the part of the job that carries out a run of its method, from a version of its kind."""
    if attempt.method == SFTRecipe.method:
        return sft_job
    chat = attempt.parent is not None and base_of(studio.store.manifest(attempt.parent)) is not None
    return chat_retraining if chat else retraining


def _refusal(studio: Studio, attempt: Attempt, version: Manifest | release.Facts) -> str | None:
    """Return why a version must not go live, as a sentence for its run, or None if it may."""
    from worker.publish.chat_gate import chat_gate
    from worker.publish.gate import gate

    with studio.sessions() as session:
        note = forgetting_runs.note(session, attempt.run_id)
    if note is not None:
        return note
    if version.method == SFTRecipe.method:
        return initial_training.note(version)
    with studio.sessions() as session:
        only_if_better = studio_settings.settings(session).only_if_better
    judge = chat_gate if base_named(version.config) is not None else gate
    reasons = judge(version.metrics, only_if_better=only_if_better)
    return " ".join(["The version was published but is not live.", *reasons]) if reasons else None


def _fail(attempt: Attempt, recorder: RunRecorder, reason: str) -> None:
    log.error("Run %d failed: %s", attempt.run_id, reason)
    patiently(recorder.tell)
    patiently(partial(attempt.fail, reason))
