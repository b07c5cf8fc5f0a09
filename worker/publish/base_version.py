"""Version 1: the model that everything starts from, the embedded checkpoint or any T5 that BASE_MODEL names."""

from __future__ import annotations

from app.config import Settings
from app.db import make_sessions, write_transaction
from app.services.versions import versions
from models.store.store import MODEL_FOLDER, CheckpointStore

BASE_NUMBER = 1


def publish_base(settings: Settings) -> str:
    """Publish and serve version 1 if no version serves yet; returns the sentence to print.

    Interrupted at any point and run again, it goes on where it was: a version that lies in the store without being
    known to the database is taken as it is. Raises TrainingError or ModelError if the model cannot be used.
    """
    sessions = make_sessions(settings.database_url)
    with sessions() as session:
        serving = versions.serving_number(session)
    if serving is not None:
        return f"Version {serving} serves."
    store = CheckpointStore(settings.store)
    manifest = store.verify(BASE_NUMBER) if BASE_NUMBER in store.numbers() else None
    if manifest is None:
        # Only a first start needs the training libraries, which take seconds to import.
        from worker.publish import release
        from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint

        with store.stage() as staged:
            (staged / MODEL_FOLDER).mkdir()
            model, tokenizer = load_model(settings.base_model), load_tokenizer(settings.base_model)
            save_checkpoint(model, tokenizer, staged / MODEL_FOLDER)
            parity = release.prepare(staged)
            manifest = release.seal(
                store,
                staged,
                number=BASE_NUMBER,
                parent=None,
                run_id=None,
                method="base",
                config={"base_model": settings.base_model},
                data_sha256="",
                metrics={"parity": parity},
            )
            store.publish(staged, BASE_NUMBER)
    with sessions() as session, write_transaction(session):
        versions.record_version(session, manifest, str(store.folder(BASE_NUMBER)))
        versions.point_serving_at(session, BASE_NUMBER, None)
    return f"Version {BASE_NUMBER} serves, made from {manifest.config.get('base_model', 'a checkpoint')}."
