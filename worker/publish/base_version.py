"""Version 1, the root of all others: the embedded checkpoint or any T5 that BASE_MODEL names."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from app.config import Settings
from app.services.versions import versions
from models.model_errors import VersionExists
from models.store.manifest import Manifest
from models.store.store import MODEL_FOLDER
from models.store.trained_on import TrainedOn
from worker.publish.release import record, seal
from worker.studio.patience import STORE_AWAY, patiently
from worker.studio.studio import Studio

BASE_NUMBER = 1


def publish_base(settings: Settings) -> str:
    """Publish version 1 and make it live unless a version is live already; return the sentence to print.

    An interrupted call can be repeated: a version that is in the store but not in the database is recorded as it is.
    Raises TrainingError or ModelError if the model cannot be used.
    """
    studio = Studio.of(settings)
    serving = _serving_number(studio)
    if serving is None and BASE_NUMBER not in studio.store.numbers():
        try:
            return _said(_make(studio, settings))
        except VersionExists:  # another machine was first, where a later version may have been made live since
            serving = _serving_number(studio)
    if serving is not None:
        return f"Version {serving} serves."
    manifest = studio.store.verify(BASE_NUMBER)
    record(studio, manifest, note=None)
    return _said(manifest)


def _serving_number(studio: Studio) -> int | None:
    with studio.sessions() as session:
        return versions.serving_number(session)


def _make(studio: Studio, settings: Settings) -> Manifest:
    """Make version 1 of the base model and publish it; raises VersionExists if it is published meanwhile."""
    # Only a first start needs the training libraries, which take seconds to import.
    from worker.publish.staging import prepare
    from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint

    with studio.store.stage() as staged:
        (staged / MODEL_FOLDER).mkdir()
        model, tokenizer = load_model(settings.base_model), load_tokenizer(settings.base_model)
        save_checkpoint(model, tokenizer, staged / MODEL_FOLDER)
        known = TrainedOn.read(Path(settings.base_model))
        if known is not None:
            known.write(staged)
        parity = prepare(staged)
        manifest = seal(
            studio.store,
            staged,
            number=BASE_NUMBER,
            parent=None,
            run_id=None,
            method="base",
            config={"base_model": settings.base_model},
            data_sha256="",
            metrics={"parity": parity},
        )
        patiently(partial(studio.store.publish, staged, BASE_NUMBER), STORE_AWAY)
    record(studio, manifest, note=None)
    return manifest


def _said(manifest: Manifest) -> str:
    return f"Version {BASE_NUMBER} serves, made from {manifest.config.get('base_model', 'a checkpoint')}."
