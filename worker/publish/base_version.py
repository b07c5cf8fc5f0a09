"""Version 1, the root of all others: the embedded checkpoint or any T5 that BASE_MODEL names."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from app.config import Settings
from app.services.versions import versions
from models.model_errors import VersionExists
from models.store.store import MODEL_FOLDER
from models.store.trained_on import TrainedOn
from worker.publish.release import record, seal
from worker.studio.studio import Studio

BASE_NUMBER = 1


def publish_base(settings: Settings) -> str:
    """Publish version 1 and make it live unless a version is live already; return the sentence to print.

    An interrupted call can be repeated: a version that is in the store but not in the database is recorded as it is.
    Raises TrainingError or ModelError if the model cannot be used.
    """
    studio = Studio.of(settings)
    with studio.sessions() as session:
        serving = versions.serving_number(session)
    if serving is not None:
        return f"Version {serving} serves."
    if BASE_NUMBER in studio.store.numbers():
        manifest = studio.store.verify(BASE_NUMBER)
        record(studio, manifest, note=None)
    else:
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
            try:
                record(studio, manifest, note=None, publish=partial(studio.store.publish, staged, BASE_NUMBER))
            except VersionExists:  # another machine was started at the same moment
                manifest = studio.store.verify(BASE_NUMBER)
                record(studio, manifest, note=None)
    return f"Version {BASE_NUMBER} serves, made from {manifest.config.get('base_model', 'a checkpoint')}."
